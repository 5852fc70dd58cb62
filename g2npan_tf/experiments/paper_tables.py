"""The rows of the paper's tables: what each changes, what the paper reports."""

import dataclasses
import math
from typing import Any

from g2npan_tf.core.config import Config

# Whose scores the paper's figures are of; never those of the figures beside.
PAPER_DATA = (
    "Paper: its own figures, of radiologists' scores of its own data set, "
    "which is not public. Other images and other scores: only the order of "
    "the rows can be compared."
)
NOT_GIVEN = math.nan


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        name: As the paper calls it.
        slug: The same for folders; rows of several tables that are one
            configuration share it.
        paper: PLCC, SRCC, KRCC and RMSE on [0, 1]; NaN if the paper gives
            none.
        changes: Fields of `Config` that make the row.
        against: Name of the row that it is compared with.
        method: The compared method, of `baselines.methods`, where no network
            is trained.
        pretrained: Whether start weights are taken; None: as they are given.
    """

    name: str
    slug: str
    paper: tuple[float, ...]
    changes: dict[str, Any] = dataclasses.field(default_factory=dict)
    against: str = ""
    method: str = ""
    pretrained: bool | None = None


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of the paper, or its Fig. 6.

    Attributes:
        title: What it shows.
        rows: In the paper's order.
        note: Where the paper's figures come from, if not from the table.
    """

    title: str
    rows: tuple[Row, ...]
    note: str = ""


_G2NPAN = "G2NPAN"
_PAPER_G2NPAN = (0.9044, 0.9007, 0.8502, 0.1029)
_PLAIN = {"use_gan": False, "cam_weight": 0.0}
_EQ_3 = {"use_perception_weight": False}
_NO_CAM = {"cam_weight": 0.0}


def _compared(name: str, method: str, *paper: float) -> Row:
    """A row of Table 1 that a compared method makes."""
    return Row(name, method, paper, against=_G2NPAN, method=method)


def _plain(name: str, backbone: str, against: str, *paper: float) -> Row:
    """A row of Table 2: a quality network alone."""
    changes: dict[str, Any] = {"use_gan": False, "backbone": backbone}
    if "CAM" not in name:
        changes["cam_weight"] = 0.0
    slug = name.lower().replace(" + ", "_")
    return Row(name, slug, paper, changes, against, pretrained="pre" in name)


def _ratio(name: str, before: str, *paper: float) -> Row:
    """A row of Table 3: tenths of the cases that train and test."""
    share = int(name.partition(":")[0]) / 10
    changes = {"train_share": share}
    return Row(name, f"g2npan_{share}", paper, changes, against=before)


TABLES: dict[str, Table] = {
    "1": Table(
        "Table 1: comparison with other methods",
        (
            _compared("BMPRI", "bmpri", 0.3031, 0.3167, 0.2375, 0.2611),
            _compared("TEIA", "tsallis", 0.1797, 0.1946, 0.1407, 0.3909),
            _compared("Hossny", "hossny", 0.2270, 0.1738, 0.1071, 0.3712),
            _compared("OEFP", "oefp", 0.3064, 0.3367, 0.2342, 0.2810),
            _compared("rSFe", "rsfe", 0.4054, 0.2275, 0.1700, 0.2663),
            _compared("Tang", "tang", 0.6252, 0.6420, 0.4166, 0.2480),
            Row(_G2NPAN, "g2npan", _PAPER_G2NPAN),
        ),
    ),
    "2": Table(
        "Table 2: backbones of the quality network alone, without GAN",
        (
            _plain("VGG19", "vgg19", "", 0.7530, 0.7358, 0.6696, 0.1601),
            _plain("VGG16", "vgg16", "VGG19", 0.7776, 0.7742, 0.6977, 0.1553),
            _plain("VGG11", "vgg11", "VGG16", 0.7894, 0.7905, 0.7132, 0.1494),
            _plain(
                "VGG11 + CAM", "vgg11", "VGG11", 0.8000, 0.7806, 0.7173, 0.1385
            ),
            _plain(
                "VGG11 + pre", "vgg11", "VGG11", 0.8167, 0.8112, 0.7519, 0.1355
            ),
            _plain(
                "VGG11 + pre + CAM",
                "vgg11",
                "VGG11 + pre",
                *(0.8235, 0.8113, 0.7496, 0.1330),
            ),
        ),
    ),
    "3": Table(
        "Table 3: G2NPAN by share of the cases that train",
        (
            _ratio("2:8", "", 0.7780, 0.7849, 0.7042, 0.1649),
            _ratio("3:7", "2:8", 0.8055, 0.8148, 0.7372, 0.1441),
            _ratio("4:6", "3:7", 0.8497, 0.8451, 0.7817, 0.1275),
            _ratio("5:5", "4:6", 0.8621, 0.8617, 0.8044, 0.1206),
            _ratio("6:4", "5:5", 0.8821, 0.8795, 0.8259, 0.1139),
            _ratio("7:3", "6:4", 0.8848, 0.8886, 0.8393, 0.1093),
            _ratio("8:2", "7:3", *_PAPER_G2NPAN),
        ),
    ),
    "fig6": Table(
        "Fig. 6: what each part of G2NPAN adds",
        (
            Row("VGG11", "vgg11", (0.7894, 0.7905, 0.7132, 0.1494), _PLAIN),
            Row(
                "G2N",
                "g2n",
                (0.8541, 0.8491, 0.7850, 0.1233),
                _NO_CAM | _EQ_3 | {"num_ufw": 0},
                against="VGG11",
            ),
            Row(
                "G2NN",
                "g2nn",
                (NOT_GIVEN, 0.8610, 0.8014, NOT_GIVEN),
                _NO_CAM | _EQ_3,
                against="G2N",
            ),
            Row(
                "G2NPN",
                "g2npn",
                (NOT_GIVEN, 0.8955, 0.8396, NOT_GIVEN),
                _NO_CAM,
                against="G2NN",
            ),
            Row(_G2NPAN, "g2npan", _PAPER_G2NPAN, against="G2NPN"),
        ),
        "Fig. 6 is a drawing. VGG11: Table 2. G2N: VGG11 plus the gain that "
        "the text states. G2NN and G2NPN: the text gives SRCC and KRCC only.",
    ),
}


def configured(row: Row, base: Config) -> Config:
    """What the rows of a table have in common, with the row's changes."""
    changes = dict(row.changes)
    if row.pretrained is False:
        changes |= {"backbone_weights": "", "init_from": ""}
    return dataclasses.replace(base, **changes)


def lacks_start_weights(row: Row, base: Config) -> bool:
    """Whether a row begins with weights that were not given."""
    given = base.backbone_weights or base.init_from
    return bool(row.pretrained and not given)
