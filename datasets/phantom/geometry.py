"""Fields on the image plane: coordinates in millimetres, shapes, noise."""

import dataclasses
import functools

import cv2
import numpy as np
from numpy.random import Generator

NOISE_PERIOD = 224.0  # mm; noise fields repeat after it.


@dataclasses.dataclass(frozen=True)
class Plane:
    """Sampling points of one axial slice; mm, float32 `[n, n]`."""

    x: np.ndarray  # To the image's right.
    y: np.ndarray  # To the back of the head (down).
    spacing: float  # Millimetres between neighbouring points.

    def mirrored(self) -> "Plane":
        """Both sides brought onto x >= 0."""
        return Plane(np.abs(self.x), self.y, self.spacing)

    def moved(self, dx: np.ndarray, dy: np.ndarray) -> "Plane":
        """Same points after a displacement field, mm."""
        return Plane(self.x + dx, self.y + dy, self.spacing)


def make_plane(
    size: int, field_of_view: float, degrees: float, shift: np.ndarray
) -> Plane:
    """Sampling points of a head that is turned, then moved by `shift` mm."""
    spacing = field_of_view / size
    axis = (np.arange(size) + 0.5) * spacing - field_of_view / 2
    x, y = np.meshgrid(axis - shift[0], axis - shift[1])
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return Plane(
        (cos * x + sin * y).astype(np.float32),
        (cos * y - sin * x).astype(np.float32),
        spacing,
    )


@functools.lru_cache(maxsize=64)
def _ring(
    grid: int, wavelength_y: float, wavelength_x: float, bandwidth: float
) -> np.ndarray:
    """Elliptic ring in the half spectrum of a `grid` x `grid` field."""
    fy = np.fft.fftfreq(grid, NOISE_PERIOD / grid)[:, None] * wavelength_y
    fx = np.fft.rfftfreq(grid, NOISE_PERIOD / grid)[None, :] * wavelength_x
    ring = np.exp(-0.5 * ((np.hypot(fy, fx) - 1) / bandwidth) ** 2)
    ring[0, 0] = 0
    return ring


def band_noise(
    rng: Generator,
    wavelength_y: float,
    wavelength_x: float,
    bandwidth: float = 0.25,
) -> np.ndarray:
    """Periodic noise whose spectrum is an elliptic ring.

    Its zero crossings are folded lines of even spacing, like sulci. It is
    drawn on a grid that knows no image size, so a size changes no anatomy.
    Wavelengths are in mm, the bandwidth is a share of the ring's radius.

    Returns:
        One period of `NOISE_PERIOD` mm. float32 `[64, 64]`, or `[128, 128]`
        for short waves; mean 0, standard deviation 1.
    """
    grid = 64 if min(wavelength_y, wavelength_x) >= 12 else 128
    white = np.fft.rfft2(rng.standard_normal((grid, grid)))
    ring = _ring(grid, wavelength_y, wavelength_x, bandwidth)
    field = np.fft.irfft2(white * ring, (grid, grid))
    return (field / field.std()).astype(np.float32)


def spread(field: np.ndarray, plane: Plane) -> np.ndarray:
    """Brings a noise field to the size of the plane by cubic interpolation."""
    size = plane.x.shape[::-1]
    return cv2.resize(field, size, interpolation=cv2.INTER_CUBIC)


def noise(
    rng: Generator, plane: Plane, wavelength: float, bandwidth: float = 0.25
) -> np.ndarray:
    """Isotropic `band_noise` on the plane, float32 `[n, n]`."""
    return spread(band_noise(rng, wavelength, wavelength, bandwidth), plane)


def warped(
    rng: Generator, plane: Plane, swing: float, wavelength: float
) -> Plane:
    """The plane after a smooth random displacement of about `swing` mm."""
    dx, dy = (swing * noise(rng, plane, wavelength) for _ in range(2))
    return plane.moved(dx, dy)


def sample(field: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Reads a periodic field at column `u` and row `v`, both in mm."""
    scale = np.float32(len(field) / NOISE_PERIOD)
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
    return (np.sqrt(u * u + v * v) - 1) * np.float32(min(axes))
