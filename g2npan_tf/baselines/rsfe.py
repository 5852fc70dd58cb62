"""Ratio of the spatial frequency error (rSFe in Table 1)."""

import math

import numpy as np

from g2npan_tf.baselines.grey_levels import check_grey

# Of rows, columns, main and secondary diagonal, on the squared difference: a
# diagonal neighbour is sqrt(2) pixels away.
_WEIGHTS = (1.0, 1.0, math.sqrt(0.5), math.sqrt(0.5))


def rsfe(
    source_a: np.ndarray, source_b: np.ndarray, fused: np.ndarray
) -> float:
    """Excess of the fused image's spatial frequency over the sources'.

    `(SF_F - SF_R) / SF_R`: SF is the root of the mean squared differences of
    neighbours in four directions, and SF_R takes, place by place, the larger
    difference of the two sources. Above 0 noise or artefacts were added,
    below 0 detail was lost, so **closest to 0 is best**: use `-abs(rsfe)`
    where higher has to be better. Images as `check_grey` takes them.

    Source: Y. Zheng, E. A. Essock, B. C. Hansen, A. M. Haun, "A new metric
    based on extended spatial frequency and its application to DWT based
    fusion algorithms", Information Fusion 8(2), 177-192, 2007.

    Returns:
        Range [-1, inf); -1 if the fused image is constant. If both sources
        are constant: inf, or NaN if the fused image is constant too.
    """
    check_grey(source_a, source_b, fused)
    wanted = root_mean_square(
        [
            np.maximum(of_a, of_b)
            for of_a, of_b in zip(
                neighbour_differences(source_a),
                neighbour_differences(source_b),
                strict=True,
            )
        ],
        fused.size,
    )
    found = root_mean_square(neighbour_differences(fused), fused.size)
    if not wanted:
        return math.inf if found else math.nan
    return (found - wanted) / wanted


def neighbour_differences(image: np.ndarray) -> list[np.ndarray]:
    """Absolute differences of neighbours: along rows, columns, diagonals."""
    x = image.astype(np.int64)
    differences = (
        x[:, 1:] - x[:, :-1],
        x[1:] - x[:-1],
        x[1:, 1:] - x[:-1, :-1],
        x[1:, :-1] - x[:-1, 1:],
    )
    return [np.abs(difference) for difference in differences]


def root_mean_square(differences: list[np.ndarray], size: int) -> float:
    """Root of the weighted mean square; every mean is over the whole image.

    The differences are the first two or all four of `neighbour_differences`.
    """
    squares = (np.sum(difference**2) for difference in differences)
    pairs = zip(_WEIGHTS, squares, strict=False)
    return math.sqrt(
        sum(weight * int(square) for weight, square in pairs) / size
    )
