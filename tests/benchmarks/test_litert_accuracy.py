import numpy as np
import pytest

from benchmarks import litert_accuracy
from export.finished_run import FinishedRun
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base


def test_differences_are_the_hand_worked_ones():
    readers = np.array([1.0, 2, 3, 4])
    exact = np.array([1.0, 2, 3, 4])
    found = exact + np.array([0.5, -0.1, 0, 0])
    result = litert_accuracy.accuracy(readers, exact, found)
    assert result.largest == pytest.approx(0.5)
    assert result.mean == pytest.approx(0.15)
    assert result.bias == pytest.approx(0.1)
    assert result.srcc == 0
    assert result.plcc == pytest.approx(np.corrcoef(readers, found)[0, 1] - 1)


def test_a_swapped_pair_costs_rank_correlation():
    readers = exact = np.array([1.0, 2, 3, 4])
    found = np.array([2.0, 1, 3, 4])
    # 1 - 6 * (1 + 1) / (4 * 15)
    result = litert_accuracy.accuracy(readers, exact, found)
    assert result.srcc == pytest.approx(-0.2)


class Scorer:
    """Counts its calls; the score is the mean red."""

    calls = 0

    def predict(self, images, batch_size, verbose):
        self.calls += 1
        return {"mos": 1 + images[..., 0].mean(axis=(1, 2)) / 64}


@pytest.fixture
def run(data_dir):
    config = Config(data_dir=data_dir, validation_share=0.25)
    facts = base.facts(base.open_base(config))
    return FinishedRun(config, facts, Scorer())


def test_the_whole_test_part_is_scored_and_no_model_twice(
    run, tmp_path, monkeypatch
):
    calls = []

    def run_file(path, images):
        calls.append(path.name)
        return {"mos": np.full(len(images), float(path.read_text()))}

    monkeypatch.setattr(litert_accuracy, "run_file", run_file)
    (tmp_path / "scorer.keras").write_bytes(b"scorer")
    first, second = tmp_path / "a.tflite", tmp_path / "b.tflite"
    first.write_text("2")
    second.write_text("3")
    for _ in range(2):
        part = litert_accuracy.HeldOut(run, tmp_path, tmp_path / "kept")
        assert part.readers.shape == part.exact.shape == (6,)
        np.testing.assert_array_equal(part.predict(first), [2.0] * 6)
        np.testing.assert_array_equal(part.predict(second), [3.0] * 6)
    assert calls == ["a.tflite", "b.tflite"]
    assert run.scorer.calls == 1
    # A file of the same name with other content is another model.
    first.write_text("4")
    np.testing.assert_array_equal(part.predict(first), [4.0] * 6)


def test_another_base_of_the_same_name_is_not_the_test_part(run, tmp_path):
    other = FinishedRun(run.config, run.facts | {"images": 999}, run.scorer)
    with pytest.raises(InputError, match="began on one with images=999"):
        litert_accuracy.HeldOut(other, tmp_path, tmp_path / "kept")
    assert run.scorer.calls == 0
