"""Four ways to make an image much worse: BMPRI's pseudo references.

Constants and conventions are those of the authors' MATLAB release; where a
codec or a random generator cannot be MATLAB's, a `Choice:` says so.
"""

import functools
import io

import cv2
import numpy as np
from PIL import Image

# MATLAB's rgb2gray.
_GREY_WEIGHTS = (0.2989, 0.5870, 0.1140)
_SEED = 0


def to_grey(image: np.ndarray) -> np.ndarray:
    """Grey copy of an image, rounded to whole levels.

    Args:
        image: uint8 `[height, width]` or RGB `[height, width, 3]`.

    Returns:
        uint8 `[height, width]`; a grey image itself.
    """
    return _rounded(image @ _GREY_WEIGHTS) if image.ndim == 3 else image


def as_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """The image after JPEG; colour is sampled 4:2:0.

    Args:
        image: uint8 `[height, width]` or RGB `[height, width, 3]`.
        quality: 0..100 of libjpeg, for which 0 is 1.

    Returns:
        uint8, same shape.
    """
    # Said, since Pillow passes 0 on as "not given" in some versions.
    quality = max(quality, 1)
    return _coded(image, "JPEG", quality=quality, subsampling="4:2:0")


def as_jpeg2000(image: np.ndarray, ratio: float) -> np.ndarray:
    """The image after lossy JPEG 2000 at a compression ratio.

    Choice: OpenJPEG, by Pillow, writes a bare code stream with the
    irreversible wavelet and colour transform. MATLAB, which the authors
    used, has another encoder, so these features cannot equal theirs. A bare
    stream, since the boxes of a .jp2 file alone exceed the size wanted of
    small images. What cannot be made that small is as small as can be: of a
    grey image of 128 x 128 all five ratios of BMPRI give one and the same
    copy, of an RGB image of that size five different ones.

    Args:
        image: uint8 `[height, width]` or RGB `[height, width, 3]`.
        ratio: Size of the pixels over size of the file.

    Returns:
        uint8, same shape.
    """
    return _coded(
        image,
        "JPEG2000",
        quality_mode="rates",
        quality_layers=[ratio],
        irreversible=True,
        mct=int(image.ndim == 3),
        no_jp2=True,
    )


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """The grey image after a Gaussian of 3 x 3 pixels, black outside.

    Args:
        image: uint8 `[height, width]` or RGB `[height, width, 3]`.
        sigma: Standard deviation in pixels; the window stays 3 x 3.

    Returns:
        uint8 `[height, width]`.
    """
    kernel = cv2.getGaussianKernel(3, sigma, cv2.CV_64F)
    smooth = cv2.sepFilter2D(
        to_grey(image),
        cv2.CV_64F,
        kernel,
        kernel,
        borderType=cv2.BORDER_CONSTANT,
    )
    return _rounded(smooth)


def noisy(image: np.ndarray, variance: float) -> np.ndarray:
    """The image with white Gaussian noise, which is always the same.

    Choice: the pattern is that of NumPy's frozen generator with seed 0;
    MATLAB's with seed 0 has another, so features agree in distribution only.

    Args:
        image: uint8 `[height, width]` or RGB `[height, width, 3]`; each
            channel gets noise of its own.
        variance: Of the noise, on the scale where white is 1.

    Returns:
        uint8, same shape, clipped.
    """
    noise = np.sqrt(variance) * _unit_noise(image.shape)
    return _rounded(255 * np.clip(image / 255 + noise, 0.0, 1.0))


@functools.lru_cache(maxsize=2)
def _unit_noise(shape: tuple[int, ...]) -> np.ndarray:
    """Normal noise of variance 1, shared by levels and images."""
    noise = np.random.RandomState(_SEED).standard_normal(shape)
    noise.setflags(write=False)
    return noise


def _coded(image: np.ndarray, codec: str, **options: object) -> np.ndarray:
    """The image through a file in memory."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, codec, **options)
    return np.asarray(Image.open(file))


def _rounded(levels: np.ndarray) -> np.ndarray:
    """Whole grey levels; a half goes up, as in MATLAB."""
    return np.floor(levels + 0.5).astype(np.uint8)
