"""Values of every hyper-parameter: their checks, and config.json."""

import json

import pytest

from g2npan_tf.core import config
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.presets import PRESETS


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_json_keeps_every_field(preset, tmp_path):
    before = Config(**PRESETS[preset])
    path = tmp_path / "config.json"
    config.save(before, {"name": "base/1.0.0"}, path)
    assert config.load(path) == (before, {"name": "base/1.0.0"})
    content = json.loads(path.read_text())["config"]
    assert content["up_filters"] == list(before.up_filters)
    assert [p.name for p in tmp_path.iterdir()] == ["config.json"]


def test_a_folder_or_binary_instead_of_config_is_bad_input(tmp_path):
    with pytest.raises(InputError, match=r"config\.json: not found"):
        config.load(tmp_path / "config.json")
    (tmp_path / "binary").write_bytes(b"\xff\xfe{}")
    for path in (tmp_path, tmp_path / "binary", tmp_path / "binary" / "x"):
        with pytest.raises(InputError, match=str(path)):
            config.load(path)


OTHER = '{"config": {"%s": 9}, "data": {"name": "a/1.0.0"}}'
BAD = ("{", "[]", '{"config": {}}', OTHER % "fold", OTHER % "folds")


@pytest.mark.parametrize("text", BAD)
def test_damaged_config_is_bad_input(text, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(InputError):
        config.load(path)


REMOVED = {
    "conditional": [False, True],
    "non_saturating": [False, True],
    "indicator_epsilon": [0.0, 0.1],
    "lr_decay_unit": ["epoch", "batch"],
}


def test_a_run_with_removed_options_opens_at_their_defaults():
    before = {name: values[0] for name, values in REMOVED.items()}
    assert Config.from_json(Config().to_json() | before) == Config()


@pytest.mark.parametrize("name", REMOVED)
def test_a_run_that_used_a_removed_option_needs_retraining(name):
    used = {name: REMOVED[name][1]}
    with pytest.raises(InputError, match=f"{name}=.*needs retraining"):
        Config.from_json(Config().to_json() | used)


@pytest.mark.parametrize(
    "change",
    [
        {"fold": 5},
        {"backbone": "resnet"},
        {"learning_rate": float("nan")},
        {"epochs": 3, "generator_epochs": 4},
        {"extra_only": True},
        {"use_spectrum": True, "use_local_contrast": True},
        {"use_spectrum": True, "use_scene_statistics": True},
        {"data_repeats": 2},
        {"data_repeats": 2, "extra_data": "more", "extra_only": True},
        {"like": "runs/cv"},
        {"protocol": "all", "fold": 1},
        {"protocol": "all", "calibrate_scores": True},
        {"protocol": "all", "extra_data": "more", "extra_only": True},
    ],
)
def test_values_outside_their_range_are_refused(change):
    with pytest.raises(InputError, match="Received"):
        Config(**change)


def test_only_a_network_with_a_generator_trains_one_alone():
    staged = {"epochs": 4, "generator_epochs": 4}
    assert Config(**staged).epochs_alone == 4
    assert Config(**staged, use_gan=False).epochs_alone == 0
    # A dry run has no epochs.
    assert Config(epochs=0, generator_epochs=4).epochs_alone == 4
