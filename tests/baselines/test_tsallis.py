import math

import numpy as np
import pytest

from g2npan_tf.baselines import tsallis
from g2npan_tf.core.errors import InputError
from tests.fused_triple import average
from tests.fused_triple import constant
from tests.fused_triple import textured

A, B = textured(0, (11, 13)), textured(1, (11, 13))
F = average(A, B)


def information(x, f, q):
    """I_q by loops over all pairs of levels."""
    total = 0.0
    for level in np.unique(x):
        for other in np.unique(f):
            joint = np.mean((x == level) & (f == other))
            own = np.mean(x == level) * np.mean(f == other)
            if joint > 0:
                total += joint**q / own ** (q - 1)
    return (1 - total) / (1 - q)


def entropy(x, q):
    shares = np.unique(x, return_counts=True)[1] / x.size
    return (1 - np.sum(shares**q)) / (q - 1)


def test_worked_example():
    # Two levels with 1/2 each. A = F: I_2 = 2 * (1/2)^2 / (1/4) - 1 = 1;
    # B is independent of F: 0.
    a = np.array([[0, 0], [9, 9]], np.uint8)
    b = np.array([[0, 9], [0, 9]], np.uint8)
    assert tsallis(a, b, a, q=2.0) == pytest.approx(1.0, abs=1e-15)
    # H_2 of each source is 1/2 and I_2(A, B) is 0.
    assert tsallis(a, b, a, q=2.0, form="nava") == pytest.approx(1.0)


@pytest.mark.parametrize("options", [{"q": 0.43137}, {"q": 1.85}, {}])
def test_sum_by_loops_and_the_published_q_is_the_default(options):
    q = options.get("q", 1.85)
    expected = information(A, F, q) + information(B, F, q)
    assert tsallis(A, B, F, **options) == pytest.approx(expected, rel=1e-11)
    # Marginals are not swapped as in public ports: an inverted image has the
    # same joint structure.
    inverted = tsallis(A, B, 255 - F, **options)
    assert inverted == pytest.approx(expected, rel=1e-11)


def test_quotient_by_loops():
    q = 0.43137
    kept = information(A, F, q) + information(B, F, q)
    there = entropy(A, q) + entropy(B, q) - information(A, B, q)
    value = tsallis(A, B, F, q=q, form="nava")
    assert value == pytest.approx(kept / there, rel=1e-11)


def test_constant_images():
    flat = constant(100, A.shape)
    for form in ("cvejic", "nava"):
        assert tsallis(A, B, flat, form=form) == 0.0
    assert tsallis(flat, flat, flat) == 0.0
    assert math.isnan(tsallis(flat, flat, flat, form="nava"))


@pytest.mark.parametrize("q", [1, 0, -2.0, math.nan, math.inf])
def test_impossible_index_is_refused(q):
    with pytest.raises(InputError, match="q must be above 0 and not 1"):
        tsallis(A, B, F, q=q)


def test_unknown_form_is_refused():
    with pytest.raises(InputError, match=r"one of cvejic, nava.*'sum'"):
        tsallis(A, B, F, form="sum")
