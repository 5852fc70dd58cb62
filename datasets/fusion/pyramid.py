"""Fusion in image pyramids: Laplacian (band-pass) and contrast (ratio).

Pyramids are lists of float32 levels from fine to coarse; each side is half of
the level before, rounded up, and the last level is the low-pass rest.
"""

import itertools

import cv2
import numpy as np

from datasets.fusion.selection import fuse_levels

# Choice: four levels, the usual depth of the comparisons in the field.
_LEVELS = 4
# Choice: contrast is taken above this luminance; nearer to 0 the contrast of
# black holes and of noise in black wins over tissue.
_DARK = np.float32(0.25)


def laplacian_pyramid(source_a: np.ndarray, source_b: np.ndarray) -> np.ndarray:
    """Fuse Laplacian pyramids, the larger absolute coefficient winning.

    Source: P. J. Burt, E. H. Adelson, "The Laplacian pyramid as a compact
    image code", IEEE Transactions on Communications 31(4), 532-540, 1983
    (the transform); P. J. Burt, "The pyramid as a structure for efficient
    computation", in Multiresolution Image Processing and Analysis, Springer,
    6-35, 1984 (the rule).

    Choice: the coarsest level is the mean of the sources; binomial 5-tap
    kernel (OpenCV's), which is Burt and Adelson's with a = 3/8.
    """
    levels = fuse_levels(*map(decompose_laplacian, (source_a, source_b)))
    return np.clip(reconstruct_laplacian(levels), 0.0, 1.0)


def contrast_pyramid(source_a: np.ndarray, source_b: np.ndarray) -> np.ndarray:
    """Fuse contrast pyramids, the larger absolute contrast winning.

    Source: A. Toet, L. J. van Ruyven, J. M. Valeton, "Merging thermal and
    visual images by a contrast pyramid", Optical Engineering 28(7), 789-792,
    1989; A. Toet, "Image fusion by a ratio of low-pass pyramid", Pattern
    Recognition Letters 9(4), 245-253, 1989.

    Choice: the coarsest level is the mean of the sources.
    """
    levels = fuse_levels(*map(decompose_contrast, (source_a, source_b)))
    return np.clip(reconstruct_contrast(levels), 0.0, 1.0)


def decompose_laplacian(
    image: np.ndarray, num_levels: int = _LEVELS
) -> list[np.ndarray]:
    """Split an image into band-pass levels and a coarse rest."""
    gaussian = decompose_gaussian(image, num_levels)
    bands = [
        fine - expand(coarse, fine)
        for fine, coarse in itertools.pairwise(gaussian)
    ]
    return [*bands, gaussian[-1]]


def reconstruct_laplacian(levels: list[np.ndarray]) -> np.ndarray:
    """Invert `decompose_laplacian`."""
    image = levels[-1]
    for band in reversed(levels[:-1]):
        image = band + expand(image, band)
    return image


def decompose_contrast(
    image: np.ndarray, num_levels: int = _LEVELS
) -> list[np.ndarray]:
    """Split an image into local contrasts, above -1, and a coarse rest.

    Contrast is Weber's: the ratio of a level to its own local background
    (the next coarser level), less one.
    """
    gaussian = decompose_gaussian(image + _DARK, num_levels)
    contrasts = [
        fine / expand(coarse, fine) - 1
        for fine, coarse in itertools.pairwise(gaussian)
    ]
    return [*contrasts, gaussian[-1]]


def reconstruct_contrast(levels: list[np.ndarray]) -> np.ndarray:
    """Invert `decompose_contrast`."""
    image = levels[-1]
    for contrast in reversed(levels[:-1]):
        image = (contrast + 1) * expand(image, contrast)
    return image - _DARK


def decompose_gaussian(
    image: np.ndarray, num_levels: int = _LEVELS
) -> list[np.ndarray]:
    """Low-pass an image repeatedly, halving its sides each time.

    Choice: fewer levels where a side would fall below two pixels.
    """
    levels = [image]
    while len(levels) <= num_levels and min(levels[-1].shape) > 2:
        levels.append(cv2.pyrDown(levels[-1]))
    return levels


def expand(coarse: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """Interpolate a coarse level to the size of the next finer one."""
    height, width = fine.shape
    return cv2.pyrUp(coarse, dstsize=(width, height))
