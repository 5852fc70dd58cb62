"""Pixels as pictures: their size, colour maps, and addresses for pages.

An image is RGB, uint8 `[height, width, 3]`, unless something else is said.
"""

import base64

import cv2
import numpy as np

# Longest side in pixels of a picture in a page and in a table.
LONGEST = 512
# And of an image that is kept to be drawn.
DISPLAY_SIZE = 768
THUMBNAIL = 72
JPEG_QUALITY = 90
# A PNG above this many bytes becomes a JPEG.
MAX_PNG_BYTES = 60_000
# A weaker nuance than this is not stretched over the whole colour scale.
_NUANCE_FLOOR = 0.05
VIRIDIS = cv2.COLORMAP_VIRIDIS
MAGMA = cv2.COLORMAP_MAGMA


def data_uri(pixels: np.ndarray, max_png_bytes: int = MAX_PNG_BYTES) -> str:
    """Encodes pixels as an address that holds them, `data:image/...`.

    What takes more bytes than a PNG may becomes a JPEG, which shows noise of
    scanners a little differently but takes a fifth.
    """
    bgr = np.ascontiguousarray(pixels[..., ::-1])
    data = cv2.imencode(".png", bgr)[1].tobytes() if max_png_bytes else b""
    if data and len(data) <= max_png_bytes:
        return _address("png", data)
    # Halved colours would smear the colour maps.
    options = [
        *(cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY),
        *(
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        ),
    ]
    return _address("jpeg", cv2.imencode(".jpg", bgr, options)[1].tobytes())


def shrunk(pixels: np.ndarray, longest: int) -> np.ndarray:
    """Limits the longer side of an image, averaging over areas."""
    height, width = pixels.shape[:2]
    factor = longest / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def to_uint8(pixels: np.ndarray) -> np.ndarray:
    """Brings float pixels of range [0, 1] to 0..255; others stay."""
    if pixels.dtype == np.uint8:
        return pixels
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)


def coloured(
    values: np.ndarray, colour_map: int, high: float = 1
) -> np.ndarray:
    """Shows values by colours that also the colour-blind can order.

    Args:
        values: `[height, width]`.
        colour_map: `VIRIDIS` or `MAGMA`.
        high: Value of the map's last colour; that of the first is 0.
    """
    levels = np.clip(np.asarray(values) / high * 256, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(
        cv2.applyColorMap(levels, colour_map)[..., ::-1]
    )


def ramp_uri(colour_map: int) -> str:
    """All colours of a map from left to right, as an address."""
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None]
    return data_uri(coloured(ramp, colour_map))


def nuance_colours(nuance: np.ndarray) -> tuple[np.ndarray, float]:
    """Shows the nuance, averaged over the channels, from 0 to its maximum.

    Choice: the scale ends at 0.05 at least, so that a nuance that is noise
    everywhere does not look like one with defects.

    Args:
        nuance: Float `[height, width, 3]`, range [0, 1].

    Returns:
        The picture, and the value of its last colour as a share of full range.
    """
    mean = nuance.mean(axis=-1)
    high = max(float(mean.max()), _NUANCE_FLOOR)
    return coloured(mean, MAGMA, high), high


def overlay(cam: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Lays the colours of the local quality over the image in grey.

    The grey is stretched to white, so that dark images show their anatomy
    too; black background keeps the colours, since the CAM speaks of it too.

    Args:
        cam: Local quality. Float `[rows, columns]`, range [0, 1].
        pixels: The image.
    """
    height, width = pixels.shape[:2]
    smooth = cv2.resize(
        cam.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    colours = coloured(smooth, VIRIDIS).astype(np.float32) / 255
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None]
    return to_uint8(0.7 * colours + 0.3 * grey / max(int(grey.max()), 1))


def _address(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
