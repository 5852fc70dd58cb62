"""What a scorer is told of its training images, and what is outside then."""

import numpy as np
import pytest
from scipy.spatial import distance as scipy_distance

from g2npan_tf.model.scope import PERCENTS
from g2npan_tf.training import scope

RNG = np.random.default_rng(3)


def samples(cases, images, size=6):
    """Correlated numbers of cases that differ, and the case of each."""
    mixed = np.random.default_rng(0).normal(size=(size, size))
    centre = RNG.normal(size=(cases, 1, size))
    own = centre + 0.5 * RNG.normal(size=(cases, images, size))
    names = np.repeat([f"case {k}" for k in range(cases)], images)
    return 3 + own.reshape(-1, size) @ mixed, names


def by_hand(known, new):
    """Mahalanobis' distance with a ridge on the correlations."""
    deviation = known.std(axis=0)
    correlation = np.atleast_2d(np.corrcoef(known.T))
    correlation += 0.05 * np.eye(known.shape[1])
    inverse = np.linalg.inv(correlation * np.outer(deviation, deviation))
    mean = known.mean(axis=0)
    far = [scipy_distance.mahalanobis(one, mean, inverse) for one in new]
    return np.array(far) / np.sqrt(known.shape[1])


def both(known, new):
    """The distance of the last number, and that of the others."""
    parts = (slice(-1), slice(-1, None))
    return np.stack([by_hand(known[:, x], new[:, x]) for x in parts], axis=1)


def test_percentiles_are_those_of_left_out_cases():
    numbers, cases = samples(5, 8)
    found = scope.fit(numbers, cases)
    far = np.concatenate(
        [
            both(numbers[cases != name], numbers[cases == name])
            for name in np.unique(cases)
        ]
    )
    equal = np.percentile(far, 97, axis=0)
    expected = np.percentile(np.hypot(*(far / equal).T), PERCENTS)
    np.testing.assert_allclose(found.knots, expected, rtol=1e-4, atol=1e-3)
    new, _ = samples(3, 2)
    np.testing.assert_allclose(
        scope.distances(new, found.kernel, found.offset),
        np.hypot(*(both(numbers, new) / equal).T),
        rtol=1e-5,
    )


def test_one_percent_of_unseen_cases_is_outside():
    outside = []
    for _ in range(10):
        numbers, cases = samples(60, 4)
        found = scope.fit(numbers, cases)
        new, _ = samples(100, 4)
        far = scope.distances(new, found.kernel, found.offset)
        outside.append(far > found.knots[PERCENTS.index(99)])
    assert 0.002 < np.mean(outside) < 0.03


def test_few_images_and_equal_ones_have_a_scope():
    numbers = np.repeat(RNG.normal(size=(1, 6)), 4, axis=0)
    found = scope.fit(numbers, np.array(["a"] * 4))
    assert (np.diff(found.knots) > 0).all()
    assert np.isfinite(found.kernel).all()
    far = scope.distances(numbers + 1, found.kernel, found.offset)
    assert (far > found.knots[-1]).all()


@pytest.mark.parametrize(("size", "count"), [(128, 1024), (512, 341)])
def test_images_of_a_bounded_size_are_read(size, count):
    assert scope.max_images(size) == count
