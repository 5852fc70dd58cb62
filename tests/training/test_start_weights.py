"""Start weights: all of another run's and nothing else."""

import dataclasses
import shutil

import h5py
import keras
import numpy as np
import pytest

from g2npan_tf.core import config as config_module
from g2npan_tf.core import presets
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base
from g2npan_tf.training import build
from g2npan_tf.training import run
from g2npan_tf.training import start_weights
from tests import extra_base
from tests import study_folder
from tests.custom_folder import rows_of
from tests.custom_folder import write_folder
from tests.finished_runs import random_images
from tests.tiny import TINY
from tests.tiny import assert_same

FACTS = {"name": "fusion_quality/phantom/1.0.0", "scores": "simulated"}
OTHER_BASE = {"name": "fusion_quality/custom/2.0.0", "scores": "made up"}


def built(config, seed, **arguments):
    keras.utils.set_random_seed(seed)
    model = build.build(config, **arguments)
    build.compile_model(model, config, steps=10)
    return model


def left_run(workdir, config, facts=FACTS, **arguments):
    """What a run leaves for a warm start; its statistics are not the start's.

    Returns its model, one update of the quality network further.
    """
    model = built(config, seed=5, **arguments)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0.1, 0.1, w.shape) for w in model.weights])
    variables = model.quality_network.trainable_variables
    model.quality_optimizer.apply([v * 0.1 for v in variables], variables)
    workdir.mkdir(exist_ok=True)
    config_module.save(config, facts, workdir / "config.json")
    model.save_weights(workdir / "best.weights.h5")
    return model


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A run with GAN and averaged generator, and its model."""
    workdir = tmp_path_factory.mktemp("source")
    return workdir, left_run(workdir, Config(**TINY, generator_ema=0.9))


@pytest.fixture
def config(source):
    return Config(**TINY, init_from=str(source[0]), fold=0)


def assert_same_weights(network, other):
    assert_same(network.get_weights(), other.get_weights())


def test_every_network_starts_as_the_scorer_of_the_other_run(config, source):
    config = dataclasses.replace(config, generator_ema=0.5)
    model = built(config, seed=1)
    start_weights.load(model, config, OTHER_BASE)
    _, other = source
    assert_same_weights(model.quality_network, other.quality_network)
    assert_same_weights(model.discriminator, other.discriminator)
    for network in (model.generator, model.averaged_generator):
        assert_same_weights(network, other.averaged_generator)
    image = random_images(2)
    np.testing.assert_array_equal(
        model.scorer(image, training=False)["mos"],
        other.scorer(image, training=False)["mos"],
    )


def test_optimisers_start_anew(config, source):
    model = built(config, seed=1)
    start_weights.load(model, config, FACTS)
    assert source[1].quality_optimizer.iterations.numpy() == 1
    for optimizer in (getattr(model, name) for name in model.OPTIMIZERS):
        assert all(not np.any(v.numpy()) for v in optimizer.variables[2:])
        assert optimizer.iterations.numpy() == 0


def test_tiles_start_from_other_tiles_and_whole_images_from_tiles(tmp_path):
    config = Config(**{**TINY, "use_gan": False, "use_local_contrast": True})
    other = left_run(tmp_path / "other", config, tiles_per_side=2)
    config = dataclasses.replace(config, init_from=str(tmp_path / "other"))
    for tiles in (1, 4):
        model = built(config, seed=1, tiles_per_side=tiles)
        start_weights.load(model, config, OTHER_BASE)
        assert_same_weights(model.quality_network, other.quality_network)


def test_flags_of_networks_are_those_that_differ_from_the_preset():
    # Without GAN its settings do not matter.
    other = {"use_gan": False, "vgg_width": 0.25}
    unimportant = {"learning_rate": 0.5, "num_ufw": 3}
    compact = {**presets.PRESETS["compact"], "preset": "compact"}
    config = Config(**{**compact, **other, **unimportant})
    expected = ["--preset=compact", "--use_gan=False", "--vgg_width=0.25"]
    assert start_weights.flags_of_networks(config) == expected


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"use_gan": False}, ["use_gan=True there and False here"]),
        (
            {"num_ufw": 2, "vgg_width": 0.1},
            ["num_ufw=1 there and 2 here", "vgg_width=0.0625 there and 0.1"],
        ),
    ],
    ids=str,
)
def test_every_network_setting_that_differs_is_named(config, changes, named):
    with pytest.raises(InputError) as caught:
        start_weights.check(dataclasses.replace(config, **changes))
    for text in named:
        assert text in str(caught.value)
    assert str(caught.value).count(" there and ") == len(named)
    # No other setting has to agree, but the backbone has one source.
    other = {"data": "fusion_quality/custom", "learning_rate": 1e-5, "seed": 9}
    start_weights.check(dataclasses.replace(config, **other))
    both = dataclasses.replace(config, backbone_weights="vgg.safetensors")
    with pytest.raises(InputError, match="expected no --backbone_weights"):
        start_weights.check(both)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fold": 1}, r"fold=0 on the same .* expected fold=1"),
        ({"protocol": "image"}, r"protocol=group on .* protocol=image"),
    ],
)
def test_other_parts_of_the_same_base_are_refused(config, change, message):
    config = dataclasses.replace(config, **change)
    newer = {**FACTS, "name": "fusion_quality/phantom/1.2.0"}
    with pytest.raises(InputError, match=message):
        start_weights.load(built(config, seed=1), config, newer)


@pytest.fixture(scope="module")
def heads_elsewhere(tmp_path_factory):
    """Another base; one of its names in a fold is that of a phantom."""
    root = tmp_path_factory.mktemp("custom")
    rows = [
        row | {"case_id": f"phantom_{int(row['pair_id'][-1]):03d}"}
        for row in rows_of(10)
    ]
    config = Config(
        **{**TINY, "use_gan": False},
        data="fusion_quality/custom",
        data_dir=str(root / "tfds"),
        manual_dir=str(write_folder(root / "images", rows)),
    )
    return config, base.facts(base.open_base(config))


@pytest.fixture
def on_phantoms(data_dir, tmp_path):
    """A run on phantoms with its workdir, and facts of its data set."""
    config = Config(**{**TINY, "use_gan": False}, data_dir=data_dir)
    facts = base.facts(base.open_base(config))
    config_module.save(config, facts, tmp_path / "config.json")
    return config, facts, tmp_path


def cases(config, part):
    builder = base.open_base(config)
    places = getattr(base.divide(builder, config), part)
    return set(base.read_scores(builder, places)["case_id"])


def test_cases_that_the_weights_know_are_refused(heads_elsewhere, on_phantoms):
    known, _, workdir = on_phantoms
    config, facts = heads_elsewhere
    config = dataclasses.replace(config, init_from=str(workdir))
    outcomes = []
    for fold in range(5):
        here = dataclasses.replace(config, fold=fold)
        shared = cases(known, "train") & cases(here, "test")
        outcomes.append(bool(shared))
        if not shared:
            start_weights.check_data(here, facts)
            continue
        with pytest.raises(InputError, match=f"on {len(shared)} cases") as no:
            start_weights.check_data(here, facts)
        assert min(shared) in str(no.value)
        assert "\n" not in str(no.value)
    assert len(set(outcomes)) == 2
    # It is what loading looks at, before anything is loaded.
    fold = outcomes.index(True)
    shutil.copy(workdir / "config.json", workdir / "best.weights.h5")
    with pytest.raises(InputError, match="cases that this run holds out"):
        start_weights.load(None, dataclasses.replace(config, fold=fold), facts)


def test_cases_that_trained_beside_the_other_data_set_are_refused(
    on_phantoms, tmp_path, capsys
):
    config, facts, workdir = on_phantoms
    source = Config(
        data="extra_base",
        data_dir=str(tmp_path / "tfds"),
        extra_data=config.data,
        extra_only=True,
    )
    extra_base.ExtraBase(data_dir=source.data_dir).download_and_prepare()
    name = facts["name"]
    shutil.copytree(f"{config.data_dir}/{name}", f"{source.data_dir}/{name}")
    builder, phantoms = base.open_base(source), base.open_extra(source)
    known = base.run_facts(builder, phantoms, source)
    config_module.save(source, known, workdir / "config.json")
    (trained,) = base.training_sources(builder, phantoms, source)
    names = {*base.read_scores(phantoms, trained.places)["case_id"]}
    outcomes = []
    for fold in range(5):
        here = dataclasses.replace(config, fold=fold, init_from=str(workdir))
        shared = names & cases(here, "test")
        outcomes.append(bool(shared))
        if not shared:
            start_weights.check_data(here, facts)
            continue
        with pytest.raises(
            InputError, match=f"on {len(shared)} cases .* in {name};"
        ):
            start_weights.check_data(here, facts)
    assert len({*outcomes}) == 2
    assert not capsys.readouterr().err
    # What is gone cannot be compared.
    shutil.rmtree(f"{source.data_dir}/{name}")
    start_weights.check_data(here, facts)
    said = capsys.readouterr().err
    assert said.startswith("not checked whether")
    assert name in said


def test_a_run_with_further_data_starts_another_of_the_same_parts(
    on_phantoms, tmp_path
):
    config, facts, workdir = on_phantoms
    extra = extra_base.ExtraBase(data_dir=tmp_path / "tfds")
    extra.download_and_prepare()
    source = dataclasses.replace(config, extra_data="extra_base")
    known = base.run_facts(base.open_base(config), extra, source)
    config_module.save(source, known, workdir / "config.json")
    here = dataclasses.replace(config, init_from=str(workdir))
    start_weights.check_data(here, facts)
    start_weights.check_data(here, known)
    other = dataclasses.replace(here, fold=1)
    with pytest.raises(InputError, match="fold=0 on the same data set"):
        start_weights.check_data(other, facts)


def test_other_names_of_the_same_sets_are_no_other_cases(tmp_path):
    folder = study_folder.write_folder(
        tmp_path / "study", study_folder.rows_of(5)
    )
    by_set, by_case = (
        Config(data=f"fusion_quality/{name}", data_dir=str(tmp_path))
        for name in ("reader_study_by_set", "reader_study")
    )
    bases = [
        base.open_base(dataclasses.replace(config, manual_dir=str(folder)))
        for config in (by_set, by_case)
    ]
    known, facts = map(base.facts, bases)
    config_module.save(by_set, known, tmp_path / "config.json")
    config = dataclasses.replace(by_case, init_from=str(tmp_path))
    assert not cases(by_set, "train") & cases(config, "test")
    with pytest.raises(
        InputError, match=r"trained on 4 pairs .* \(abdomen_set"
    ):
        start_weights.check_data(config, facts)


@pytest.mark.parametrize(
    ("protocol", "refused"),
    [("group", False), ("leave_algorithm_out", True), ("leave_both_out", True)],
)
def test_left_out_algorithms_that_the_weights_know_are_refused(
    monkeypatch, on_phantoms, protocol, refused
):
    known, facts, workdir = on_phantoms
    config = dataclasses.replace(
        known, protocol=protocol, init_from=str(workdir)
    )
    trained = {"case_id": ["a"], "algorithm": ["pca", "average"]}
    tested = {"case_id": ["b"], "algorithm": ["pca"]}
    monkeypatch.setattr(
        start_weights, "_trained", lambda *_: {facts["name"]: trained}
    )
    monkeypatch.setattr(start_weights, "_held_out", lambda *_: tested)
    other = facts | {"name": "fusion_quality/custom/1.1.0"}
    if not refused:
        start_weights.check_data(config, other)
        return
    with pytest.raises(InputError, match=r"on 1 algorithms .* \(pca"):
        start_weights.check_data(config, other)


@pytest.mark.parametrize(
    ("there", "here", "refused"),
    [(2, 2, False), (2, 3, False), (2, 0, False), (3, 2, True), (0, 3, True)],
)
def test_of_the_same_parts_weights_may_know_no_more_algorithms(
    on_phantoms, there, here, refused
):
    config, facts, workdir = on_phantoms
    config = dataclasses.replace(config, protocol="leave_algorithm_out")
    source = dataclasses.replace(config, train_algorithms=there)
    config_module.save(source, facts, workdir / "config.json")
    config = dataclasses.replace(
        config, train_algorithms=here, init_from=str(workdir)
    )
    if not refused:
        start_weights.check_data(config, facts)
        return
    message = f"train_algorithms={there} on .* expected train_algorithms={here}"
    with pytest.raises(InputError, match=message):
        start_weights.check_data(config, facts)


def test_algorithms_that_are_not_drawn_are_held_out_too(on_phantoms):
    config, facts, _ = on_phantoms
    config = dataclasses.replace(config, protocol="leave_algorithm_out")
    rows = base.judged(base.open_base(config))
    names = {*rows["algorithm"]}
    tested = set(sorted(names)[::5])
    assert {*start_weights._held_out(config, facts)["algorithm"]} == tested
    config = dataclasses.replace(config, train_algorithms=1)
    found = start_weights._held_out(config, facts)
    assert {*found["algorithm"]} > tested
    assert len(found["algorithm"]) == len(names) - 1
    cases = {*rows["case_id"][np.isin(rows["algorithm"], [*tested])]}
    assert {*found["case_id"]} == cases


def test_the_width_of_a_stem_that_is_not_there_may_differ(tmp_path):
    config = Config(**{**TINY, "use_gan": False})
    left_run(tmp_path, config)
    other = dataclasses.replace(
        config, spectrum_filters=4, init_from=str(tmp_path)
    )
    start_weights.check(other)
    there = dataclasses.replace(config, use_spectrum=True)
    config_module.save(there, FACTS, tmp_path / "config.json")
    message = "differ: spectrum_filters=32 there and 4 here; expected"
    with pytest.raises(InputError, match=message):
        start_weights.check(dataclasses.replace(other, use_spectrum=True))


def test_what_shares_cases_by_its_protocol_starts_from_itself(on_phantoms):
    config, facts, workdir = on_phantoms
    config = dataclasses.replace(config, protocol="leave_algorithm_out")
    config_module.save(config, facts, workdir / "config.json")
    assert cases(config, "train") & cases(config, "test")
    config = dataclasses.replace(config, init_from=str(workdir))
    start_weights.check_data(config, facts)


def test_a_base_that_is_gone_is_told_in_one_line(
    heads_elsewhere, on_phantoms, tmp_path, capsys
):
    known, known_facts, workdir = on_phantoms
    gone = dataclasses.replace(known, data_dir=str(tmp_path / "gone"))
    config_module.save(gone, known_facts, workdir / "config.json")
    config, facts = heads_elsewhere
    config = dataclasses.replace(config, init_from=str(workdir))
    start_weights.check_data(config, facts)
    (line,) = capsys.readouterr().err.splitlines()
    assert "not checked whether" in line
    assert "is not in" in line


def copied(source, tmp_path):
    return shutil.copytree(source[0], tmp_path / "copy")


@pytest.mark.parametrize("name", ["config.json", "best.weights.h5"])
def test_a_missing_file_is_named(config, source, tmp_path, name):
    workdir = copied(source, tmp_path)
    (workdir / name).unlink()
    with pytest.raises(InputError, match=f"{name}: not found"):
        start_weights.check(dataclasses.replace(config, init_from=str(workdir)))


def cut(path):
    path.write_bytes(path.read_bytes()[:5000])


def not_a_number(path):
    with h5py.File(path, "r+") as file:
        file["generator/layers/conv2d/vars/0"][0, 0, 0, 0] = np.nan


@pytest.mark.parametrize(
    ("damage", "message"), [(cut, "damaged"), (not_a_number, "not finite")]
)
def test_damaged_weights_are_refused_and_nothing_is_loaded(
    config, source, tmp_path, damage, message
):
    workdir = copied(source, tmp_path)
    damage(workdir / "best.weights.h5")
    config = dataclasses.replace(config, init_from=str(workdir))
    model = built(config, seed=1)
    before = model.get_weights()
    with pytest.raises(InputError, match=message):
        start_weights.load(model, config, FACTS)
    assert_same(model.get_weights(), before)


def test_a_run_loads_at_its_start_only(data_dir, tmp_path):
    first = Config(data_dir=data_dir, **TINY, use_gan=False)
    other = left_run(tmp_path / "other", first)
    config = dataclasses.replace(
        first, init_from=str(tmp_path / "other"), learning_rate=1e-8, epochs=1
    )
    gan = dataclasses.replace(config, use_gan=True)
    with pytest.raises(InputError, match="use_gan=False there and True here"):
        run.run(gan, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    run.run(config, tmp_path / "run")
    saved, _ = config_module.load(tmp_path / "run/config.json")
    assert saved.init_from == str(tmp_path / "other")
    scorer = keras.saving.load_model(tmp_path / "run/scorer.keras")
    kernel = scorer.get_layer("quality_network").get_layer("cam").kernel
    expected = other.quality_network.get_layer("cam").kernel
    np.testing.assert_allclose(kernel, expected, atol=1e-5)
    # Going on needs no other run any more.
    shutil.rmtree(tmp_path / "other")
    longer = dataclasses.replace(config, epochs=2)
    assert run.run(longer, tmp_path / "run").epochs == 2
