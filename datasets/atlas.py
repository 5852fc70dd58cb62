"""Source pairs of the Whole Brain Atlas, and which of them are taken."""

import functools
import hashlib
import pathlib
import re
from collections.abc import Sequence

import numpy as np
from absl import logging

from datasets.groups import Entry
from datasets.groups import SourcePair
from datasets.groups import spread_over_cases
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.read import load_image
from g2npan_tf.images.read import resize

# Folder of the pairs -> folders of `source_a` and `source_b` inside it.
ATLAS_FOLDERS = {
    "CT-MRI": ("CT", "MRI"),
    "PET-MRI": ("PET", "MRI"),
    "SPECT-MRI": ("SPECT", "MRI"),
}
ATLAS_LAYOUT = "CT-MRI/{CT,MRI}, PET-MRI/{PET,MRI} and SPECT-MRI/{SPECT,MRI}"
# Of the names and bytes of all 1,402 files, commit 984d169e.
ATLAS_SHA256 = (
    "b88500e3dc3419083f8644333d4c8ccb9c5fa0bcb5922adb18e4680f71828cc3"
)
GREY_MODALITY = "CT-MRI"
# The paper's data set: 9 of 129 pairs are grey (sec. 4.1.1).
GREY_SHARE = 9 / 129


def list_atlas_pairs(root: pathlib.Path, size: int) -> list[Entry[SourcePair]]:
    """Lists the pairs of the atlas by modality, case and slice.

    Decodes no image. Other files than those of published figures are logged.

    Args:
        root: Folder in the layout of the public repository
            `xianming-gu/Havard-Medical-Image-Fusion-Datasets`:
            `CT-MRI/{CT,MRI}/<id>.png` and likewise for PET and SPECT.
        size: Side of the loaded images in pixels.

    Raises:
        InputError: If a folder or the partner of a file is missing, or a file
            is not named after its case and slice.
    """
    entries, files = [], []
    for modality, (folder_a, folder_b) in ATLAS_FOLDERS.items():
        files_a = _png_files(root / modality / folder_a)
        files_b = _png_files(root / modality / folder_b)
        _check_partners(files_a, files_b)
        files += [*files_a, *files_b]
        for file_a, file_b in zip(files_a, files_b, strict=True):
            case, position = split_atlas_name(file_a)
            case_id = atlas_case(modality, case)
            names = (f"{modality}_{case}_{position}", case_id, modality)
            load = functools.partial(read_pair, file_a, file_b, size)
            entries.append(Entry(*names, load))
    _warn_of_other_files(root, files)
    return entries


def select_pairs(
    entries: Sequence[Entry[SourcePair]], max_pairs: int
) -> list[Entry[SourcePair]]:
    """Chooses pairs evenly over the cases and over the slices of a case.

    Neighbouring slices are near-copies, so distance is what counts.

    Choice: the paper does not say which pairs it took; the share of grey
    pairs is its 9 of 129.

    Raises:
        InputError: If `max_pairs` is below 1.
    """
    if max_pairs < 1:
        raise InputError(f"max_pairs must be at least 1. Received: {max_pairs}")
    grey = [e for e in entries if e.modality == GREY_MODALITY]
    colour = [e for e in entries if e.modality != GREY_MODALITY]
    # What one kind cannot give the other kind does.
    num_grey = max(round(max_pairs * GREY_SHARE), max_pairs - len(colour))
    num_grey = min(num_grey, len(grey))
    chosen = spread_over_cases(grey, num_grey) + spread_over_cases(
        colour, max_pairs - num_grey
    )
    return sorted(chosen, key=entries.index)


def sorted_slices(folder: pathlib.Path) -> list[pathlib.Path]:
    """The PNG files of a folder by case and slice; none if there is none."""
    paths = folder.iterdir() if folder.is_dir() else ()
    files = [path for path in paths if path.suffix == ".png"]
    return sorted(files, key=lambda file: (len(file.stem), file.stem))


def split_atlas_name(file: pathlib.Path) -> tuple[str, str]:
    """Case and slice of an atlas image: `3008.png` is `("3", "008")`.

    Raises:
        InputError: If the name does not have that form.
    """
    if not re.fullmatch(r"[1-9][0-9]*[0-9]{3}", file.stem):
        raise InputError(
            f"{file}: not named after a slice; expected the case number and "
            "three digits for the slice, e.g. 16003.png"
        )
    return file.stem[:-3], file.stem[-3:]


def atlas_case(modality: str, case: str) -> str:
    """Names the patient of an atlas image, e.g. `case_21` or `PET_25`.

    CT-MRI 21 and SPECT-MRI 21 share their MR slices, so they are one patient;
    the numbers of PET-MRI are planes of another subject.
    """
    return f"{'PET' if modality == 'PET-MRI' else 'case'}_{case}"


def read_pair(
    file_a: pathlib.Path, file_b: pathlib.Path, size: int
) -> SourcePair:
    """Reads two files and brings them to `size` by area averaging.

    Raises:
        InputError: If a file is unreadable, the two sizes differ, or the
            images are not square or smaller than asked for.
    """
    source_a, source_b = _read(file_a), _read(file_b)
    if source_a.shape != source_b.shape:
        raise InputError(
            f"{file_b}: {_extent(source_b)} pixels; expected "
            f"{_extent(source_a)} as in {file_a}"
        )
    height, width = source_a.shape[:2]
    if height != width or height < size:
        raise InputError(
            f"{file_a}: {_extent(source_a)} pixels; expected a square image "
            f"of at least {size}x{size}"
        )
    return SourcePair(resize(source_a, size), resize(source_b, size))


def _png_files(folder: pathlib.Path) -> list[pathlib.Path]:
    files = sorted_slices(folder)
    if not files:
        raise InputError(
            f"{folder}: no PNG files; expected {ATLAS_LAYOUT} with "
            "one <case><slice>.png per slice in each folder"
        )
    return files


def _warn_of_other_files(
    root: pathlib.Path, files: Sequence[pathlib.Path]
) -> None:
    """Logs whether the files are others than those of published figures."""
    digest = hashlib.sha256()
    try:
        for file in files:
            digest.update(file.name.encode() + file.read_bytes())
    except OSError:
        return  # Loading the pair names the file.
    if digest.hexdigest() != ATLAS_SHA256:
        logging.warning(
            "%s: %d files with another SHA-256 than that of the known 1,402; "
            "figures may differ from published ones",
            root,
            len(files),
        )


def _check_partners(
    files_a: Sequence[pathlib.Path], files_b: Sequence[pathlib.Path]
) -> None:
    """Checks that each file has its partner of the same name."""
    names_a = {path.name for path in files_a}
    for missing in sorted(names_a ^ {path.name for path in files_b}):
        here, there = files_b[0].parent, files_a[0].parent
        if missing not in names_a:
            here, there = there, here
        raise InputError(
            f"{here / missing}: missing; expected the partner of "
            f"{there / missing}"
        )


def _read(file: pathlib.Path) -> np.ndarray:
    try:
        image = load_image(file)
    except InputError as error:
        raise InputError(f"{error}; expected a PNG source image") from None
    for note in image.notes:
        logging.warning("%s: %s", file, note)
    return image.pixels


def _extent(image: np.ndarray) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
