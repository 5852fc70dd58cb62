"""Fields on the image plane: coordinates in millimetres, shapes, noise."""

import dataclasses

import cv2
import numpy as np

FIELD_OF_VIEW = 224.0  # mm; the side of the square image.
NOISE_GRID = 128  # Fields are drawn on it, so a size changes no anatomy.


@dataclasses.dataclass(frozen=True)
class Plane:
    """Sampling points of one axial slice.

    Attributes:
        x: Millimetres to the image's right. float32 `[n, n]`.
        y: Millimetres to the back of the head (down). float32 `[n, n]`.
        spacing: Millimetres between neighbouring points.
    """

    x: np.ndarray
    y: np.ndarray
    spacing: float

    def moved(self, dx: np.ndarray, dy: np.ndarray) -> "Plane":
        """Same points after a displacement field, mm."""
        return Plane(self.x + dx, self.y + dy, self.spacing)


def make_plane(size: int, angle: float, shift: np.ndarray) -> Plane:
    """Sampling points of a head turned by `angle` radians, moved by mm."""
    spacing = FIELD_OF_VIEW / size
    axis = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(spacing)
    x, y = np.meshgrid(axis, axis)
    x, y = x - FIELD_OF_VIEW / 2 - shift[0], y - FIELD_OF_VIEW / 2 - shift[1]
    cos, sin = np.cos(angle), np.sin(angle)
    return Plane(
        (cos * x + sin * y).astype(np.float32),
        (cos * y - sin * x).astype(np.float32),
        spacing,
    )


def band_noise(
    rng: np.random.Generator,
    wavelength_y: float,
    wavelength_x: float,
    bandwidth: float = 0.25,
) -> np.ndarray:
    """Periodic noise whose spectrum is an elliptic ring.

    Its zero crossings are folded lines of even spacing, like sulci.

    Args:
        rng: Source of randomness.
        wavelength_y: Vertical wavelength, mm (of the field of view).
        wavelength_x: Horizontal wavelength, mm.
        bandwidth: Width of the ring as a share of its radius.

    Returns:
        float32 `[128, 128]`, mean 0, standard deviation 1.
    """
    white = np.fft.rfft2(rng.standard_normal((NOISE_GRID, NOISE_GRID)))
    step = FIELD_OF_VIEW / NOISE_GRID
    fy = np.fft.fftfreq(NOISE_GRID, step)[:, None] * wavelength_y
    fx = np.fft.rfftfreq(NOISE_GRID, step)[None, :] * wavelength_x
    ring = np.exp(-0.5 * ((np.hypot(fy, fx) - 1) / bandwidth) ** 2)
    ring[0, 0] = 0
    field = np.fft.irfft2(white * ring, (NOISE_GRID, NOISE_GRID))
    return (field / field.std()).astype(np.float32)


def spread(field: np.ndarray, plane: Plane) -> np.ndarray:
    """Brings a noise field to the size of the plane by cubic interpolation."""
    size = plane.x.shape[::-1]
    return cv2.resize(field, size, interpolation=cv2.INTER_CUBIC)


def sample(field: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Reads a periodic field at column `u` and row `v`, both in mm."""
    scale = np.float32(NOISE_GRID / FIELD_OF_VIEW)
    return cv2.remap(
        field,
        (u * scale).astype(np.float32),
        (v * scale).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )


def ellipse(
    plane: Plane,
    centre: tuple[float, float],
    axes: tuple[float, float],
    degrees: float = 0.0,
) -> np.ndarray:
    """Approximate signed distance to an ellipse, mm, negative inside."""
    angle = np.deg2rad(degrees)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    x, y = plane.x - np.float32(centre[0]), plane.y - np.float32(centre[1])
    u = (cos * x + sin * y) / np.float32(axes[0])
    v = (cos * y - sin * x) / np.float32(axes[1])
    return (np.hypot(u, v) - 1) * np.float32(min(axes))
