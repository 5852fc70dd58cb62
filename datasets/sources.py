"""Source pairs: what two modalities show of one slice of one case."""

import dataclasses
import functools
import hashlib
import pathlib
import re
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np
from absl import logging

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


@dataclasses.dataclass(frozen=True)
class SourcePair:
    """Two co-registered images of one slice, ready to be fused.

    Attributes:
        pair_id: Unique name of the pair, e.g. `PET-MRI_25_015`.
        case_id: Patient or subject; folds never split a case.
        modality: `CT-MRI`, `PET-MRI` or `SPECT-MRI`.
        source_a: Functional image or CT. uint8 `[height, width, 3]`, RGB;
            grey images have three equal channels.
        source_b: MR. uint8 `[height, width, 3]`, three equal channels.
    """

    pair_id: str
    case_id: str
    modality: str
    source_a: np.ndarray
    source_b: np.ndarray


@dataclasses.dataclass(frozen=True)
class PairEntry:
    """A source pair that is known by name but not read or drawn yet.

    A list of entries is all that a build holds of its pairs.

    Attributes:
        pair_id: As in `SourcePair`.
        case_id: As in `SourcePair`.
        modality: As in `SourcePair`.
        load: Makes the pair.
    """

    pair_id: str
    case_id: str
    modality: str
    load: Callable[[], SourcePair]


def list_atlas_pairs(root: pathlib.Path, size: int) -> list[PairEntry]:
    """Lists the pairs of a Whole Brain Atlas folder; decodes no image.

    Files that are not those of the published figures are logged.

    Args:
        root: Folder in the layout of the public repository
            `xianming-gu/Havard-Medical-Image-Fusion-Datasets`:
            `CT-MRI/{CT,MRI}/<id>.png` and likewise for PET and SPECT.
        size: Side of the loaded images in pixels.

    Returns:
        One entry per pair, by modality and then by case and slice.

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
            entries.append(_atlas_entry(modality, file_a, file_b, size))
    _warn_of_other_files(root, files)
    return entries


def split_atlas_name(file: pathlib.Path) -> tuple[str, str]:
    """Splits the name of an atlas image into its case and its slice.

    Args:
        file: The last three digits of its name count the slices of the case,
            those before are the case.

    Returns:
        Case number without leading zeros, and slice number of three digits.

    Raises:
        InputError: If the name does not have that form.

    Example:
    >>> split_atlas_name(pathlib.Path("SPECT-MRI/MRI/3008.png"))
    ('3', '008')
    """
    if not re.fullmatch(r"[1-9][0-9]*[0-9]{3}", file.stem):
        raise InputError(
            f"{file}: not named after a slice; expected the case number and "
            "three digits for the slice, e.g. 16003.png"
        )
    return file.stem[:-3], file.stem[-3:]


def atlas_case(modality: str, case: str) -> str:
    """Names the patient of an atlas image.

    CT-MRI 21 and SPECT-MRI 21 share their MR slices, so they are one patient;
    the numbers of PET-MRI are planes of another subject.

    Args:
        modality: Of `ATLAS_FOLDERS`.
        case: From `split_atlas_name`.

    Returns:
        E.g. `case_21` or `PET_25`.
    """
    return f"{'PET' if modality == 'PET-MRI' else 'case'}_{case}"


def read_pair(
    pair_id: str,
    case_id: str,
    modality: str,
    file_a: pathlib.Path,
    file_b: pathlib.Path,
    size: int,
) -> SourcePair:
    """Reads two files and brings them to one size by area averaging.

    Args:
        pair_id: As in `SourcePair`.
        case_id: As in `SourcePair`.
        modality: As in `SourcePair`.
        file_a: PNG of the functional image or CT.
        file_b: PNG of the MR image.
        size: Side of both results in pixels.

    Returns:
        The pair, images uint8 `[size, size, 3]`.

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
    sources = (resize(source, size) for source in (source_a, source_b))
    return SourcePair(pair_id, case_id, modality, *sources)


def _atlas_entry(
    modality: str, file_a: pathlib.Path, file_b: pathlib.Path, size: int
) -> PairEntry:
    """Names the pair of two files."""
    case, position = split_atlas_name(file_a)
    case_id = atlas_case(modality, case)
    names = (f"{modality}_{case}_{position}", case_id, modality)
    load = functools.partial(read_pair, *names, file_a, file_b, size)
    return PairEntry(*names, load=load)


def _png_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Lists the PNG files of a folder by case and slice."""
    files = [path for path in _children(folder) if path.suffix == ".png"]
    if not files:
        raise InputError(
            f"{folder}: no PNG files; expected {ATLAS_LAYOUT} with "
            "one <case><slice>.png per slice in each folder"
        )
    return sorted(files, key=lambda path: (len(path.stem), path.stem))


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


def _children(folder: pathlib.Path) -> list[pathlib.Path]:
    """Lists a folder; one that does not exist has no children."""
    return list(folder.iterdir()) if folder.is_dir() else []


def _check_partners(
    files_a: Sequence[pathlib.Path], files_b: Sequence[pathlib.Path]
) -> None:
    """Checks that each file has its partner of the same name."""
    names = [{path.name for path in files} for files in (files_a, files_b)]
    for missing in sorted(names[0] ^ names[1]):
        has_first = missing in names[0]
        folder = (files_b if has_first else files_a)[0].parent
        partner = (files_a if has_first else files_b)[0].parent / missing
        raise InputError(
            f"{folder / missing}: missing; expected the partner of {partner}"
        )


def _read(file: pathlib.Path) -> np.ndarray:
    """Reads an image as uint8 `[height, width, 3]`."""
    try:
        image = load_image(file)
    except InputError as error:
        raise InputError(f"{error}; expected a PNG source image") from None
    for note in image.notes:
        logging.warning("%s: %s", file, note)
    return image.pixels


def _extent(image: np.ndarray) -> str:
    """Width and height as text."""
    return f"{image.shape[1]}x{image.shape[0]}"
