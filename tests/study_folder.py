"""A small folder in the layout of the reader study, for tests."""

import cv2
import numpy as np

from datasets.reader_study import CRITERIA
from datasets.reader_study import column
from tests import custom_folder

METHODS = {"AA": "MTD", "BB": "WGAN", "LDCT": "LDCT", "NDCT": "NDCT"}
# Contrast and structure of the three readers.
SCORES = {
    "MTD": ((4, 4, 5), (4, 3, 4)),
    "WGAN": ((2, 2, 3), (3, 2, 3)),
    "LDCT": ((1, 1, 1), (1, 1, 1)),
    "NDCT": ((5, 5, 5), (5, 5, 5)),
}


def rows_of(num_sets=5):
    """Rows of both organs."""
    return [
        {
            "path": f"{organ}/set_{position:02d}/{letters}.png",
            "organ": organ,
            "set": str(position),
            "letter": letters,
            "method": method,
            **_cells(method),
            "is_anchor": str(int(method in ("LDCT", "NDCT"))),
        }
        for organ in ("brain", "abdomen")
        for position in range(1, num_sets + 1)
        for letters, method in METHODS.items()
    ]


def write_table(root, rows):
    root.mkdir(exist_ok=True)
    custom_folder.write_table(root, rows)
    return root


def write_folder(root, rows, size=512):
    """Writes the table and flat grey images, each of another grey."""
    write_table(root, rows)
    for i, row in enumerate(rows):
        path = root / row["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((size, size), i, np.uint8))
    return root


def _cells(method):
    contrast, structure = SCORES[method]
    scores = {"contrast": contrast, "structure": structure, "noise": (7, 7, 7)}
    return {
        column(k, name): str(scores[name][k - 1])
        for k in (1, 2, 3)
        for name in CRITERIA
    }
