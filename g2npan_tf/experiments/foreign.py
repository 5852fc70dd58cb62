"""Pictures that a scorer was not made for: from packages, drawn, changed."""

import importlib.util
import itertools
import pathlib
from collections.abc import Iterator

import cv2
import numpy as np

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.content import scorer_image
from g2npan_tf.images.read import read_frames

# Files in packages by kind; of several frames in a file the middle one counts.
_SKIMAGE = "skimage/data/"
_PYDICOM = "pydicom/data/test_files/"
_NIBABEL = "nibabel/tests/data/"
FILES = {
    "photographs": [
        *(
            f"{_SKIMAGE}{name}"
            for name in (
                "astronaut.png",
                "brick.png",
                "camera.png",
                "chelsea.png",
                "clock_motion.png",
                "coffee.png",
                "coins.png",
                "grass.png",
                "gravel.png",
                "hubble_deep_field.jpg",
                "moon.png",
                "motorcycle_left.png",
                "rocket.jpg",
            )
        ),
        "sklearn/datasets/images/china.jpg",
        "sklearn/datasets/images/flower.jpg",
        "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
        "matplotlib/mpl-data/sample_data/Minduka_Present_Blue_Pack.png",
    ],
    "scanned text": [f"{_SKIMAGE}text.png", f"{_SKIMAGE}page.png"],
    "drawings": [
        f"{_SKIMAGE}color.png",
        f"{_SKIMAGE}logo.png",
        "matplotlib/mpl-data/sample_data/logo2.png",
        f"{_PYDICOM}SC_rgb_rle.dcm",
        f"{_PYDICOM}SC_rgb_rle_2frame.dcm",
        f"{_NIBABEL}0.dcm",
    ],
    "microscopes and eyes": [
        f"{_SKIMAGE}cell.png",
        f"{_SKIMAGE}ihc.png",
        f"{_SKIMAGE}microaneurysms.png",
        f"{_SKIMAGE}retina.jpg",
    ],
    "ultrasound": [
        f"{_PYDICOM}examples_jpeg2k.dcm",
        f"{_PYDICOM}examples_palette.dcm",
        f"{_PYDICOM}examples_rgb_color.dcm",
        f"{_PYDICOM}examples_ybr_color.dcm",
    ],
    "CT, MR and nuclear medicine of one source": [
        f"{_PYDICOM}693_J2KI.dcm",
        f"{_PYDICOM}CT_small.dcm",
        f"{_PYDICOM}J2K_pixelrep_mismatch.dcm",
        f"{_PYDICOM}JPEG2000.dcm",
        f"{_PYDICOM}MR_small.dcm",
        f"{_PYDICOM}examples_overlay.dcm",
        f"{_NIBABEL}anatomical.nii",
        f"{_NIBABEL}reoriented_anat_moved.nii",
        f"{_NIBABEL}resampled_anat_moved.nii",
    ],
}
COLOUR_MAPS = {
    "hot": cv2.COLORMAP_HOT,
    "hsv": cv2.COLORMAP_HSV,
    "jet": cv2.COLORMAP_JET,
    "spring": cv2.COLORMAP_SPRING,
    "turbo": cv2.COLORMAP_TURBO,
    "viridis": cv2.COLORMAP_VIRIDIS,
}
# Images of each drawn kind.
NUM_DRAWN = 24
# Frames that are read of a file.
_MAX_FRAMES = 64
_PAGE = 768
_WORDS = (
    "the of image fused quality score reader method table result patient scan "
    "report and with without"
).split()


def packaged(size: int) -> dict[str, np.ndarray]:
    """The `FILES` that are installed and can be read.

    Returns:
        uint8 `[n, size, size, 3]` by kind; kinds without a file are left out.
    """
    found = {
        kind: [image for name in names for image in _read(name, size)]
        for kind, names in FILES.items()
    }
    return {kind: np.stack(images) for kind, images in found.items() if images}


def drawn(size: int) -> dict[str, np.ndarray]:
    """Text pages and noise, the same ones each time; shaped as `packaged`."""
    rng = np.random.default_rng(0)
    return {
        "drawn text pages": np.stack(
            [_text_page(rng, size) for _ in range(NUM_DRAWN)]
        ),
        "noise": np.stack([_noise(rng, size, k) for k in range(NUM_DRAWN)]),
    }


def changed(images: np.ndarray) -> dict[str, np.ndarray]:
    """Images turned, inverted, and with other colour maps for luminance."""
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
    return {
        "turned by 90 degrees": np.rot90(images, axes=(1, 2)),
        "inverted": 255 - images,
        **{
            f"colour map {name}": np.stack(
                [cv2.applyColorMap(x, number)[..., ::-1] for x in grey]
            )
            for name, number in COLOUR_MAPS.items()
        },
    }


def _read(name: str, size: int) -> Iterator[np.ndarray]:
    """The middle frame of a package's file; nothing if that is not there."""
    package, _, path = name.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return
    try:
        frames = read_frames(pathlib.Path(spec.origin).parent / path)
        some = list(itertools.islice(frames, _MAX_FRAMES))
    except InputError:
        # Other versions of a package may have other files.
        return
    image = scorer_image(some[len(some) // 2].pixels, size)
    if image is not None:
        yield image


def _text_page(rng: np.random.Generator, size: int) -> np.ndarray:
    """Lines of words on paper; a quarter of the pages light on dark."""
    is_dark = rng.random() < 0.25
    paper = int(rng.integers(10, 40) if is_dark else rng.integers(235, 256))
    ink = (230,) * 3 if is_dark else (0,) * 3
    page = np.full((_PAGE, _PAGE, 3), paper, np.uint8)
    scale = rng.uniform(0.5, 1.4)
    place = int(60 * scale)
    while place < _PAGE - 30:
        cv2.putText(
            page,
            " ".join(rng.choice(_WORDS, int(12 / scale) + 1)),
            (40, place),
            cv2.FONT_HERSHEY_SIMPLEX,
            scale,
            ink,
            max(1, int(scale * 1.6)),
            cv2.LINE_AA,
        )
        place += int(34 * scale)
    return cv2.resize(page, (size, size), interpolation=cv2.INTER_AREA)


def _noise(rng: np.random.Generator, size: int, number: int) -> np.ndarray:
    """Grey or coloured, uniform or normal, in grains of 1 to 16 pixels."""
    side = max(4, size // 2 ** int(rng.integers(0, 5)))
    shape = (side, side, 3 if number % 2 else 1)
    if number % 4 < 2:
        levels = rng.uniform(0, 255, shape)
    else:
        levels = rng.normal(rng.uniform(60, 180), rng.uniform(15, 60), shape)
    grains = np.broadcast_to(levels, (side, side, 3)).clip(0, 255)
    return cv2.resize(
        grains.astype(np.uint8), (size, size), interpolation=cv2.INTER_CUBIC
    )
