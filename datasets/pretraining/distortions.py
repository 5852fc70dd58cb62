"""Graded damage to single images, like that of denoising and of fusion.

What a quality network can learn from images that nobody has judged: noise,
smoothing, noise that was smoothed, ringing, lost contrast and compression.
Images are uint8 `[height, width, 3]`, RGB.
"""

import io
from collections.abc import Callable

import cv2
import numpy as np
import PIL.Image
from numpy.random import Generator
from skimage.restoration import denoise_tv_chambolle

# Grey levels (of 255) up to which an image is background: air in CT and
# around the head is cut off by the window, and stays black.
BACKGROUND_LEVEL = 10
# Choice: standard deviation in pixels of the blur that follows noise, and the
# filter strength of the non-local means as a share of the noise.
SMOOTHING_SD = 0.8
DENOISING_SHARE = 0.8


def shown(image: np.ndarray) -> np.ndarray:
    """Marks what is not background, bool `[height, width, 1]`."""
    return image.max(axis=-1, keepdims=True) > BACKGROUND_LEVEL


def gaussian_blur(image: np.ndarray, sd: float) -> np.ndarray:
    """Gaussian blur; standard deviation in pixels."""
    return cv2.GaussianBlur(image, (0, 0), sd)


def median(image: np.ndarray, side: int) -> np.ndarray:
    """Median over a square window; side in pixels, odd."""
    return cv2.medianBlur(image, side)


def bilateral(image: np.ndarray, sd: float) -> np.ndarray:
    """Bilateral filter; standard deviation in grey levels, 3 pixels."""
    return cv2.bilateralFilter(image, 0, sd, 3.0)


def non_local_means(image: np.ndarray, strength: float) -> np.ndarray:
    """Non-local means (Buades et al. 2005); strength in grey levels."""
    return cv2.fastNlMeansDenoising(image, None, strength, 5, 15)


def total_variation(image: np.ndarray, weight: float) -> np.ndarray:
    """Total variation (Chambolle 2004); weight on a scale of 0 to 1."""
    smooth = denoise_tv_chambolle(image / 255.0, weight, channel_axis=-1)
    return to_uint8(255.0 * smooth)


def ringing(image: np.ndarray, share: float) -> np.ndarray:
    """Gibbs ringing: only a central share of k-space is left, 1 to 0."""
    frequencies = [np.abs(np.fft.fftfreq(n)) for n in image.shape[:2]]
    kept = np.maximum(*np.meshgrid(*frequencies, indexing="ij")) <= share / 2
    spectrum = np.fft.fft2(image, axes=(0, 1)) * kept[..., np.newaxis]
    return to_uint8(np.fft.ifft2(spectrum, axes=(0, 1)).real)


def contrast_loss(image: np.ndarray, gain: float) -> np.ndarray:
    """Deviations from the mean of what is shown, times a gain of 1 to 0.

    The background keeps its pixels.
    """
    where = shown(image)
    inside = image[where[..., 0]]
    mean = inside.mean(axis=0) if len(inside) else 0.0
    return np.where(where, to_uint8(mean + gain * (image - mean)), image)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """JPEG compression; quality of 100 to 1."""
    with io.BytesIO() as file:
        PIL.Image.fromarray(image).save(file, "JPEG", quality=quality)
        return np.array(PIL.Image.open(file))


def white_noise(image: np.ndarray, sd: float, rng: Generator) -> np.ndarray:
    """White noise on the luminance; standard deviation in grey levels."""
    draws = rng.normal(0.0, sd, (*image.shape[:2], 1))
    return np.where(shown(image), to_uint8(image + draws), image)


def correlated_noise(
    image: np.ndarray, sd: float, rng: Generator
) -> np.ndarray:
    """Noise as filtered back-projection leaves it in CT.

    Choice: its spectrum is the ramp of the back-projection under a Hann
    window that ends at the Nyquist frequency; it does not depend on place.
    The background keeps its pixels.
    """
    rows, columns = (np.fft.fftfreq(n) for n in image.shape[:2])
    radius = np.minimum(np.hypot(rows[:, None], columns[None]), 0.5)
    gain = radius * (1 + np.cos(2 * np.pi * radius))
    gain /= np.sqrt(np.mean(gain**2))
    draws = np.fft.fft2(rng.normal(0.0, sd, image.shape[:2]))
    noise = np.fft.ifft2(gain * draws).real[..., np.newaxis]
    return np.where(shown(image), to_uint8(image + noise), image)


def blurred_noise(image: np.ndarray, sd: float, rng: Generator) -> np.ndarray:
    """White noise that was blurred; standard deviation before the blur."""
    return gaussian_blur(white_noise(image, sd, rng), SMOOTHING_SD)


def denoised_noise(image: np.ndarray, sd: float, rng: Generator) -> np.ndarray:
    """CT noise after non-local means; standard deviation before them."""
    noisy = correlated_noise(image, sd, rng)
    return non_local_means(noisy, DENOISING_SHARE * sd)


# Choice: levels from just visible to useless.
WITHOUT_CHANCE: dict[str, tuple[Callable[..., np.ndarray], tuple]] = {
    "gaussian_blur": (gaussian_blur, (0.5, 0.8, 1.3, 2.2)),
    "median": (median, (3, 5, 7, 11)),
    "bilateral": (bilateral, (20, 45, 90, 180)),
    "non_local_means": (non_local_means, (5, 10, 20, 40)),
    "total_variation": (total_variation, (0.03, 0.07, 0.15, 0.3)),
    "ringing": (ringing, (0.7, 0.5, 0.35, 0.22)),
    "contrast_loss": (contrast_loss, (0.8, 0.6, 0.4, 0.2)),
    "jpeg": (jpeg, (60, 30, 15, 5)),
}
WITH_CHANCE: dict[str, tuple[Callable[..., np.ndarray], tuple]] = {
    "white_noise": (white_noise, (4, 8, 16, 32)),
    "correlated_noise": (correlated_noise, (4, 8, 16, 32)),
    "blurred_noise": (blurred_noise, (6, 14, 28, 50)),
    "denoised_noise": (denoised_noise, (6, 12, 24, 40)),
}
DISTORTIONS = WITHOUT_CHANCE | WITH_CHANCE


def distort(
    image: np.ndarray, name: str, level: int, rng: Generator
) -> np.ndarray:
    """Damages an image by one of `DISTORTIONS`; level 1 is the least."""
    function, levels = DISTORTIONS[name]
    draws = (rng,) if name in WITH_CHANCE else ()
    return function(image, levels[level - 1], *draws)


def draw(rng: Generator, count: int) -> list[tuple[str, int]]:
    """Draws which damage an image gets: at most `count` names and levels.

    Choice: no image gets every level of everything, so that many images take
    little room; the levels are dealt in rounds, one of each kind a round, and
    none twice.
    """
    kinds = {
        name: rng.permutation(len(levels)) + 1
        for name, (_, levels) in DISTORTIONS.items()
    }
    rounds = range(max(len(levels) for levels in kinds.values()))
    dealt = [
        (str(name), int(kinds[name][i]))
        for i in rounds
        for name in rng.permutation(list(kinds))
        if i < len(kinds[name])
    ]
    return dealt[:count]


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Rounds and clips to grey levels."""
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
