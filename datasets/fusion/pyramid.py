"""Fusion in image pyramids: Laplacian (band-pass) and contrast (ratio)."""

import itertools

import cv2
import numpy as np

from datasets.fusion.selection import choose_larger

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

    Args:
        source_a: Luminance. float32 `[height, width]`, range [0, 1].
        source_b: Luminance. Same shape, dtype and range.

    Returns:
        Fused luminance. float32 `[height, width]`, range [0, 1].
    """
    *details_a, base_a = decompose_laplacian(source_a)
    *details_b, base_b = decompose_laplacian(source_b)
    details = [
        choose_larger(a, b, np.abs(a), np.abs(b))
        for a, b in zip(details_a, details_b, strict=True)
    ]
    base = (base_a + base_b) * np.float32(0.5)
    return np.clip(reconstruct_laplacian([*details, base]), 0.0, 1.0)


def contrast_pyramid(source_a: np.ndarray, source_b: np.ndarray) -> np.ndarray:
    """Fuse contrast pyramids, the larger absolute contrast winning.

    Source: A. Toet, L. J. van Ruyven, J. M. Valeton, "Merging thermal and
    visual images by a contrast pyramid", Optical Engineering 28(7), 789-792,
    1989; A. Toet, "Image fusion by a ratio of low-pass pyramid", Pattern
    Recognition Letters 9(4), 245-253, 1989.

    Choice: the coarsest level is the mean of the sources.

    Args:
        source_a: Luminance. float32 `[height, width]`, range [0, 1].
        source_b: Luminance. Same shape, dtype and range.

    Returns:
        Fused luminance. float32 `[height, width]`, range [0, 1].
    """
    *contrasts_a, base_a = decompose_contrast(source_a)
    *contrasts_b, base_b = decompose_contrast(source_b)
    contrasts = [
        choose_larger(a, b, np.abs(a), np.abs(b))
        for a, b in zip(contrasts_a, contrasts_b, strict=True)
    ]
    base = (base_a + base_b) * np.float32(0.5)
    return np.clip(reconstruct_contrast([*contrasts, base]), 0.0, 1.0)


def decompose_laplacian(image: np.ndarray) -> list[np.ndarray]:
    """Split an image into band-pass levels and a coarse rest.

    Args:
        image: float32 `[height, width]`.

    Returns:
        Levels from fine to coarse; the last one is the low-pass rest. All
        float32; each side is half of the level before, rounded up.
    """
    gaussian = decompose_gaussian(image)
    bands = [
        fine - expand(coarse, fine)
        for fine, coarse in itertools.pairwise(gaussian)
    ]
    return [*bands, gaussian[-1]]


def reconstruct_laplacian(levels: list[np.ndarray]) -> np.ndarray:
    """Invert `decompose_laplacian`.

    Args:
        levels: Levels from fine to coarse, float32.

    Returns:
        float32, shape of the first level.
    """
    image = levels[-1]
    for band in reversed(levels[:-1]):
        image = band + expand(image, band)
    return image


def decompose_contrast(image: np.ndarray) -> list[np.ndarray]:
    """Split an image into local contrasts and a coarse rest.

    Contrast is Weber's: the ratio of a level to its own local background
    (the next coarser level), less one.

    Args:
        image: Luminance. float32 `[height, width]`, range [0, 1].

    Returns:
        Levels from fine to coarse, above -1; the last one is the low-pass
        rest. All float32.
    """
    gaussian = decompose_gaussian(image + _DARK)
    contrasts = [
        fine / expand(coarse, fine) - 1
        for fine, coarse in itertools.pairwise(gaussian)
    ]
    return [*contrasts, gaussian[-1]]


def reconstruct_contrast(levels: list[np.ndarray]) -> np.ndarray:
    """Invert `decompose_contrast`.

    Args:
        levels: Levels from fine to coarse, float32.

    Returns:
        float32, shape of the first level.
    """
    image = levels[-1]
    for contrast in reversed(levels[:-1]):
        image = (contrast + 1) * expand(image, contrast)
    return image - _DARK


def decompose_gaussian(image: np.ndarray) -> list[np.ndarray]:
    """Low-pass an image repeatedly, halving its sides each time.

    Choice: fewer levels where a side would fall below two pixels.

    Args:
        image: float32 `[height, width]`.

    Returns:
        Up to five levels from fine (the image itself) to coarse, float32.
    """
    levels = [image]
    while len(levels) <= _LEVELS and min(levels[-1].shape) > 2:
        levels.append(cv2.pyrDown(levels[-1]))
    return levels


def expand(coarse: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """Interpolate a coarse level to the size of the next finer one."""
    height, width = fine.shape
    return cv2.pyrUp(coarse, dstsize=(width, height))
