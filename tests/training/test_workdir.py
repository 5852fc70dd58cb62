"""Whose run a folder holds, and what may change when it goes on."""

import dataclasses
import json
import re

import pytest

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.evaluation.conformal import Interval
from g2npan_tf.training import workdir as run_folder
from g2npan_tf.training.calibration import Calibration
from g2npan_tf.training.checkpoints import Progress
from tests.tiny import SUMMARY
from tests.tiny import TINY


def other_value(field, value):
    """Another value that the field takes."""
    rules = field.metadata
    if "choices" in rules:
        return next(x for x in rules["choices"] if x != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return (*value, 1)
    if isinstance(value, str):
        return f"{value}x"
    for other in (value + 1, value / 2, value + 0.01):
        other = type(value)(other)
        low, high = rules.get("low", other), rules.get("high", other)
        if low <= other <= high and other != value:
            return other
    raise AssertionError(f"no other value of {field.name}")


@pytest.fixture
def begun(tmp_path):
    """A workdir that says which run it holds, and a checkpoint's folder."""
    config = Config(preset="compact", **TINY)
    (tmp_path / "checkpoints" / "epoch_000001").mkdir(parents=True)
    config_module.save(config, {"name": "base/1.0.0"}, tmp_path / "config.json")
    return config, tmp_path


# Fields that are refused without another one.
NEEDS = {
    "extra_only": {"extra_data": "more"},
    "data_repeats": {"extra_data": "more"},
    "train_algorithms": {"protocol": "leave_both_out"},
    "like": {"protocol": "all", "calibrate_scores": False},
}


@pytest.mark.parametrize(
    "field", dataclasses.fields(Config), ids=lambda f: f.name
)
def test_a_run_goes_on_with_its_fields_only(begun, field):
    config, workdir = begun
    config = dataclasses.replace(config, **NEEDS.get(field.name, {}))
    config_module.save(config, {"name": "base/1.0.0"}, workdir / "config.json")
    value = getattr(config, field.name)
    changed = other_value(field, value)
    other = dataclasses.replace(config, **{field.name: changed})
    if field.name in run_folder.MAY_CHANGE:
        assert run_folder.earlier_facts(workdir, other)
        return
    with pytest.raises(InputError) as info:
        run_folder.earlier_facts(workdir, other)
    shown, asked = (config.to_json(), other.to_json())
    assert (
        f"already contains a run with {field.name}={shown[field.name]}"
        in str(info.value)
    )
    assert f"but {field.name}={asked[field.name]} was given" in str(info.value)


def test_the_length_of_a_cosine_may_not_change(begun):
    config, workdir = begun
    cosine = dataclasses.replace(config, lr_schedule="cosine")
    config_module.save(cosine, {"name": "base/1.0.0"}, workdir / "config.json")
    assert run_folder.earlier_facts(workdir, cosine)
    longer = dataclasses.replace(cosine, epochs=config.epochs + 1)
    with pytest.raises(InputError, match=f"with epochs={config.epochs}, but"):
        run_folder.earlier_facts(workdir, longer)


def test_a_workdir_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="a file; expected a folder"):
        run_folder.earlier_facts(tmp_path / "file", Config())


def test_only_places_and_lengths_may_change():
    """What may change must not change the weights of an epoch."""
    places = {"data_dir", "manual_dir", "distribute", "profile"}
    lengths = {"epochs", "early_stopping_epochs", "grace_seconds"}
    assert set(run_folder.MAY_CHANGE) == places | lengths


@pytest.mark.parametrize(
    ("progress", "patience", "end"),
    [
        ((), 1, ""),
        ((4, 4, 0.5), 3, ""),
        ((6, 4, 0.5), 3, ""),
        ((7, 4, 0.5), 3, "early stopping: no better .* in 3 epochs"),
        ((900, 2, 0.5), 0, ""),
        # Without a validation part every epoch is the best so far.
        ((900, 900, 899.0), 1, ""),
        # Its figure was never defined.
        ((30, 1, -1.5), 3, ""),
        ((1000, 999, 0.5), 3, "all epochs"),
    ],
)
def test_a_run_ends_at_its_epochs_or_without_gain(progress, patience, end):
    config = Config(epochs=1000, early_stopping_epochs=patience)
    found = run_folder.end_of(Progress(*progress), config)
    assert bool(found) == bool(end)
    assert re.match(end, found)


def test_quality_losses_are_those_of_the_first_and_the_last_epoch(tmp_path):
    assert run_folder.quality_losses(tmp_path) == []
    log = "epoch,quality_loss\n1,0.7\n2,0.6\n3,0.5\n"
    (tmp_path / "log.csv").write_text(log)
    assert run_folder.quality_losses(tmp_path) == [0.7, 0.5]


def test_quality_losses_leave_out_a_generator_alone(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("epoch,quality_loss,x\n1,,3\n2,,2\n3,0.6,1\n4,0.5,0\n")
    assert run_folder.quality_losses(tmp_path) == [0.6, 0.5]
    log.write_text("epoch,x\n1,3\n")
    assert run_folder.quality_losses(tmp_path) == []


def test_a_summary_is_read_as_it_was_written(tmp_path):
    assert run_folder.read_summary(tmp_path) is None
    changes, found = ["vgg_width=0.25"], Calibration(2.0, 0.1, 9)
    around = Interval(0.75, 0.9, 40, 4)
    summary = dataclasses.replace(
        SUMMARY, changes=changes, calibration=found, interval=around
    )
    summary.write(tmp_path)
    assert run_folder.read_summary(tmp_path) == summary
    # Of earlier versions, which said less.
    path = tmp_path / "training.json"
    values = json.loads(path.read_text())
    written = {"scale": 2.0, "offset": 0.1, "images": 9, "unseen": None}
    assert values["calibration"] == written
    del values["changes"], values["calibration"], values["interval"]
    path.write_text(json.dumps(values))
    assert run_folder.read_summary(tmp_path) == dataclasses.replace(
        summary, changes=[], calibration=None, interval=None
    )


def test_a_run_has_ended_only_at_the_epochs_that_are_asked_for(begun):
    config, workdir = begun
    assert not run_folder.has_ended(workdir, config)
    ended = dict.fromkeys(
        field.name for field in dataclasses.fields(run_folder.Summary)
    )
    ended |= {"epochs": config.epochs, "best_epoch": 1}
    (workdir / "training.json").write_text(json.dumps(ended))
    assert run_folder.has_ended(workdir, config)
    longer = dataclasses.replace(config, epochs=config.epochs + 1)
    assert not run_folder.has_ended(workdir, longer)
    with pytest.raises(InputError, match="already contains a run"):
        run_folder.has_ended(workdir, dataclasses.replace(config, seed=8))
