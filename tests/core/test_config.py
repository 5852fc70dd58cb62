"""One declaration of every hyper-parameter; flags, JSON and presets of it."""

import dataclasses
import json

import pytest

from g2npan_tf.core import config
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.experiments import paper_tables
from tests.tiny import run_python


def test_help_shows_every_flag_with_default_and_source():
    text = " ".join(run_python("train.py", "--help").stdout.split())
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
    done = run_python("train.py", "--workdir=unused", flag)
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
    done = run_python("-c", code, *config.to_flags(wanted))
    assert Config.from_json(json.loads(done.stdout)) == wanted


def test_workdir_is_required():
    assert "--workdir is required" in run_python("train.py").stderr


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


def test_a_preset_as_it_is_has_no_changes():
    for name, values in config.PRESETS.items():
        assert config.changes(Config(**{**values, "preset": name})) == []


def test_only_what_shapes_the_figures_is_named_and_no_folder_of_a_machine():
    settings = Config(
        **{
            **config.PRESETS["compact"],
            "preset": "compact",
            "vgg_width": 0.25,
            "generator_filters": (16, 24, 32),
            "init_from": "/home/someone/runs/pre",
            "data": "fusion_quality/reader_study",
            "data_dir": "/home/someone/data",
            "fold": 3,
            "seed": 7,
        }
    )
    assert config.changes(settings) == [
        "generator_filters=16,24,32",
        "vgg_width=0.25",
        "init_from=pre",
    ]


def test_the_paper_s_value_is_a_change_of_compact():
    settings = Config(**{**config.PRESETS["compact"], "preset": "compact"})
    settings = dataclasses.replace(settings, adversarial_weight=1.0)
    assert config.changes(settings) == ["adversarial_weight=1.0"]


def test_words_name_the_changes_and_old_figures_are_still_read():
    words = config.preset_words
    assert words("paper", None) == words("paper", []) == "paper"
    changed = ["fold=1", "seed=2"]
    assert words("compact", changed) == "compact with fold=1, seed=2"


ROWS = [
    row
    for name in ("2", "fig6")
    for row in paper_tables.TABLES[name].rows
    if not row.method
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.slug)
def test_every_row_of_the_paper_has_its_own_name(row):
    base = Config(init_from="runs/pre" if row.pretrained else "")
    assert config.name_of(paper_tables.configured(row, base)) == row.name


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"num_ufw": 0}, "G2NPAN without UFW"),
        (
            {"use_perception_weight": False, "num_ufw": 0},
            "G2NPAN without UFW, Eq. 11",
        ),
        ({"use_gan": False, "backbone": "vgg16"}, "VGG16 + CAM"),
        (
            {"use_gan": False, "backbone_weights": "a", "cam_weight": 0.0},
            "VGG11 + pre",
        ),
        ({"init_from": "runs/pre"}, "G2NPAN"),
    ],
)
def test_other_networks_are_named_by_what_they_lack(changes, name):
    assert config.name_of(Config(**changes)) == name
