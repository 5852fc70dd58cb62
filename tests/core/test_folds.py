"""Whether a folder is a finished cross-validation, and what is in it."""

import dataclasses
import json
import re
import shutil

import pytest

from g2npan_tf.core import config as config_module
from g2npan_tf.core import folds
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from tests import cross_validations
from tests.tiny import tiny_quality_network


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    output = tmp_path_factory.mktemp("cv")
    network = tiny_quality_network()
    return cross_validations.write(
        output, seeds=(0, 7), scorer=lambda seed: network
    )


@pytest.fixture
def output(written, tmp_path):
    return shutil.copytree(written, tmp_path / "cv")


def test_all_seeds_folds_are_there(written):
    found = folds.finished(written)
    keys = {(one.config.seed, one.config.fold) for one in found}
    assert keys == {(seed, fold) for seed in (0, 7) for fold in range(5)}
    for one in found:
        config = one.config
        place = folds.folder_of(written, config.seed, config.fold)
        assert one.folder == place
        assert one.facts == cross_validations.FACTS


def test_a_run_is_no_cross_validation(written, tmp_path):
    assert folds.is_cross_validation(written)
    assert not folds.is_cross_validation(tmp_path)
    run = folds.folder_of(written, 0, 1)
    assert not folds.is_cross_validation(run)
    # Where the user let evaluate.py write.
    copied = shutil.copytree(run, tmp_path / "run")
    (copied / "results.json").write_text("{}")
    assert not folds.is_cross_validation(copied)
    # One that has not come to its figures.
    (tmp_path / "begun" / "seed_0" / "fold_0").mkdir(parents=True)
    assert folds.is_cross_validation(tmp_path / "begun")


@pytest.mark.parametrize(
    "name", ["scorer.keras", "training.json", "evaluation/predictions.csv"]
)
def test_a_run_that_lacks_something_is_named(output, name):
    missing = folds.folder_of(output, 7, 3) / name
    missing.unlink()
    with pytest.raises(InputError, match=f"{re.escape(str(missing))}: not fou"):
        folds.finished(output)


@pytest.mark.parametrize("text", ["{", "{}", '{"folds": {"a": 1}}', None])
def test_without_figures_it_is_unfinished(output, text):
    path = output / "results.json"
    path.unlink()
    if text:
        path.write_text(text)
    with pytest.raises(InputError, match=r"results\.json: no.* finished out"):
        folds.finished(output)


def change_results(output, change):
    path = output / "results.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_part_that_was_never_asked_for_is_missing(output):
    change_results(output, lambda content: content["folds"].pop("(7, 4)"))
    with pytest.raises(InputError, match="unfinished, no fold_4 of seed 7"):
        folds.finished(output)


@pytest.mark.parametrize(
    ("name", "value"), [("epochs", 9), ("vgg_width", 0.25), ("data", "other")]
)
def test_runs_of_other_settings_are_refused(output, name, value):
    folder = folds.folder_of(output, 0, 2)
    config, facts = config_module.load(folder / "config.json")
    other = dataclasses.replace(config, **{name: value})
    config_module.save(other, facts, folder / "config.json")
    with pytest.raises(InputError, match=f"fold_2: {name}={value} here and"):
        folds.finished(output)


def test_where_and_how_fast_they_ran_may_differ(output):
    folder = folds.folder_of(output, 0, 2)
    config, facts = config_module.load(folder / "config.json")
    other = dataclasses.replace(config, data_dir="/else", grace_seconds=1)
    config_module.save(other, facts, folder / "config.json")
    assert len(folds.finished(output)) == 10


def test_of_modalities_two_are_enough(tmp_path):
    network = tiny_quality_network()
    for count in (1, 2):
        output = cross_validations.write(
            tmp_path / str(count),
            Config(protocol="leave_modality_out"),
            folds=range(count),
            scorer=lambda seed: network,
        )
        if count == 1:
            with pytest.raises(InputError, match="no fold_1 of seed 0"):
                folds.finished(output)
        else:
            assert len(folds.finished(output)) == 2
