"""What building the data set costs."""

import json

import pytest

from benchmarks import data_base
from g2npan_tf.core.errors import InputError


def test_build_counts_images_and_seconds(tmp_path):
    data_base.build(5, slow=False, folder=tmp_path)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["images"] == 5 * 8
    assert 0 < figures["processor_seconds"]
    assert 0 < figures["seconds"]
    assert list(tmp_path.rglob("*.tfrecord*"))


@pytest.mark.parametrize("texts", [["4"], ["5", "many"], ["-9"]])
def test_other_numbers_of_pairs_are_refused(texts):
    with pytest.raises(InputError, match="--pairs="):
        data_base._sizes(texts)


def test_numbers_of_pairs_are_read():
    assert data_base._sizes(["5", "129"]) == [5, 129]
