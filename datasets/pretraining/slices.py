"""Medical slices that nobody has judged, to learn from without readers."""

import functools
import os
import pathlib
from collections.abc import Callable

import numpy as np

from datasets import phantom
from datasets.atlas import ATLAS_FOLDERS
from datasets.atlas import atlas_case
from datasets.atlas import sorted_slices
from datasets.atlas import split_atlas_name
from datasets.groups import Entry
from g2npan_tf.core.config import NUM_FOLDS
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.read import load_image
from g2npan_tf.images.read import resize

LAYOUT = (
    "PNG slices, in folders of any depth, or those of the Whole Brain Atlas"
)
# Folders of the atlas with grey images, which show texture as scanners do.
_GREY = {"CT": "CT", "MRI": "MR"}
_NO_MODALITY = "unspecified"
# Number of the first head; those of config `phantom` begin at 0. A multiple
# of 6, so that modalities and weightings come in the same order.
FIRST_HEAD = 600_000


SliceEntry = Entry[np.ndarray]


def list_slices(
    root: pathlib.Path, size: int, is_whole: bool
) -> list[SliceEntry]:
    """Lists the slices of a folder; decodes none.

    Of a folder in the layout of the Whole Brain Atlas the grey ones, with its
    cases. Of any other folder all PNG files below it. Whole slices are brought
    to `size` x `size` pixels; of others the middle of that size is cut out, so
    that texture keeps its scale.

    Choice: a folder with slices is a case; where there are fewer than one for
    each fold, every file is.

    Raises:
        InputError: If there is no PNG file, or one of the atlas is not named
            after its case and slice.
    """
    load = functools.partial(read_slice, size=size, is_whole=is_whole)
    if all((root / name).is_dir() for name in ATLAS_FOLDERS):
        return _atlas_slices(root, load)
    files = sorted(_png_files(root))
    if not files:
        raise InputError(f"{root}: no PNG files; expected {LAYOUT}")
    by_folder = len({file.parent for file in files}) >= NUM_FOLDS
    entries = []
    for file in files:
        name = file.relative_to(root).with_suffix("")
        case = name.parent if by_folder else name
        names = (name.as_posix(), case.as_posix(), _NO_MODALITY)
        entries.append(SliceEntry(*names, functools.partial(load, file)))
    return entries


def list_phantoms(num_cases: int, size: int, seed: int) -> list[SliceEntry]:
    """Lists grey slices of built-in heads, an MR each and a third CT too.

    Choice: heads that config `phantom` has under no seed, since a run that
    starts from a pretraining is tested on those.
    """
    entries = []
    for case in range(num_cases):
        has_ct = phantom.MODALITIES[case % len(phantom.MODALITIES)] == "CT-MRI"
        for modality in ("CT", "MR") if has_ct else ("MR",):
            case_id = f"head_{case:03d}"
            load = functools.partial(
                draw_slice, FIRST_HEAD + case, size, seed, modality
            )
            entries.append(
                SliceEntry(f"{modality}_{case_id}", case_id, modality, load)
            )
    return entries


def read_slice(path: pathlib.Path, size: int, is_whole: bool) -> np.ndarray:
    """Reads a slice as uint8 `[size, size, 3]`, RGB; as in `list_slices`.

    Raises:
        InputError: If the file is unusable, or too small to be cut.
    """
    pixels = load_image(path).pixels
    if is_whole:
        return resize(pixels, size)
    height, width = pixels.shape[:2]
    if min(height, width) < size:
        raise InputError(
            f"{path}: {width}x{height} pixels; expected at least "
            f"{size}x{size}; fusion_quality/distortions_whole takes any"
        )
    top, left = (height - size) // 2, (width - size) // 2
    return pixels[top : top + size, left : left + size]


def draw_slice(case: int, size: int, seed: int, modality: str) -> np.ndarray:
    """Draws the CT or MR slice of a built-in head, uint8 `[size, size, 3]`."""
    pair = phantom.phantom_pair(case, size, seed)
    return pair.source_a if modality == "CT" else pair.source_b


def _png_files(root: pathlib.Path) -> list[pathlib.Path]:
    """All PNG files below a folder; links to folders are not followed."""
    return [
        pathlib.Path(folder) / name
        for folder, _, names in os.walk(root, onerror=_refuse)
        for name in names
        if name.lower().endswith(".png")
    ]


def _refuse(error: OSError) -> None:
    """Ends a search that would leave a folder out without a word."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{error.filename}: {reason}") from error


def _atlas_slices(
    root: pathlib.Path, load: Callable[..., np.ndarray]
) -> list[SliceEntry]:
    """The grey slices of the atlas, each with the case of its pair."""
    entries = []
    for group, folders in ATLAS_FOLDERS.items():
        for folder in (name for name in folders if name in _GREY):
            for file in sorted_slices(root / group / folder):
                case, position = split_atlas_name(file)
                name = f"{group}_{folder}_{case}_{position}"
                names = (name, atlas_case(group, case), _GREY[folder])
                entries.append(
                    SliceEntry(*names, functools.partial(load, file))
                )
    if not entries:
        raise InputError(f"{root}: no PNG files; expected {LAYOUT}")
    return entries
