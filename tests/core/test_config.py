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


def test_paper_preset_is_the_paper():
    paper = Config(**config.PRESETS["paper"])
    rate = {"learning_rate": 2e-4, "lr_decay": 0.95, "lr_decay_every": 20}
    networks = {"epochs": 1500, "num_ufw": 5, "backbone": "vgg11"}
    assert paper == dataclasses.replace(
        paper,
        **rate,
        **networks,
        reconstruction_weight=0.5,
        cam_weight=1.0,
        quality_weight=0.01,
    )


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


HOME = {"data_dir": "/home/someone/data", "init_from": "/home/someone/runs/pre"}
# No folder of a machine.
PRE = "init_from=pre"


@pytest.mark.parametrize(
    ("preset", "settings", "changes"),
    [
        ("paper", {}, []),
        ("compact", {}, []),
        # The paper's value is a change of compact.
        ("compact", {"adversarial_weight": 1.0}, ["adversarial_weight=1.0"]),
        ("compact", {"up_filters": (9, 8)}, ["up_filters=9,8"]),
        ("compact", {"vgg_width": 0.25, **HOME}, ["vgg_width=0.25", PRE]),
        ("paper", {"data": "fusion_quality/custom", "fold": 3, "seed": 7}, []),
    ],
)
def test_only_changes_that_shape_the_figures_are_named(
    preset, settings, changes
):
    usual = {**config.PRESETS[preset], "preset": preset}
    assert config.changes(Config(**{**usual, **settings})) == changes


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
