"""What the simulated readers look at: four full-reference measures."""

import cv2
import numpy as np

from g2npan_tf.errors import InputError

NAMES = ("detail", "function", "contrast", "artefacts")


def measure(
    source_a: np.ndarray, source_b: np.ndarray, fused: np.ndarray
) -> np.ndarray:
    """Measures the four criteria of the panel.

    Args:
        source_a: Functional image or CT. uint8 `[height, width, 3]`, RGB.
        source_b: MR. uint8 `[height, width, 3]`, RGB.
        fused: Image to be judged. uint8 `[height, width, 3]`, RGB.

    Returns:
        One value per name in `NAMES`. float64 `[4]`, range [0, 1], 1 = best.

    Raises:
        InputError: If an image is not uint8 RGB or the shapes differ.
    """
    for name, image in (("source_a", source_a), ("source_b", source_b)):
        check_image(name, image, fused.shape)
    check_image("fused", fused, fused.shape)
    a, b, f = (_luminance(image) for image in (source_a, source_b, fused))
    foreground = _foreground(a, b)
    is_colour = bool(np.ptp(source_a, axis=-1).max() > 8)
    values = (
        detail(a, b, f, foreground, is_colour),
        function(source_a, fused),
        contrast(a, b, f, foreground),
        artefacts(a, b, f, foreground),
    )
    return np.clip(np.array(values, np.float64), 0.0, 1.0)


def check_image(name: str, image: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raises `InputError` unless `image` is uint8 RGB of `shape`."""
    wanted = len(shape) == 3 and shape[-1] == 3 and min(shape) >= 3
    if image.dtype != np.uint8 or image.shape != shape or not wanted:
        raise InputError(
            f"{name}: expected uint8 [height, width, 3], the same shape as "
            f"the fused image {shape}; received {image.dtype} {image.shape}"
        )


def detail(
    a: np.ndarray,
    b: np.ndarray,
    f: np.ndarray,
    foreground: np.ndarray,
    is_colour: bool,
) -> float:
    """Edges of MR (and CT) kept: Q^AF of Xydeas & Petrovic (2000)."""
    g_a, g_b, g_f = _gradient(a), _gradient(b), _gradient(f)
    kept_b, w_b = _edge_preservation(g_b, g_f), g_b[0] * foreground
    if is_colour:
        return float((kept_b * w_b).sum() / (w_b.sum() + 1e-6))
    kept_a, w_a = _edge_preservation(g_a, g_f), g_a[0] * foreground
    total = (w_a + w_b).sum() + 1e-6
    return float((kept_a * w_a + kept_b * w_b).sum() / total)


def function(source_a: np.ndarray, fused: np.ndarray) -> float:
    """Colour and intensity of the uptake kept: S-CIELAB difference."""
    lab_a, lab_f = _blurred_lab(source_a), _blurred_lab(fused)
    weight = lab_a[..., 0] * np.hypot(lab_a[..., 1], lab_a[..., 2])
    if weight.max() < 100.0:
        weight = lab_a[..., 0] ** 2
    distance = np.sqrt(((lab_a - lab_f) ** 2).sum(-1))
    mean = (weight * distance).sum() / (weight.sum() + 1e-6)
    return float(1.0 / (1.0 + mean / 20.0))


def contrast(
    a: np.ndarray, b: np.ndarray, f: np.ndarray, foreground: np.ndarray
) -> float:
    """Local contrast against the better source, as in MEF-SSIM (2015)."""
    wanted = np.maximum(_deviation(a), _deviation(b))
    got = np.minimum(_deviation(f), wanted)
    weight = wanted * foreground
    return float((got * foreground).sum() / (weight.sum() + 1e-6))


def artefacts(
    a: np.ndarray, b: np.ndarray, f: np.ndarray, foreground: np.ndarray
) -> float:
    """Share of the fused structure that no local mix of sources explains."""
    residual = _unexplained(a, b, f)
    masking = np.maximum(_deviation(a), _deviation(b)) + 4.0
    visible = (residual / masking * foreground).sum() / foreground.sum()
    return float(1.0 / (1.0 + 4.0 * visible))


def _luminance(image: np.ndarray) -> np.ndarray:
    """Luma of Rec. 601, float32 `[height, width]`, 0..255."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _foreground(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """1 where a source shows tissue, everywhere if none does."""
    tissue = _mean(np.maximum(a, b), 5) > 10.0
    return tissue.astype(np.float32) if tissue.any() else np.ones_like(a)


def _mean(x: np.ndarray, size: int) -> np.ndarray:
    """Mean over a `size` x `size` window."""
    return cv2.blur(x, (size, size), borderType=cv2.BORDER_REFLECT)


def _deviation(x: np.ndarray, size: int = 7) -> np.ndarray:
    """Local standard deviation."""
    variance = _mean(x * x, size) - _mean(x, size) ** 2
    return np.sqrt(np.maximum(variance, 0.0))


def _gradient(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sobel strength and orientation (modulo pi)."""
    dx = cv2.Sobel(x, cv2.CV_32F, 1, 0, borderType=cv2.BORDER_REFLECT)
    dy = cv2.Sobel(x, cv2.CV_32F, 0, 1, borderType=cv2.BORDER_REFLECT)
    return np.hypot(dx, dy), np.arctan2(dy, dx)


def _edge_preservation(
    source: tuple[np.ndarray, np.ndarray], fused: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Q^AF per pixel with the published constants."""
    low = np.minimum(source[0], fused[0]) + 1e-3
    strength = low / (np.maximum(source[0], fused[0]) + 1e-3)
    turn = np.abs(np.cos(source[1] - fused[1]))
    orientation = 1.0 - np.arccos(np.minimum(turn, 1.0)) / (np.pi / 2)
    q_g = 0.9994 / (1.0 + np.exp(-15.0 * (strength - 0.5)))
    q_o = 0.9879 / (1.0 + np.exp(-22.0 * (orientation - 0.8)))
    return q_g * q_o


def _blurred_lab(image: np.ndarray) -> np.ndarray:
    """CIELAB after the low-pass of the eye (S-CIELAB)."""
    blurred = cv2.GaussianBlur(image.astype(np.float32) / 255.0, (0, 0), 3.0)
    return cv2.cvtColor(blurred, cv2.COLOR_RGB2Lab)


def _unexplained(
    a: np.ndarray, b: np.ndarray, f: np.ndarray, size: int = 9
) -> np.ndarray:
    """Local RMS of `f` after least squares on `a`, `b` and a constant."""
    m_a, m_b, m_f = _mean(a, size), _mean(b, size), _mean(f, size)
    v_a = _mean(a * a, size) - m_a * m_a + 1.0
    v_b = _mean(b * b, size) - m_b * m_b + 1.0
    c_ab = _mean(a * b, size) - m_a * m_b
    c_af = _mean(a * f, size) - m_a * m_f
    c_bf = _mean(b * f, size) - m_b * m_f
    v_f = _mean(f * f, size) - m_f * m_f
    determinant = np.maximum(v_a * v_b - c_ab * c_ab, 1e-3)
    k_a = (c_af * v_b - c_bf * c_ab) / determinant
    k_b = (c_bf * v_a - c_af * c_ab) / determinant
    return np.sqrt(np.maximum(v_f - k_a * c_af - k_b * c_bf, 0.0))
