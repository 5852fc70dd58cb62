"""The transforms in which two luminances are joined.

Each one takes both luminances, float32 `[height, width]` in [0, 1], the rules
that join details and low-pass residuals, and its own parameters. The result
may leave the range.
"""

import functools
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any
from typing import TypeAlias

import cv2
import numpy as np
from scipy import fft

from datasets.fusion import pyramid
from datasets.fusion import wavelet
from datasets.fusion.edge_preserving import guided_filter
from datasets.random_fusion.kinds import Kind
from datasets.random_fusion.kinds import Step
from datasets.random_fusion.kinds import between
from datasets.random_fusion.kinds import by_factor
from datasets.random_fusion.kinds import draw_step
from datasets.random_fusion.kinds import one_of
from datasets.random_fusion.kinds import seed
from datasets.random_fusion.kinds import take
from datasets.random_fusion.kinds import whole
from g2npan_tf.baselines.tang import decompose

Join: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _join_levels(
    split: Callable[[np.ndarray], Iterable[Any]],
    a: np.ndarray,
    b: np.ndarray,
    detail: Join,
    base: Join,
) -> list[np.ndarray]:
    """Splits both into levels, fine to coarse, and joins level by level.

    A level of several planes is joined plane by plane.
    """
    *details_a, base_a = split(a)
    *details_b, base_b = split(b)
    joined = []
    for x, y in zip(details_a, details_b, strict=True):
        if isinstance(x, np.ndarray) and x.ndim == 2:
            joined.append(detail(x, y))
        else:
            joined.append(np.stack([*map(detail, x, y)]))
    return [*joined, base(base_a, base_b)]


def _multiscale(
    decompose: Callable[..., list[np.ndarray]],
    reconstruct: Callable[[list[np.ndarray]], np.ndarray],
    a: np.ndarray,
    b: np.ndarray,
    detail: Join,
    base: Join,
    num_levels: int,
) -> np.ndarray:
    """In a transform given by its two directions."""
    split = functools.partial(decompose, num_levels=num_levels)
    return reconstruct(_join_levels(split, a, b, detail, base))


laplacian = functools.partial(
    _multiscale, pyramid.decompose_laplacian, pyramid.reconstruct_laplacian
)
contrast = functools.partial(
    _multiscale, pyramid.decompose_contrast, pyramid.reconstruct_contrast
)
# Undecimated, Haar.
stationary = functools.partial(
    _multiscale, wavelet.decompose_stationary, wavelet.reconstruct_stationary
)


def discrete(
    a: np.ndarray,
    b: np.ndarray,
    detail: Join,
    base: Join,
    num_levels: int,
    name: str,
) -> np.ndarray:
    """In decimated wavelets."""

    def split(image: np.ndarray) -> list:
        # PyWavelets lists them from coarse to fine.
        return wavelet.decompose_discrete(image, num_levels, name)[::-1]

    *details, low = _join_levels(split, a, b, detail, base)
    coefficients = [low, *map(tuple, reversed(details))]
    return wavelet.reconstruct_discrete(coefficients, a.shape, name)


def directional(
    a: np.ndarray, b: np.ndarray, detail: Join, base: Join
) -> np.ndarray:
    """In undecimated directional sub-bands, as contourlets have them."""
    return np.sum(_join_levels(decompose, a, b, detail, base), axis=0)


def layers(
    a: np.ndarray,
    b: np.ndarray,
    detail: Join,
    base: Join,
    num_levels: int,
    smoother: Step,
    growth: float,
) -> np.ndarray:
    """In layers that ever wider smoothing removes; one layer: two-scale."""

    def split(image: np.ndarray) -> list[np.ndarray]:
        found = []
        for level in range(num_levels):
            scale = growth**level
            smoothed = take(SMOOTHERS, smoother, image, scale)
            found.append(image - smoothed)
            image = smoothed
        return [*found, image]

    return np.sum(_join_levels(split, a, b, detail, base), axis=0)


def blocks(
    a: np.ndarray, b: np.ndarray, detail: Join, base: Join, side: int
) -> np.ndarray:
    """In the DCT of blocks; a frequency of all blocks is a level.

    J. Tang, "A contrast based image fusion technique in the DCT domain",
    Digital Signal Processing 14(3), 218-226, 2004.
    """
    height, width = a.shape
    rows, columns = -(-height // side), -(-width // side)
    pad = [(0, rows * side - height), (0, columns * side - width)]

    def split(image: np.ndarray) -> list[np.ndarray]:
        padded = np.pad(image, pad, mode="edge")
        tiled = padded.reshape(rows, side, columns, side)
        spectra = fft.dctn(tiled, axes=(1, 3), norm="ortho")
        planes = np.moveaxis(spectra, (1, 3), (0, 1)).reshape(
            side**2, rows, columns
        )
        return [*np.ascontiguousarray(planes[1:]), planes[0].copy()]

    *details, low = _join_levels(split, a, b, detail, base)
    planes = np.stack([low, *details]).reshape(side, side, rows, columns)
    spectra = np.moveaxis(planes, (0, 1), (1, 3))
    tiled = fft.idctn(spectra, axes=(1, 3), norm="ortho")
    pixels = tiled.reshape(rows * side, columns * side)
    return np.ascontiguousarray(pixels[:height, :width])


def frame(
    a: np.ndarray, b: np.ndarray, detail: Join, base: Join, side: int, seed: int
) -> np.ndarray:
    """In the features of a random convolution, which a second one inverts.

    An encoder and a decoder of one layer each. Together the filters are an
    orthonormal basis of patches, so nothing is lost between the two.
    """
    kernels = _orthonormal(side, seed)

    def encode(image: np.ndarray) -> list[np.ndarray]:
        padded = np.pad(image, side, mode="symmetric")
        return [cv2.filter2D(padded, -1, k, anchor=(0, 0)) for k in kernels]

    joined = _join_levels(encode, a, b, detail, base)
    last = (side - 1, side - 1)
    decoded = [
        cv2.filter2D(feature, -1, cv2.flip(kernel, -1), anchor=last)
        for feature, kernel in zip(joined, kernels, strict=True)
    ]
    return np.sum(decoded, axis=0)[side:-side, side:-side] / side**2


@functools.lru_cache(maxsize=4)
def _orthonormal(side: int, seed: int) -> np.ndarray:
    """A random basis of patches, `[side**2, side, side]`; constant last."""
    draws = np.random.default_rng(seed).normal(size=(side**2, side**2))
    draws[:, 0] = 1.0
    basis = np.linalg.qr(draws)[0].T
    basis[0] = np.abs(basis[0])
    ordered = np.roll(basis, -1, axis=0).reshape(-1, side, side)
    return np.ascontiguousarray(ordered, np.float32)


def gradients(
    a: np.ndarray, b: np.ndarray, detail: Join, base: Join, stiffness: float
) -> np.ndarray:
    """The image whose levels and differences are nearest to the joined ones.

    Deep fusion networks are trained for this: intensity near one target and
    gradients near another (J. Ma et al., "SwinFusion", IEEE/CAA JAS 9(7),
    2022). Here errors are squared, so the DCT solves it in one step.
    """
    level = base(a, b)
    divergence = np.zeros_like(a)
    for axis in (0, 1):
        steps = detail(_differences(a, axis), _differences(b, axis))
        divergence += np.diff(steps, axis=axis, prepend=np.float32(0))
    height, width = a.shape
    rows = 2 - 2 * np.cos(np.pi * np.arange(height) / height)
    columns = 2 - 2 * np.cos(np.pi * np.arange(width) / width)
    response = 1 + stiffness * (rows[:, np.newaxis] + columns)
    target = fft.dctn(level - np.float32(stiffness) * divergence)
    return fft.idctn(target / response.astype(np.float32))


def residual(
    a: np.ndarray,
    b: np.ndarray,
    detail: Join,
    base: Join,
    filters: int,
    strength: float,
    seed: int,
) -> np.ndarray:
    """Two layers, plus the output of a small random network on both sources.

    `strength` is the standard deviation of that output.
    """
    rng = np.random.default_rng(seed)
    kernels = rng.normal(size=(filters, 3, 3, 3)).astype(np.float32)
    kernels[:, :2] -= kernels[:, :2].mean(axis=(2, 3), keepdims=True)
    added = np.zeros_like(a)
    for of_a, of_b, second in kernels:
        hidden = cv2.filter2D(a, -1, of_a) + cv2.filter2D(b, -1, of_b)
        added += cv2.filter2D(np.maximum(hidden, 0), -1, second)
    scale = strength / max(float(added.std()), 1e-6)
    plain = layers(a, b, detail, base, 1, Step("box", (("radius", 2),)), 1.0)
    return plain + np.float32(scale) * (added - added.mean())


def _differences(image: np.ndarray, axis: int) -> np.ndarray:
    """Forward differences; 0 at the end, as the DCT has them."""
    end = np.take(image, [-1], axis=axis)
    return np.diff(image, axis=axis, append=end)


def pixels(
    a: np.ndarray, b: np.ndarray, detail: Join, base: Join, part: float
) -> np.ndarray:
    """No transform: the sources themselves, by the rule for details.

    `part`, 0 to 1, mixes in the rule for low-pass residuals.
    """
    return (1 - part) * detail(a, b) + part * base(a, b)


def _gaussian(image: np.ndarray, scale: float, sd: float) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), sd * scale)


def _box(image: np.ndarray, scale: float, radius: int) -> np.ndarray:
    side = 2 * round(radius * scale) + 1
    return cv2.blur(image, (side, side), borderType=cv2.BORDER_REFLECT)


def _median(image: np.ndarray, scale: float, side: int) -> np.ndarray:
    # OpenCV has larger windows only for 8-bit images. `scale` has no effect.
    return cv2.medianBlur(image, min(side, 5))


def _bilateral(
    image: np.ndarray, scale: float, sd: float, range_sd: float
) -> np.ndarray:
    return cv2.bilateralFilter(image, 5, range_sd, sd * scale)


def _guided(
    image: np.ndarray, scale: float, radius: int, epsilon: float
) -> np.ndarray:
    return guided_filter(image, image, round(radius * scale), epsilon)


def _morphological(image: np.ndarray, scale: float, radius: int) -> np.ndarray:
    """Mean of opening and closing, smoothed: no bright or dark spots."""
    side = 2 * round(radius * scale) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    opened = cv2.morphologyEx(image, cv2.MORPH_OPEN, kernel)
    closed = cv2.morphologyEx(image, cv2.MORPH_CLOSE, kernel)
    return cv2.blur((opened + closed) / 2, (3, 3))


SMOOTHERS = {
    "gaussian": Kind(2, _gaussian, {"sd": by_factor(0.7, 6)}),
    "box": Kind(1, _box, {"radius": whole(1, 8)}),
    "median": Kind(1, _median, {"side": one_of(3, 5)}),
    "bilateral": Kind(
        2,
        _bilateral,
        {"sd": by_factor(1, 4), "range_sd": by_factor(0.02, 0.4)},
    ),
    "guided": Kind(
        2,
        _guided,
        {"radius": whole(1, 8), "epsilon": by_factor(1e-4, 0.3)},
    ),
    "morphological": Kind(1.5, _morphological, {"radius": whole(1, 4)}),
}
_WAVELETS = (
    *("haar", "db2", "db4", "sym4", "coif1"),
    *("bior1.3", "bior2.2", "bior4.4", "rbio2.2"),
)
TRANSFORMS = {
    "laplacian": Kind(4, laplacian, {"num_levels": whole(2, 6)}),
    "contrast": Kind(1, contrast, {"num_levels": whole(1, 6)}),
    "discrete": Kind(
        2,
        discrete,
        {"num_levels": whole(1, 5), "name": one_of(*_WAVELETS)},
    ),
    "stationary": Kind(3, stationary, {"num_levels": whole(2, 4)}),
    "directional": Kind(0.8, directional),
    "layers": Kind(
        5,
        layers,
        {
            "num_levels": one_of(1, 1, 2, 2, 3, 4),
            "smoother": functools.partial(draw_step, SMOOTHERS),
            "growth": between(1.3, 2.2),
        },
    ),
    "blocks": Kind(0.8, blocks, {"side": one_of(4, 8)}),
    "frame": Kind(2, frame, {"side": one_of(2, 3), "seed": seed}),
    "gradients": Kind(5, gradients, {"stiffness": by_factor(0.3, 60)}),
    "residual": Kind(
        2,
        residual,
        {
            "filters": whole(3, 8),
            "strength": by_factor(0.003, 0.06),
            "seed": seed,
        },
    ),
    "pixels": Kind(2, pixels, {"part": between(0.0, 1.0)}),
}
