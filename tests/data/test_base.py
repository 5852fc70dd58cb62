"""Parts never share a case; a base is opened as it was."""

import dataclasses
import shutil

import numpy as np
import pytest

from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base
from tests import extra_base
from tests.tiled_base import TiledBase
from tests.tiny import run_python


@pytest.fixture(scope="module")
def data_dir(data_dir, tmp_path_factory):
    """A copy: data sets are built beside that no other test should find."""
    folder = tmp_path_factory.mktemp("base")
    shutil.copytree(data_dir, folder, dirs_exist_ok=True)
    return str(folder)


@pytest.fixture(scope="module")
def config(data_dir):
    return Config(data_dir=data_dir, batch_size=4)


@pytest.fixture(scope="module")
def builder(config):
    return base.open_base(config)


def cases_of(builder, places):
    return set(base.read(builder, places)["case_id"])


@pytest.mark.parametrize("fold", range(5))
def test_every_case_is_in_exactly_one_part(builder, config, fold):
    parts = base.divide(builder, dataclasses.replace(config, fold=fold))
    cases = [
        cases_of(builder, part)
        for part in (parts.train, parts.validation, parts.test)
    ]
    assert sum(map(len, cases)) == 10
    assert set.union(*cases) == {f"phantom_{i:03}" for i in range(10)}
    assert len(cases[2]) == 2
    assert cases[1]


def test_a_test_part_is_the_fold_of_the_base(builder, config):
    split = builder.as_dataset(split="fold_3").as_numpy_iterator()
    rows = base.read(
        builder, base.divide(builder, dataclasses.replace(config, fold=3)).test
    )
    for row, image, mos in zip(split, rows["image"], rows["mos"], strict=True):
        np.testing.assert_array_equal(row["image"], image)
        assert row["mos"] == mos


def test_scattered_places_are_read_in_order(builder):
    everything = base.read(builder, np.arange(30))
    some = base.read(builder, np.array([2, 17, 29]))
    assert len(everything["mos"]) == 30
    for name, column in some.items():
        np.testing.assert_array_equal(column, everything[name][[2, 17, 29]])
    assert not len(base.read(builder, np.array([], int))["mos"])


def test_read_gives_one_row_an_image(builder, config):
    rows = base.read(builder, base.divide(builder, config).test)
    assert rows["image"].shape == (6, 128, 128, 3)
    assert rows["image"].dtype == np.uint8
    assert len(set(rows["case_id"])) == 2
    algorithms = {"average", "discrete_wavelet", "laplacian_pyramid"}
    assert set(rows["algorithm"]) == algorithms
    assert ((rows["mos"] >= 1) & (rows["mos"] <= 5)).all()


def test_read_gives_further_features_as_they_are_stored(builder):
    rows = base.read(builder, np.array([3, 29]), ("source_a", "grades"))
    assert [image.shape for image in rows["source_a"]] == [(128, 128, 3)] * 2
    means = [grades.mean() for grades in rows["grades"]]
    np.testing.assert_allclose(means, rows["mos"], atol=1e-6)


@pytest.mark.parametrize(
    "name", ["no_such_base", "fusion_quality/no_config", "a/b/c", ""]
)
def test_unknown_bases_are_one_line(config, name):
    with pytest.raises(InputError, match="no such data set") as info:
        base.open_base(dataclasses.replace(config, data=name))
    assert "\n" not in str(info.value)


def test_reopen_never_builds(config, tmp_path):
    with pytest.raises(InputError, match=r"not in .* any more"):
        base.reopen(
            dataclasses.replace(config, data_dir=str(tmp_path)),
            {"name": "fusion_quality/phantom/1.0.0"},
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "changed", [{"images": 999}, {"bytes": 1}, {"scores": "two readers"}]
)
def test_reopen_refuses_another_base_of_the_same_name(builder, config, changed):
    facts = base.facts(builder)
    ((name, value),) = changed.items()
    with pytest.raises(InputError) as info:
        base.reopen(config, facts | changed)
    said = str(info.value)
    assert f"began on one with {name}={value}, that in" in said
    assert f"has {name}={facts[name]}; expected the same data set" in said
    assert "\n" not in said


def test_reopen_compares_only_what_was_noted_of_both(builder, config):
    facts = base.facts(builder)
    for known in (
        facts,
        {"name": facts["name"]},
        {"name": facts["name"], "scores": facts["scores"]},
        facts | {"noted_by_a_later_version": [1, 2]},
    ):
        assert base.reopen(config, known).data_path == builder.data_path


def test_facts_say_that_scores_are_simulated(builder):
    facts = base.facts(builder)
    assert facts["images"] == 30
    assert facts["bytes"] > 30 * 1000
    assert facts["scores"] == "simulated"
    assert facts["name"].startswith("fusion_quality/phantom/")


def test_without_the_checkout_a_built_data_set_is_found(data_dir):
    # As where a wheel is installed; None makes every import of a name fail.
    code = (
        "import sys; sys.modules['datasets'] = None\n"
        "from g2npan_tf.core.config import Config\n"
        "from g2npan_tf.data import base\n"
        f"config = Config(data_dir={data_dir!r})\n"
        "builder = base.open_base(config)\n"
        "base.reopen(config, base.facts(builder))\n"
        "assert len(base.divide(builder, config).test) == 6\n"
    )
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr


def test_a_package_brings_its_data_sets_by_an_entry_point(
    config, monkeypatch, tmp_path
):
    (tmp_path / "far_away.py").write_text(
        "import tensorflow_datasets as tfds\n"
        "class FarAway(tfds.core.GeneratorBasedBuilder):\n"
        "    VERSION = tfds.core.Version('1.0.0')\n"
        "    def _info(self): return tfds.core.DatasetInfo(builder=self)\n"
        "    def _split_generators(self, _): return {}\n"
        "    def _generate_examples(self): yield\n"
    )
    metadata = tmp_path / "far_away-1.0.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: far_away\n")
    (metadata / "entry_points.txt").write_text(
        f"[{base.PLUG_INS}]\na = far_away\nb = far_away.not_there\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="examples lack algorithm"):
        base.open_base(dataclasses.replace(config, data="far_away"))


@pytest.fixture(scope="module")
def beside(config, data_dir):
    """Settings with a further data set, which is built, and the set itself."""
    extra_base.ExtraBase(data_dir=data_dir).download_and_prepare()
    config = dataclasses.replace(config, extra_data="extra_base")
    return config, base.open_extra(config)


def test_a_further_data_set_trains_beside_the_training_part(builder, beside):
    config, extra = beside
    parts = base.divide(builder, config)
    own, further = base.training_sources(builder, extra, config)
    np.testing.assert_array_equal(own.places, parts.train)
    names = cases_of(extra, further.places)
    assert names == cases_of(builder, parts.train) | {extra_base.CASES[-1]}
    alone = dataclasses.replace(config, extra_only=True)
    (source,) = base.training_sources(builder, extra, alone)
    np.testing.assert_array_equal(source.places, further.places)
    (source,) = base.training_sources(builder, None, config)
    np.testing.assert_array_equal(source.places, parts.train)
    often = dataclasses.replace(config, data_repeats=2)
    *own, further = base.training_sources(builder, extra, often)
    assert [list(one.places) for one in own] == [list(parts.train)] * 2


def test_a_further_data_set_that_cannot_train_is_one_line(
    builder, beside, data_dir
):
    config, _ = beside
    TiledBase(data_dir=data_dir).download_and_prepare()
    tiled = dataclasses.replace(config, extra_data="tiled_base")
    with pytest.raises(
        InputError, match=r"--extra_data=tiled_base: images \(256.* \(128"
    ):
        base.training_sources(builder, base.open_extra(tiled), tiled)
    missing = dataclasses.replace(config, extra_data="no_such_base")
    with pytest.raises(InputError, match="--extra_data=no_such_base: no such"):
        base.open_extra(missing)


def test_a_further_data_set_without_anything_to_train_is_one_line(
    builder, beside, monkeypatch
):
    config, extra = beside
    monkeypatch.setattr(
        base.protocols, "may_train_too", lambda *_: np.array([], int)
    )
    with pytest.raises(InputError, match="no image is left to train; --"):
        base.training_sources(builder, extra, config)


def test_facts_of_a_run_have_those_of_the_further_data_set(builder, beside):
    config, extra = beside
    facts = base.run_facts(builder, extra, config)
    assert facts.items() >= base.facts(builder).items()
    assert facts["extra_data"] == base.facts(extra)
    assert facts["extra_only"] is False
    assert base.run_facts(builder, None, config) == base.facts(builder)
    assert base.reopen(config, facts).data_path == builder.data_path
    assert base.reopen_extra(config, facts).data_path == extra.data_path
    assert base.reopen_extra(config, base.facts(builder)) is None
    noted = {"extra_data": facts["extra_data"] | {"images": 7}}
    with pytest.raises(InputError, match=r"extra_base/1.0.0: .*images=7"):
        base.reopen_extra(config, noted)


def test_some_images_are_drawn_of_all_sources_alike(builder, beside):
    _, extra = beside
    one, two = (
        base.Source(builder, np.arange(30)),
        base.Source(extra, np.arange(3, 33)),
    )
    rows = base.read_some([one, two], 20)
    assert len(rows["mos"]) == len(rows["image"]) == 20
    flat = rows["image"].std(axis=(1, 2, 3)) == 0
    assert 4 <= flat.sum() <= 16
    greys = rows["image"][flat, 0, 0, 0]
    assert len({*greys}) == len(greys)
    assert {*greys} <= {extra_base.grey_of(place) for place in range(3, 33)}
    # As the draw of one data set always was.
    drawn = np.sort(np.random.default_rng(0).permutation(np.arange(30))[:7])
    expected = base.read(builder, drawn)
    for name, column in base.read_some([one], 7).items():
        np.testing.assert_array_equal(column, expected[name])
    assert len(base.read_some([one, two], 1)["mos"]) == 1
    assert len(base.read_some([one, two], 99)["mos"]) == 60
