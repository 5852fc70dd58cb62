"""The reference code's values beside the project."""

import csv
import types

import numpy as np
import pytest
from PIL import Image

from tests.tiny import REPOSITORY

ORACLE = REPOSITORY.parent / "shared" / "metrics" / "oracle"


@pytest.fixture(scope="session")
def oracle():
    """Texts by case and metric in `values`, and `image(case, "F")`."""
    if not ORACLE.is_dir():
        pytest.skip("no oracle beside the project")
    values = {}
    with (ORACLE / "values.csv").open() as file:
        for row in csv.DictReader(file):
            values.setdefault(row["case"], {})[row["metric"]] = row["value"]
    assert len(values) == 12

    def image(case, name):
        return np.asarray(Image.open(ORACLE / "images" / f"{case}_{name}.png"))

    return types.SimpleNamespace(values=values, image=image)
