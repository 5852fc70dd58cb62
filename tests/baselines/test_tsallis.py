import math

import numpy as np
import pytest

from g2npan_tf.baselines import tsallis
from g2npan_tf.core.errors import InputError
from tests.fused_triple import average
from tests.fused_triple import check_refusals
from tests.fused_triple import constant
from tests.fused_triple import textured

A, B = textured(0, (11, 13)), textured(1, (11, 13))
F = average(A, B)


def information(x, f, q, swapped=False):
    """I_q by loops over all pairs of levels; optionally the ports' error."""
    total = 0.0
    for level in np.unique(x):
        for other in np.unique(f):
            joint = np.mean((x == level) & (f == other))
            own_x, own_f = np.mean(x == level), np.mean(f == other)
            if swapped:
                own_x, own_f = np.mean(f == level), np.mean(x == other)
            if joint > 0 and own_x * own_f > 0:
                total += joint**q / (own_x * own_f) ** (q - 1)
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


@pytest.mark.parametrize("q", [0.43137, 1.85])
def test_sum_by_loops(q):
    expected = information(A, F, q) + information(B, F, q)
    assert tsallis(A, B, F, q=q) == pytest.approx(expected, rel=1e-11)


def test_default_is_the_sum_with_the_published_q():
    expected = information(A, F, 1.85) + information(B, F, 1.85)
    assert tsallis(A, B, F) == pytest.approx(expected, rel=1e-11)


def test_quotient_by_loops():
    q = 0.43137
    kept = information(A, F, q) + information(B, F, q)
    there = entropy(A, q) + entropy(B, q) - information(A, B, q)
    value = tsallis(A, B, F, q=q, form="nava")
    assert value == pytest.approx(kept / there, rel=1e-11)


def test_marginals_are_not_swapped_as_in_public_ports():
    # An inverted image has the same joint structure, so the same value; with
    # swapped marginals it has not.
    inverted = 255 - F // 2
    ours = tsallis(A, B, inverted)
    assert ours == pytest.approx(tsallis(A, B, F // 2), rel=1e-12)
    swapped = sum(information(s, inverted, 1.85, swapped=True) for s in (A, B))
    assert abs(swapped - ours) > 0.3 * ours


def test_limit_at_one_is_the_mutual_information_in_nats():
    shannon = 0.0
    for source in (A, B):
        joint = np.unique(
            np.stack([source.ravel(), F.ravel()]), axis=1, return_counts=True
        )
        shares = [
            counts / A.size
            for counts in (
                np.unique(source, return_counts=True)[1],
                np.unique(F, return_counts=True)[1],
                joint[1],
            )
        ]
        of_source, of_fused, of_both = (-np.sum(p * np.log(p)) for p in shares)
        shannon += of_source + of_fused - of_both
    assert tsallis(A, B, F, q=1 + 1e-6) == pytest.approx(shannon, rel=1e-4)


def test_of_equal_images_is_the_entropy_of_the_mirrored_index():
    # I_q(A, A) = H_(2-q)(A).
    value = tsallis(A, A, A, q=0.43137)
    assert value == pytest.approx(2 * entropy(A, 2 - 0.43137), rel=1e-11)
    assert tsallis(A, A, A, q=0.43137, form="nava") < 0.9


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


def test_bad_input_is_refused():
    check_refusals(tsallis)
