"""One declaration of every hyper-parameter; flags, JSON and presets of it."""

import dataclasses
import json
import subprocess
import sys

import pytest

from g2npan_tf.core import config
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from tests.tiny import REPOSITORY


def train(*flags):
    return subprocess.run(
        [sys.executable, "train.py", *flags],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )


def test_help_shows_every_flag_with_default_and_source():
    text = " ".join(train("--help").stdout.split())
    for field in dataclasses.fields(Config):
        assert f"--{field.name}:" in text or f"--[no]{field.name}:" in text
        assert field.metadata["help"] in text
    count = len(dataclasses.fields(Config))
    assert text.count("Default: ") == text.count("Source: ") == count


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--fold=7", "fold must be at most 4 with protocol=group. Received: 7"),
        ("--preset=big", "should be one of <compact|paper>"),
        ("--epoch=3", "Unknown command line flag 'epoch'"),
        ("--up_filters=4,x", "--up_filters must be whole numbers"),
        ("--batch_size=0", "batch_size must be at least 1. Received: 0"),
    ],
)
def test_bad_flags_are_one_line_and_code_two(flag, message):
    done = train("--workdir=unused", flag)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "settings",
    [
        config.PRESETS["compact"],
        {"augment": False, "data_dir": "", "up_filters": (4, 5), "seed": 7},
    ],
)
def test_flags_give_the_same_configuration_again(settings):
    wanted = Config(**settings)
    code = (
        "from absl import flags; from g2npan_tf.core import config; import json"
        "; import sys; config.define_flags(); flags.FLAGS(sys.argv); "
        "print(json.dumps(config.from_flags().to_json()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *config.to_flags(wanted)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=True,
    )
    assert Config.from_json(json.loads(done.stdout)) == wanted


def test_workdir_is_required_and_arguments_are_refused():
    assert "--workdir is required" in train().stderr
    assert "unexpected argument x" in train("--workdir=unused", "x").stderr


def test_paper_preset_is_the_paper():
    paper = Config(**config.PRESETS["paper"])
    assert (paper.learning_rate, paper.lr_decay, paper.lr_decay_every) == (
        2e-4,
        0.95,
        20,
    )
    assert (
        paper.reconstruction_weight,
        paper.cam_weight,
        paper.quality_weight,
    ) == (0.5, 1.0, 0.01)
    assert (paper.epochs, paper.num_ufw, paper.backbone) == (1500, 5, "vgg11")


@pytest.mark.parametrize("preset", sorted(config.PRESETS))
def test_json_keeps_every_field(preset, tmp_path):
    before = Config(**config.PRESETS[preset])
    path = tmp_path / "config.json"
    config.save(before, {"name": "base/1.0.0"}, path)
    assert config.load(path) == (before, {"name": "base/1.0.0"})
    assert [p.name for p in tmp_path.iterdir()] == ["config.json"]


def test_a_folder_or_binary_instead_of_config_is_bad_input(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe{}")
    for path in (tmp_path, tmp_path / "binary", tmp_path / "binary" / "x"):
        with pytest.raises(InputError, match=str(path)):
            config.load(path)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"config": {}}',
        '{"config": {"fold": 9}, "data": {}}',
        '{"config": {"folds": 1}, "data": {}}',
    ],
)
def test_damaged_config_is_bad_input(text, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(InputError):
        config.load(path)


def test_missing_config_names_the_file(tmp_path):
    with pytest.raises(InputError, match=r"config\.json: not found"):
        config.load(tmp_path / "config.json")


def test_config_json_is_plain_json(tmp_path):
    config.save(Config(), {"name": "x"}, tmp_path / "config.json")
    content = json.loads((tmp_path / "config.json").read_text())
    assert content["config"]["generator_filters"] == [32, 64, 128]


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
    [{"fold": 5}, {"backbone": "resnet"}, {"learning_rate": float("nan")}],
)
def test_values_outside_their_range_are_refused(change):
    with pytest.raises(InputError, match="Received"):
        Config(**change)
