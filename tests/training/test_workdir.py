"""Whose run a folder holds, and what may change when it goes on."""

import dataclasses
import json
import re

import pytest

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.training import workdir as run_folder
from g2npan_tf.training.checkpoints import Progress
from tests.training.test_run import TINY


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


@pytest.mark.parametrize(
    "field", dataclasses.fields(Config), ids=lambda f: f.name
)
def test_a_run_goes_on_with_its_fields_only(begun, field):
    config, workdir = begun
    value = getattr(config, field.name)
    changed = other_value(field, value)
    other = dataclasses.replace(config, **{field.name: changed})
    if field.name in run_folder.MAY_CHANGE:
        assert run_folder.earlier_facts(workdir, other)
        return
    with pytest.raises(InputError) as info:
        run_folder.earlier_facts(workdir, other)
    shown, asked = (config.to_json(), other.to_json())
    assert f"holds a run with {field.name}={shown[field.name]}" in str(
        info.value
    )
    assert f"this one has {field.name}={asked[field.name]}" in str(info.value)


def test_the_length_of_a_cosine_may_not_change(begun):
    config, workdir = begun
    cosine = dataclasses.replace(config, lr_schedule="cosine")
    config_module.save(cosine, {"name": "base/1.0.0"}, workdir / "config.json")
    assert run_folder.earlier_facts(workdir, cosine)
    longer = dataclasses.replace(cosine, epochs=config.epochs + 1)
    with pytest.raises(InputError, match=f"epochs={config.epochs}, this one"):
        run_folder.earlier_facts(workdir, longer)


def test_only_places_and_lengths_may_change():
    """What may change must not change the weights of an epoch."""
    assert set(run_folder.MAY_CHANGE) == {
        "epochs",
        "early_stopping_epochs",
        "grace_seconds",
        "data_dir",
        "manual_dir",
        "distribute",
        "profile",
    }


@pytest.mark.parametrize(
    ("progress", "end"),
    [
        (Progress(), ""),
        (Progress(4, 4, 0.5), ""),
        (Progress(7, 4, 0.5), "early stopping: no better .* in 3 epochs"),
        (Progress(10, 9, 0.5), "all epochs"),
    ],
)
def test_a_run_ends_at_its_epochs_or_without_gain(progress, end):
    config = Config(epochs=10, early_stopping_epochs=3)
    found = run_folder.end_of(progress, config)
    assert bool(found) == bool(end)
    assert re.match(end, found)


@pytest.mark.parametrize("has_validation", [True, False])
def test_a_summary_is_found_again_only_at_the_epoch_it_is_of(
    tmp_path, has_validation, capsys
):
    config = Config(epochs=3)
    (tmp_path / "log.csv").write_text(
        "epoch,quality_loss\n1,0.7\n2,0.6\n3,0.5\n"
    )
    written = run_folder.write_summary(
        tmp_path,
        config,
        {"name": "x"},
        Progress(3, 2, 0.4),
        2.0,
        10,
        has_validation,
        {"scale": 2.0, "offset": 0.1, "images": 9},
    )
    assert written["calibration"]["scale"] == 2.0
    assert written["quality_loss"] == [0.7, 0.5]
    assert written["images_per_second"] == 5.0
    assert written["best_val_srcc"] == (0.4 if has_validation else None)
    found = run_folder.earlier_summary(tmp_path, Progress(3, 2, 0.4), config)
    assert found == json.loads((tmp_path / "training.json").read_text())
    assert found == written
    assert "finished before (all epochs)" in capsys.readouterr().out
    longer = dataclasses.replace(config, epochs=4)
    assert (
        run_folder.earlier_summary(tmp_path, Progress(3, 2, 0.4), longer)
        is None
    )
    later = Progress(4, 2, 0.4)
    assert run_folder.earlier_summary(tmp_path, later, longer) is None
