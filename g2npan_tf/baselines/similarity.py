"""How similar one grey image is to another: SSIM and VIF."""

import math

import cv2
import numpy as np

_SSIM_SD = 1.5
# For VIF: scales, the visual system's noise variance in squared grey levels,
# and the variance below which a place counts as flat.
_NUM_SCALES = 4
_NOISE = 2.0
_TINY = 1e-10


def structural_similarity(
    first: np.ndarray, second: np.ndarray, data_range: float = 255.0
) -> float:
    """SSIM with its authors' window, a Gaussian of 11 x 11 pixels.

    Source: Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image
    quality assessment: from error visibility to structural similarity", IEEE
    Trans. Image Processing 13(4), 600-612, 2004, K1 = .01, K2 = .03.

    Choice: the mean is over the places where the window fits, without shrinking
    the images first.

    Args:
        first: Grey `[height, width]`, at least 11 x 11.
        second: Likewise, of the same size.
        data_range: White minus black.

    Returns:
        Range [-1, 1]; 1 for equal images.
    """
    from skimage import metrics

    return float(
        metrics.structural_similarity(
            first,
            second,
            data_range=data_range,
            gaussian_weights=True,
            sigma=_SSIM_SD,
            use_sample_covariance=False,
        )
    )


def visual_information(reference: np.ndarray, image: np.ndarray) -> float:
    """VIF in the pixel domain: what an image still tells of a reference.

    Both are grey levels 0..255 `[height, width]` of one size.

    Source: H. R. Sheikh, A. C. Bovik, "Image information and visual quality",
    IEEE Trans. Image Processing 15(2), 430-444, 2006, in the multi-scale
    pixel-domain form of the authors' program (VIFp).

    Choice: as there, a scale whose window does not fit is left out. Images
    from 41 x 41 pixels on have all four.

    Returns:
        Range [0, inf): 1 for equal images, above 1 where contrast is
        enhanced, 0 if the image is constant; NaN if the reference is
        constant or smaller than 17 x 17.
    """
    first, second = (x.astype(np.float64) for x in (reference, image))
    kept = there = 0.0
    for scale in range(_NUM_SCALES):
        side = 2 ** (_NUM_SCALES - scale) + 1
        if scale:
            first, second = (
                _smoothed(x, side)[::2, ::2] for x in (first, second)
            )
        if min(first.shape) < side:
            break
        of_image, of_reference = _told(first, second, side)
        kept += of_image
        there += of_reference
    return kept / there if there else math.nan


def _told(
    reference: np.ndarray, image: np.ndarray, side: int
) -> tuple[float, float]:
    """Information on the scene in the image, and in the reference.

    The image is modelled as `gain * reference + noise` around each pixel.
    """
    mean_r, mean_i = _smoothed(reference, side), _smoothed(image, side)
    var_r = _smoothed(reference * reference, side) - mean_r * mean_r
    var_i = _smoothed(image * image, side) - mean_i * mean_i
    shared = _smoothed(reference * image, side) - mean_r * mean_i
    var_r = np.where(var_r < _TINY, 0.0, var_r)
    var_i = np.where(var_i < _TINY, 0.0, var_i)
    # Inverted contrast tells nothing, as does a flat place of either image.
    linked = (var_r > 0) & (var_i > 0) & (shared > 0)
    gain = np.where(linked, shared / (var_r + _TINY), 0.0)
    noise = np.maximum(var_i - gain * shared, _TINY)
    told = np.log1p(gain * gain * var_r / (noise + _NOISE))
    return float(np.sum(told)), float(np.sum(np.log1p(var_r / _NOISE)))


def _smoothed(image: np.ndarray, side: int) -> np.ndarray:
    """The image under a Gaussian window, where the window fits."""
    if min(image.shape) < side:
        return image[:0]
    window = cv2.getGaussianKernel(side, side / 5, cv2.CV_64F)
    whole = cv2.sepFilter2D(image, cv2.CV_64F, window, window)
    margin = side // 2
    return whole[margin:-margin, margin:-margin]
