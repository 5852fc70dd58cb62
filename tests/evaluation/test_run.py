"""What of a model's own data and of others is scored, refused and said."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base
from g2npan_tf.evaluation import results as kept
from g2npan_tf.evaluation import run as model_evaluation
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.figures import HERE
from g2npan_tf.evaluation.run import Choice
from g2npan_tf.evaluation.run import select
from tests import extra_base
from tests.evaluation.test_results import RESULTS
from tests.tiled_base import TiledBase


class BrightnessAssessor:
    """Scores by brightness; takes images of any size."""

    size = 128

    def score(self, images):
        return np.array([1 + 4 * x.mean() / 255 for x in images], np.float32)

    def numbers(self, images):
        mos = self.score(images)
        return {
            "mos": mos,
            "mos_low": mos - 0.5,
            "mos_high": mos + 0.5,
            "distance": np.linspace(97, 100, len(mos)),
        }

    explain = score


@pytest.fixture
def run(data_dir, tmp_path, monkeypatch):
    """A run on the small phantom base."""
    settings = Config(data_dir=data_dir)
    facts = base.facts(base.open_base(settings))
    workdir = tmp_path / "run"
    workdir.mkdir()
    config_module.save(settings, facts, workdir / "config.json")
    monkeypatch.setattr(
        model_evaluation.Assessor,
        "load",
        lambda *_, **options: BrightnessAssessor(),
    )
    monkeypatch.setattr(statistics, "NUM_RESAMPLES", 20)
    return workdir


@pytest.fixture(scope="module")
def tiled(tmp_path_factory):
    """Another base, of tiled images with anchors."""
    folder = tmp_path_factory.mktemp("tiled")
    TiledBase(data_dir=folder).download_and_prepare()
    return Choice(data="tiled_base", data_dir=str(folder))


def test_without_a_base_it_is_the_test_part_and_nothing_differs(run, tmp_path):
    scored = model_evaluation.score(run, Choice())
    results = scored.results
    assert results.split == "test"
    assert results.images == 6
    assert results.network == "G2NPAN"
    assert results.readers["one reader"].readers == 8
    assert results.differs == []
    assert set(results.methods) == {"g2npan", "mean", "algorithm_modality_mean"}
    output = tmp_path / "new" / "folder"
    model_evaluation.write(scored, output)
    written = kept.read(output / "results.json", kept.Results)
    assert written.methods["g2npan"].raw == results.methods["g2npan"].raw
    rows = kept.read_predictions(output / "predictions.csv")
    inside = np.abs(rows.predicted - rows.split.mos) <= 0.5
    assert results.inside["all"].share == pytest.approx(inside.mean())
    assert results.inside["all"].width == pytest.approx(1.0)
    assert written.inside == results.inside
    # 97.6, 98.2, 98.8, 99.4 and so on.
    assert results.outside["all"].share == pytest.approx(2 / 6)
    assert written.outside == results.outside
    np.testing.assert_allclose(rows.distance, np.linspace(97, 100, 6))
    np.testing.assert_allclose(rows.high - rows.low, 1.0, atol=2e-4)
    assert rows.grades.shape == (6, 8)
    assert (rows.spread >= 0).all()


def test_pixels_of_chosen_images_are_theirs(run):
    scored = model_evaluation.score(run, Choice())
    places = np.array([4, 1])
    explained = scored.explain(scored.predictions.at(places))
    for place, (pixels, mos) in zip(places, explained, strict=True):
        np.testing.assert_array_equal(pixels, scored.images[place])
        assert mos == scored.predictions.predicted[place]


def test_another_base_is_scored_whole_and_what_differs_is_said(run, tiled):
    scored = model_evaluation.score(run, tiled)
    results = scored.results
    # Ten cases of three images, of which one is an anchor.
    assert results.images == 20
    assert results.cases == 10
    assert results.data["name"] == "tiled_base/1.0.0"
    assert results.trained_on["name"].startswith("fusion_quality/phantom")
    assert set(results.methods) == {"g2npan", "mean", "modality_mean", HERE}
    assert set(results.baselines) == {"mean", "modality_mean", HERE}
    said = "; ".join(line.partition(":")[0] for line in results.differs)
    assert said == (
        "data set; scores; sampling; modality; algorithm; score scale; "
        "baselines"
    )
    folder = model_evaluation.folder(run, results)
    assert folder == run / "evaluation" / "tiled_base-1.0.0-all"


def side_file(data_dir, **more):
    """An artefact with nothing but the side file that says what it is."""
    facts = base.facts(base.open_base(Config(data_dir=data_dir)))
    return json.dumps({"data": {**facts, **more}, "protocol": "five as one"})


def test_an_artefact_is_judged_by_what_its_side_file_says(
    run, data_dir, tiled, tmp_path
):
    (tmp_path / "m.json").write_text(side_file(data_dir))
    model = str(tmp_path / "m.tflite")
    own = Choice(data="fusion_quality/phantom", data_dir=data_dir)
    results = model_evaluation.score_artefact(model, own).results
    assert results.protocol == (
        "own data set, all images, includes up to 30 training images; the "
        f"model is of {results.data['name']}, five as one"
    )
    assert (results.preset_words, results.network) == ("", "m.tflite")
    assert "algorithm_modality_mean" in results.methods
    assert results.inside["all"].width == pytest.approx(1.0)
    other = model_evaluation.score_artefact(model, tiled).results
    assert other.protocol.startswith("external, all images; the model is of")
    assert set(other.methods) == {"g2npan", HERE}


def test_an_artefact_of_further_images_alone_is_of_these(
    run, data_dir, tiled, tmp_path
):
    extra = {"name": "extra_base/1.0.0", "scores": "simulated"}
    text = side_file(data_dir, extra_data=extra, extra_only=True)
    (tmp_path / "m.json").write_text(text)
    scored = model_evaluation.score_artefact(str(tmp_path / "m.tflite"), tiled)
    assert scored.results.trained_on == extra


def test_a_scorer_of_a_run_says_the_protocol_of_its_settings(run, tiled):
    scored = model_evaluation.score_artefact(str(run / "scorer.keras"), tiled)
    assert scored.results.protocol.endswith(", group, fold 0")


def test_an_artefact_whose_protocol_is_not_said_is_of_no_known_one(
    run, data_dir, tiled, tmp_path
):
    side = json.loads(side_file(data_dir))
    (tmp_path / "m.json").write_text(json.dumps({"data": side["data"]}))
    scored = model_evaluation.score_artefact(str(tmp_path / "m.tflite"), tiled)
    assert "it is not said what trained" in scored.results.protocol


def test_an_artefact_that_nobody_knows_anything_of_is_refused(run, tmp_path):
    with pytest.raises(InputError, match="nothing says what it learned from"):
        model_evaluation.score_artefact(str(tmp_path / "m.tflite"), Choice())


def test_own_base_whole_says_how_much_of_it_training_had(run):
    results = model_evaluation.score(run, Choice(split="all")).results
    assert results.images == 30
    overlap = [x for x in results.differs if x.startswith("overlap")]
    assert "8 of 10 pairs (24 images)" in overlap[0]
    one = model_evaluation.score(run, Choice(split="fold_0")).results
    assert one.images == 6
    assert not [x for x in one.differs if x.startswith("overlap")]


@pytest.mark.parametrize("only", [False, True])
def test_what_trained_too_is_compared_with_what_is_scored(
    run, data_dir, tmp_path, only
):
    extra = extra_base.ExtraBase(data_dir=tmp_path)
    extra.download_and_prepare()
    settings = Config(
        data_dir=data_dir, extra_data="extra_base", extra_only=only
    )
    builder = base.open_base(settings)
    facts = base.run_facts(builder, extra, settings)
    config_module.save(settings, facts, run / "config.json")
    parts = base.divide(builder, settings)
    # Where the run's data set is and the further one is not.
    missing = model_evaluation.score(run, Choice(split="all")).results
    assert missing.differs[0].startswith("extra data: extra_base/1.0.0 (sim")
    assert any("or its extra data is not here" in x for x in missing.differs)
    count = len(parts.validation if only else parts.known)
    assert f"includes {count} training images" in missing.protocol
    assert not any(x.startswith("overlap") for x in missing.differs)
    # The further one itself.
    own = dataclasses.replace(settings, data_dir=str(tmp_path))
    shutil.copytree(
        builder.data_dir, tmp_path / "fusion_quality" / "phantom" / "1.1.0"
    )
    config_module.save(own, facts, run / "config.json")
    results = model_evaluation.score(run, Choice(data="extra_base")).results
    (cases,) = (x for x in results.differs if "cases" in x)
    trained = {*base.read_scores(builder, parts.train)["case_id"]}
    chosen = {*base.read_scores(builder, parts.validation)["case_id"]}
    count = len(trained | chosen | {extra_base.CASES[-1]})
    assert cases.startswith(f"overlap: {count} of {len(extra_base.CASES)} cas")


def test_exclusions_and_groups(run, tiled):
    excluded = ["algorithm:a1", "case_id:c3"]
    choice = dataclasses.replace(tiled, group_by="case_id", exclude=excluded)
    results = model_evaluation.score(run, choice).results
    assert results.images == 9
    assert results.group_by == "case_id"
    assert results.excluded == excluded


def test_only_the_whole_test_part_by_pairs_goes_where_others_look(tmp_path):
    whole = {"split": "test", "group_by": "pair_id", "excluded": []}
    folders = [
        model_evaluation.folder(
            tmp_path, dataclasses.replace(RESULTS, **whole | narrowed)
        )
        for narrowed in (
            {},
            {"excluded": ["algorithm:average"]},
            {"excluded": ["algorithm:pca"]},
            {"excluded": ["algorithm:average", "algorithm:pca"]},
            {"group_by": "case_id"},
            {"split": "all"},
            {"split": "all", "excluded": ["algorithm:average"]},
            # In any order.
            {"excluded": ["algorithm:pca", "algorithm:average"]},
        )
    ]
    home = tmp_path / "evaluation"
    assert folders[0] == home
    assert {path.parent for path in folders[1:]} == {home}
    assert folders.pop() == folders[3]
    assert len(set(folders)) == len(folders)
    assert "-test-without-" in folders[1].name
    assert folders[4].name.endswith("-test-by-case_id")


def test_a_single_group_has_no_interval(run, tiled):
    choice = dataclasses.replace(tiled, group_by="modality")
    results = model_evaluation.score(run, choice).results
    limits = results.methods["g2npan"].interval["srcc"]
    assert np.isnan([limits.low, limits.high]).all()
    assert results.differs[-1].startswith("groups: one modality only")


def test_without_its_own_base_a_model_is_scored_all_the_same(run, tiled):
    path = run / "config.json"
    path.write_text(path.read_text().replace("phantom/1.", "phantom/0."))
    results = model_evaluation.score(run, tiled).results
    assert set(results.methods) == {"g2npan", HERE}
    assert "unknown" in {x.partition(":")[0] for x in results.differs}


def test_readers_disagree_by_their_standard_deviation():
    grades = ([1.0, 3.0], [2.0, np.nan, 2.0], [4.0, np.nan])
    spreads = model_evaluation.reader_spread(list(map(np.array, grades)))
    np.testing.assert_allclose(spreads, [2**0.5, 0.0, np.nan])


@pytest.fixture(scope="module")
def settings(data_dir):
    return Config(data_dir=data_dir, fold=1)


@pytest.fixture(scope="module")
def facts(settings):
    return base.facts(base.open_base(settings))


def test_a_fold_is_that_of_the_base(settings, facts):
    test = select(settings, facts, Choice())
    fold = select(settings, facts, Choice(split="fold_1"))
    assert test.places.tolist() == fold.places.tolist()
    assert test.protocol == "group (by case), test fold 1 of 5"
    assert fold.protocol == (
        "own data set, all images of fold_1, includes 0 training images; the "
        f"model is of {facts['name']}, group (by case), test fold 1 of 5 left "
        "out"
    )
    other = select(settings, facts, Choice(split="fold_2"))
    assert not set(other.places) & set(test.places)
    assert "own data set, all images of fold_2, includes 6 tr" in other.protocol


@pytest.mark.parametrize("name", ["", "fusion_quality/phantom"])
def test_the_own_base_is_not_external_by_whatever_name(settings, facts, name):
    chosen = select(settings, facts, Choice(data=name, split="all"))
    # All but the six images of the test part.
    assert chosen.protocol.startswith(
        "own data set, all images, includes 24 training images; the model is of"
    )


def test_a_base_of_other_images_is_external(settings, facts):
    other = select(settings, facts | {"bytes": 1}, Choice(data=settings.data))
    assert other.protocol.startswith("external, all images; the model is of")
    assert other.own is None


def test_exclusions_take_away_what_they_name(settings, facts):
    everything = select(settings, facts, Choice(split="all"))
    choice = Choice(split="all", exclude=["algorithm:average"])
    chosen = select(settings, facts, choice)
    rows = base.read_scores(chosen.builder, chosen.places)
    assert len(everything.places) == 30
    assert len(chosen.places) == 20
    assert "average" not in rows["algorithm"]


NAMES = ("average", "laplacian_pyramid", "discrete_wavelet")
FORM = "expected NAME:VALUE"


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (Choice(exclude=["average"]), f"{FORM}, NAME one of pair_id"),
        (Choice(exclude=["size:3"]), FORM),
        (Choice(exclude=["modality:"]), FORM),
        (Choice(exclude=["algorithm:x"]), "has that algorithm; there are aver"),
        (Choice(exclude=[f"algorithm:{n}" for n in NAMES]), "no image is left"),
        (Choice(split="train"), r"expected .*fold_0"),
        (Choice(data="fusion_quality", split="test"), r"expected .*fold_0"),
    ],
)
def test_bad_choices_are_one_line(settings, facts, choice, message):
    with pytest.raises(InputError, match=message):
        select(settings, facts, choice)


def test_a_base_that_is_missing_is_refused_if_it_is_what_is_scored(
    settings, facts
):
    gone = facts | {"name": "fusion_quality/phantom/0.0.0"}
    with pytest.raises(InputError, match=r"not in .* any more"):
        select(settings, gone, Choice())
    chosen = select(settings, gone, Choice(data=settings.data))
    assert chosen.own is None


@pytest.mark.parametrize("changed", [{"images": 999}, {"bytes": 1}])
def test_another_base_of_the_same_name_has_no_test_part(
    settings, facts, changed
):
    for choice in (Choice(), Choice(split="fold_1"), Choice(split="all")):
        with pytest.raises(InputError, match="began on one with"):
            select(settings, facts | changed, choice)
    old = {"name": facts["name"]}
    assert len(select(settings, old, Choice()).places) == 6
