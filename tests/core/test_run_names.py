"""What figures call a run and its network."""

import pytest

from g2npan_tf.core import run_names
from g2npan_tf.core.config import Config
from g2npan_tf.core.presets import PRESETS
from g2npan_tf.experiments import paper_tables

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
    usual = {**PRESETS[preset], "preset": preset}
    assert run_names.changes(Config(**{**usual, **settings})) == changes


def test_words_name_the_changes_and_old_figures_are_still_read():
    words = run_names.preset_words
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
    assert run_names.name_of(paper_tables.configured(row, base)) == row.name


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
    assert run_names.name_of(Config(**changes)) == name
