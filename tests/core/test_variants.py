"""Networks are called what the paper calls them."""

import pytest

from g2npan_tf.core import variants
from g2npan_tf.core.config import Config
from g2npan_tf.experiments import table_rows

ROWS = [
    row
    for name in ("2", "fig6")
    for row in table_rows.TABLES[name].rows
    if not row.method
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.slug)
def test_every_row_of_the_paper_has_its_own_name(row):
    base = Config(init_from="runs/pre" if row.pretrained else "")
    assert variants.name_of(table_rows.configured(row, base)) == row.name


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
    assert variants.name_of(Config(**changes)) == name


def test_only_the_network_is_renamed():
    assert variants.shown({"network": "G2N"}, "g2npan") == "G2N"
    assert variants.shown({"network": "G2N"}, "mean") == "mean"
    assert variants.shown({}, "g2npan") == "g2npan"
