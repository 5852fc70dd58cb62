import numpy as np
import pytest

from export import parity

TOLERANCES = {"mos": 0.25, "cam": 0.5}


def outputs(mos, cam=0.0):
    return {"mos": np.array(mos, np.float32), "cam": np.full((2, 8, 8), cam)}


def test_differences_are_the_hand_worked_ones():
    found = parity.compare(
        outputs([1.0, 2.0]), outputs([1.25, 2.125], cam=0.5), TOLERANCES
    )
    assert found == {
        "mos": {"max": 0.25, "mean": 0.1875, "tolerance": 0.25},
        "cam": {"max": 0.5, "mean": 0.5, "tolerance": 0.5},
    }
    parity.check(found)


@pytest.mark.parametrize("mos", [2.26, 1.74, np.nan, np.inf])
def test_a_difference_above_its_tolerance_is_an_error_that_names_it(mos):
    found = parity.compare(outputs([1, 2]), outputs([1, mos]), TOLERANCES)
    with pytest.raises(parity.ParityError, match=r"mos by .* \(at most 0.25\)"):
        parity.check(found)


def test_other_outputs_are_an_error():
    expected = outputs([1, 2])
    with pytest.raises(parity.ParityError, match="'mos'"):
        parity.compare(expected, {"mos": expected["mos"]}, TOLERANCES)
    with pytest.raises(parity.ParityError, match="mos of shape"):
        parity.compare(expected, outputs([[1], [2]]), TOLERANCES)


def test_the_worst_of_several_runs_counts():
    runs = [
        {"mos": {"max": high, "mean": mean, "tolerance": 1.0}}
        for high, mean in ((0.25, 0.125), (0.5, 0.0625))
    ]
    expected = {"mos": {"max": 0.5, "mean": 0.125, "tolerance": 1.0}}
    assert parity.worst(runs) == expected
    assert parity.worst(reversed(runs)) == expected


@pytest.mark.parametrize("order", [1, -1])
def test_a_run_that_is_not_finite_is_the_worst(order):
    runs = [
        {"mos": {"max": high, "mean": high, "tolerance": 1.0}}
        for high in (0.25, np.nan)
    ]
    with pytest.raises(parity.ParityError):
        parity.check(parity.worst(runs[::order]))


def test_batches_cover_every_image_once_and_in_order():
    sizes = []

    def brightness(batch):
        sizes.append(len(batch))
        return {"mos": batch.reshape(len(batch), -1).mean(axis=1)}

    images = np.arange(7, dtype=np.uint8)[:, None, None, None] * np.ones(
        (1, 4, 4, 3), np.uint8
    )
    found = parity.run_in_batches(brightness, images, batch_size=3)
    np.testing.assert_array_equal(found["mos"], np.arange(7))
    assert sizes == [3, 3, 1]
