import numpy as np
import pytest

from export.finished_run import FinishedRun
from export.litert import calibration
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base


def test_kinds_have_equal_shares():
    kinds = np.repeat(["a", "b", "c"], [50, 30, 20])
    chosen = calibration.spread(kinds, 30)
    assert len(set(chosen)) == 30
    values, counts = np.unique(kinds[chosen], return_counts=True)
    assert dict(zip(values, counts, strict=True)) == {"a": 10, "b": 10, "c": 10}


def test_what_a_rare_kind_lacks_the_others_give():
    kinds = np.repeat(["a", "b", "c"], [50, 2, 40])
    counts = np.unique(kinds[calibration.spread(kinds, 22)], return_counts=True)
    assert counts[1].tolist() == [10, 2, 10]


def test_rows_of_a_kind_are_spread_from_the_first_to_the_last():
    kinds = np.array(["a", "b"] * 50)
    chosen = calibration.spread(kinds, 10)
    assert chosen[:2].tolist() == [0, 1]
    assert chosen[-2:].tolist() == [98, 99]
    assert np.diff(chosen[::2]).min() >= 20


def test_few_rows_are_all_taken():
    kinds = np.array(["a", "b", "a"])
    assert calibration.spread(kinds, 200).tolist() == [0, 1, 2]


@pytest.fixture
def run(data_dir):
    config = Config(data_dir=data_dir, validation_share=0.25)
    facts = base.facts(base.open_base(config))
    # The scorer is not used.
    return FinishedRun(config, facts, None)


def test_images_are_of_the_training_part_only(run, monkeypatch):
    monkeypatch.setattr(calibration, "NUM_IMAGES", 9)
    found = calibration.from_base(run)
    assert found.images.shape == (9, 128, 128, 3)
    assert found.facts["images"] == 9
    assert found.facts["data"] == run.facts["name"]
    builder = base.open_base(run.config)
    parts = base.divide(builder, run.config)
    part_of = {
        image.tobytes(): name
        for name in ("train", "validation", "test")
        for image in base.read(builder, getattr(parts, name))["image"]
    }
    assert {part_of[image.tobytes()] for image in found.images} == {"train"}


def test_a_base_that_is_gone_is_bad_input(run, tmp_path):
    config = Config(data_dir=str(tmp_path))
    with pytest.raises(InputError, match="is not in"):
        calibration.from_base(FinishedRun(config, run.facts, None))


def test_another_base_of_the_same_name_is_bad_input(run):
    other = FinishedRun(run.config, run.facts | {"bytes": 1}, None)
    with pytest.raises(InputError, match="began on one with bytes=1"):
        calibration.from_base(other)
