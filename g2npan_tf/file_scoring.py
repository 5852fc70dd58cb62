"""Finds image files and scores them, one row per file.

No file stops another one: what cannot be scored has a row with its reason.
"""

import dataclasses
import math
import os
import pathlib
from collections import Counter
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from g2npan_tf import mos
from g2npan_tf.assessor import Assessment
from g2npan_tf.assessor import Assessor
from g2npan_tf.errors import InputError
from g2npan_tf.images import SUFFIXES
from g2npan_tf.images import load_image
from g2npan_tf.images import resize
from g2npan_tf.score_rows import OK
from g2npan_tf.score_rows import Row

NO_IMAGE = f"no {', '.join(SUFFIXES)} file in this folder"
# Bytes of a name, so that its ending still fits into the usual 255.
_MAX_STEM_BYTES = 200


@dataclasses.dataclass(frozen=True)
class _Loaded:
    """An image on its way: what is scored, drawn, and said about it."""

    path: pathlib.Path
    stem: str
    scored: np.ndarray
    drawn: np.ndarray | None
    notes: tuple[str, ...]


def find_images(arguments: Sequence[str]) -> list[pathlib.Path]:
    """Lists the files to be scored, each once.

    A file that is named is always listed, whatever its suffix. In folders
    only files of the known suffixes count, hidden ones and linked subfolders
    are left out, and the order is that of their names.

    Args:
        arguments: Paths of files and folders; they need not exist.

    Returns:
        Files in the order of the arguments; a folder without images stands
        for itself, so that it gets a row with an error.

    Raises:
        InputError: If an argument is empty (an unset variable of a shell).
    """
    found: list[pathlib.Path] = []
    for argument in arguments:
        if not argument:
            raise InputError("an empty path; expected a file or a folder")
        path = pathlib.Path(argument)
        found += (_walk(path) or [path]) if path.is_dir() else [path]
    return list(dict.fromkeys(found))


def score_files(
    assessor: Assessor,
    paths: Sequence[pathlib.Path],
    batch_size: int = 16,
    explain: pathlib.Path | None = None,
) -> Iterator[Row]:
    """Scores files that nobody vouches for.

    Args:
        assessor: The loaded artefact.
        paths: Image files, as from `find_images`.
        batch_size: Images held in memory at once.
        explain: Existing folder for the pictures of `save_explanation`.

    Yields:
        One row per path in the same order; a file that cannot be scored has
        its reason in the row and does not stop the others.
    """
    stems = _unique_stems(paths)
    for start in range(0, len(paths), batch_size):
        batch = slice(start, start + batch_size)
        yield from _score_batch(assessor, paths[batch], stems[batch], explain)


def _walk(folder: pathlib.Path) -> list[pathlib.Path]:
    """Finds the visible image files below a folder."""
    return sorted(
        pathlib.Path(parent, name)
        for parent, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(SUFFIXES) and not name.startswith(".")
    )


def _unique_stems(paths: Sequence[pathlib.Path]) -> list[str]:
    """Names for the pictures of each path; x, x_2 for a/x.png, b/x.jpg."""
    stems: list[str] = []
    taken: set[str] = set()
    numbers: Counter[str] = Counter()
    for path in paths:
        name = os.fsencode(path.stem)[:_MAX_STEM_BYTES]
        stem = base = name.decode("utf-8", "ignore") or "image"
        # Some file systems do not tell upper from lower case.
        while stem.casefold() in taken:
            numbers[base] += 1
            stem = f"{base}_{numbers[base] + 1}"
        taken.add(stem.casefold())
        stems.append(stem)
    return stems


def _score_batch(
    assessor: Assessor,
    paths: Sequence[pathlib.Path],
    stems: Sequence[str],
    explain: pathlib.Path | None,
) -> Iterator[Row]:
    """Loads, scores and draws some files."""
    results = [
        _load(path, stem, assessor.size, explain is not None)
        for path, stem in zip(paths, stems, strict=True)
    ]
    loaded = [item for item in results if isinstance(item, _Loaded)]
    pixels = [item.scored for item in loaded]
    if explain:
        assessments = assessor.explain(pixels)
    else:
        scores = map(float, assessor.score(pixels))
        assessments = [Assessment(x, mos.to_quality(x)) for x in scores]
    scored = iter(zip(loaded, assessments, strict=True))
    for item in results:
        yield item if isinstance(item, Row) else _row(*next(scored), explain)


def _load(
    path: pathlib.Path, stem: str, size: int, draw: bool
) -> _Loaded | Row:
    """Reads a file; only what will be used is kept of a large one."""
    try:
        if path.is_dir():
            raise InputError(NO_IMAGE)
        image = load_image(path)
    except InputError as error:
        reason = str(error).removeprefix(f"{path}: ")
        return Row(str(path), status=reason)
    drawn = None
    if draw:
        from g2npan_tf.explanation import shrink

        drawn = shrink(image.pixels)
    scored = resize(image.pixels, size)
    return _Loaded(path, stem, scored, drawn, image.notes)


def _row(
    item: _Loaded, assessment: Assessment, explain: pathlib.Path | None
) -> Row:
    """Makes the row of a scored image and draws its explanation."""
    path, notes = str(item.path), item.notes
    if not math.isfinite(assessment.mos):
        return Row(path, status="the model gave no finite score", notes=notes)
    if explain and item.drawn is not None:
        from g2npan_tf.explanation import save_explanation

        try:
            save_explanation(assessment, item.drawn, explain, item.stem)
        except OSError as error:
            raise InputError(f"{explain}: {error.strerror}") from error
        if item.stem != item.path.stem:
            notes = (*notes, f"pictures named {item.stem}")
    return Row(path, assessment.mos, assessment.quality, OK, notes)
