"""A small folder of a user's images and scores, for tests."""

import csv
import json

import cv2
import numpy as np

ALGORITHMS = ("first", "second", "third")
SCALE = {"mos_min": 0, "mos_max": 100, "lower_is_better": False}


def rows_of(num_pairs=5):
    """Rows with `mos`: algorithm `first` is the worst, `third` the best."""
    return [
        {
            "path": f"images/{pair}_{name}.png",
            "pair_id": f"pair_{pair}",
            "algorithm": name,
            "mos": f"{10 + 30 * i + pair}",
        }
        for pair in range(num_pairs)
        for i, name in enumerate(ALGORITHMS)
    ]


def with_readers(rows, num_readers=3):
    """The same rows with single readers' grades in place of `mos`."""
    return [
        {
            **{name: row[name] for name in row if name != "mos"},
            **{
                f"reader_{k}": str(float(row["mos"]) + 2 * k)
                for k in range(1, num_readers + 1)
            },
        }
        for row in rows
    ]


def write_folder(root, rows, scale=SCALE):
    """Writes the table, the scale, and images of several sizes."""
    root.mkdir(exist_ok=True)
    write_table(root, rows)
    if scale is not None:
        (root / "scale.json").write_text(json.dumps(scale))
    files = {
        row[name]
        for row in rows
        for name in ("path", "source_a", "source_b")
        if row.get(name)
    }
    for i, name in enumerate(sorted(files)):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(i)
        shape = [(128, 128, 3), (40, 60, 3), (256, 256)][i % 3]
        cv2.imwrite(str(path), rng.integers(0, 256, shape, np.uint8))
    return root


def write_table(root, rows):
    with (root / "scores.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
