"""An untrusted image file becomes uint8 RGB, or one clear line of error.

This is the project's only policy for image files from outside; docs/input.md
tells it input by input. The format is judged by content, never by suffix, and
the limits are checked before anything is decoded.
"""

import contextlib
import dataclasses
import os
import stat
import warnings
from collections.abc import Callable
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image
from PIL import UnidentifiedImageError

from g2npan_tf.core.config import TILE_SIZE
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.dicom import is_dicom
from g2npan_tf.images.dicom import open_dicom
from g2npan_tf.images.limits import DEFAULT_LIMITS
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.limits import LoadedImage
from g2npan_tf.images.limits import Opened
from g2npan_tf.images.nifti import is_nifti
from g2npan_tf.images.nifti import open_nifti
from g2npan_tf.images.still import open_still

KNOWN = "PNG, JPEG, BMP, TIFF, DICOM or NIfTI"
# Width and height that every scorer works on (sec. 4.1.1).
SCORER_SIZE = TILE_SIZE
# How the note ends that an image is no square.
SQUEEZED = "squeezed to a square"
# Names that not every system has.
_NO_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclasses.dataclass(frozen=True)
class Frame:
    """One image of a file.

    Attributes:
        name: The path as given; with `#3` behind it for the third frame of a
            file with several.
        pixels: uint8 `[height, width, 3]`, RGB, 0..255.
        notes: As of `LoadedImage`.
    """

    name: str
    pixels: np.ndarray
    notes: tuple[str, ...] = ()


def read_frames(
    path: str | os.PathLike, limits: Limits = DEFAULT_LIMITS
) -> Iterator[Frame]:
    """Yields every image of one untrusted file, decoded when it is asked for.

    Args:
        path: A file of a format of docs/input.md, whatever its suffix.
        limits: What is accepted.

    Raises:
        InputError: If there is no such file, it cannot be read, or
            `decode_frames` refuses it. The line starts with the path.
    """
    try:
        data = read_file(path, limits)
        yield from decode_frames(data, limits, os.fspath(path))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def read_file(
    path: str | os.PathLike, limits: Limits = DEFAULT_LIMITS
) -> bytes:
    """Reads a regular file of bounded size; errors do not name it."""
    try:
        # Opening a pipe would wait for its writer; a folder cannot be opened
        # for reading on every system.
        if os.path.isdir(path):
            raise InputError("not a regular file")
        descriptor = os.open(path, os.O_RDONLY | _NO_WAITING)
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise InputError("not a regular file")
            size = status.st_size
            if size > limits.max_bytes:
                raise InputError(
                    f"{size:,} bytes; expected at most {limits.max_bytes:,}"
                )
            # No more, should it have grown since.
            return file.read(size)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        # Names that no file can have are a ValueError.
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise InputError(reason) from error


def decode_frames(
    data: bytes, limits: Limits = DEFAULT_LIMITS, name: str = ""
) -> Iterator[Frame]:
    """Yields every image of an untrusted file's bytes, as `read_frames`.

    Raises:
        InputError: If the format is unknown, the file is damaged, truncated or
            outside of the limits, or has values for which no range is defined.
    """
    if not data:
        raise InputError("empty file")
    open_file = _opener(data)
    # Decoders raise nearly anything, and what the others say may quote the
    # file and so the patient.
    quote = open_file is open_still
    with _only_input_errors(quote):
        count, images = open_file(data, limits)
    for number in range(1, count + 1):
        where = f"frame {number} of {count}: " if count > 1 else ""
        with _only_input_errors(quote, where):
            image = next(images)
            pixels = image.pixels
            is_rgb = pixels.dtype == np.uint8 and pixels.shape[2:] == (3,)
            if not (is_rgb and pixels.size):
                raise InputError("expected one grey or RGB image")
        height, width = pixels.shape[:2]
        notes = image.notes
        if height != width:
            notes = (*notes, f"{width} x {height} {SQUEEZED}")
        own_name = f"{name}#{number}" if count > 1 else name
        yield Frame(own_name, pixels, notes)


def load_image(
    path: str | os.PathLike, limits: Limits = DEFAULT_LIMITS
) -> LoadedImage:
    """`read_frames` of a single image; several are an InputError."""
    frames = read_frames(path, limits)
    frame = next(frames)
    if next(frames, None) is not None:
        raise InputError(
            f"{path}: several images in one file; expected a single one"
        )
    return LoadedImage(frame.pixels, frame.notes)


def resize(pixels: np.ndarray, size: int = SCORER_SIZE) -> np.ndarray:
    """Brings uint8 `[height, width, 3]` to the square that is scored.

    An axis that shrinks is averaged over areas, as in the data set; one that
    grows is interpolated linearly. Other shapes than a square are squeezed.
    """
    height, width = pixels.shape[:2]
    shrunk_size = (min(width, size), min(height, size))
    shrunk = cv2.resize(pixels, shrunk_size, interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (size, size), interpolation=cv2.INTER_LINEAR)


def _opener(data: bytes) -> Callable[[bytes, Limits], Opened]:
    """Chooses the decoder by content."""
    # A DICOM file may start as another format does, so it comes first.
    if is_dicom(data):
        return open_dicom
    return open_nifti if is_nifti(data) else open_still


@contextlib.contextmanager
def _only_input_errors(quote: bool, where: str = "") -> Iterator[None]:
    """Turns whatever a decoder raises into one line."""
    try:
        with warnings.catch_warnings():
            # What decoders only warn of is checked here or does no harm.
            warnings.simplefilter("ignore")
            yield
    except InputError as error:
        raise InputError(f"{where}{error}") from None
    except Image.DecompressionBombError:
        raise InputError(f"{where}more pixels than any limit") from None
    except Exception as error:
        # Decoders raise nearly anything on damaged bytes; all of it means
        # the same to the caller.
        line = f"{where}damaged or truncated image"
        if not quote:
            raise InputError(line) from None
        if isinstance(error, UnidentifiedImageError):
            line = f"not a readable {KNOWN} file"
        else:
            reason = " ".join(str(error).split()) or type(error).__name__
            line = f"{line} ({reason})"
        raise InputError(line) from error
