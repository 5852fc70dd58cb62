"""Scores image files, one row per image.

No file stops another one: what cannot be scored has a row with its reason.
"""

import dataclasses
import itertools
import os
import pathlib
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from g2npan_tf.assessor import Assessment
from g2npan_tf.assessor import Assessor
from g2npan_tf.errors import InputError
from g2npan_tf.frame_scoring import assessment_of
from g2npan_tf.frame_scoring import frames_or_row
from g2npan_tf.frame_scoring import scored_row
from g2npan_tf.image_paths import NO_IMAGE
from g2npan_tf.images import Frame
from g2npan_tf.images import read_frames
from g2npan_tf.images import resize
from g2npan_tf.input_policy import DEFAULT_LIMITS
from g2npan_tf.input_policy import Limits
from g2npan_tf.score_rows import OK
from g2npan_tf.score_rows import Row

# Bytes of a name, so that its ending still fits into the usual 255.
_MAX_STEM_BYTES = 200


@dataclasses.dataclass(frozen=True)
class _Loaded:
    """An image on its way: what is scored, drawn, and said about it."""

    name: str
    stem: str
    scored: np.ndarray
    drawn: np.ndarray | None
    notes: tuple[str, ...]


def score_files(
    assessor: Assessor,
    paths: Iterable[pathlib.Path],
    batch_size: int = 16,
    explain: pathlib.Path | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[Row]:
    """Scores files that nobody vouches for.

    Args:
        assessor: The loaded artefact.
        paths: Image files, as from `image_paths.find_images`.
        batch_size: Images held in memory at once.
        explain: Existing folder for the pictures of `save_explanation`.
        limits: What is accepted of a file.

    Yields:
        One row per path in the same order, or one per frame (`x.dcm#2`) of a
        file with several; a file that cannot be scored has its reason in the
        row and does not stop the others.
    """
    stems = _Stems()
    results = (
        result
        for path in paths
        for result in _load(path, stems, assessor.size, explain, limits)
    )
    while batch := list(itertools.islice(results, batch_size)):
        yield from _score_batch(assessor, batch, explain)


class _Stems:
    """Names for the pictures of each path; x, x_2 for a/x.png, b/x.jpg."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers: Counter[str] = Counter()

    def unique(self, wanted: str) -> str:
        """Returns the wanted name, or it with a number."""
        name = os.fsencode(wanted)[:_MAX_STEM_BYTES]
        stem = base = name.decode("utf-8", "ignore") or "image"
        # Some file systems do not tell upper from lower case.
        while stem.casefold() in self._taken:
            self._numbers[base] += 1
            stem = f"{base}_{self._numbers[base] + 1}"
        self._taken.add(stem.casefold())
        return stem


def _score_batch(
    assessor: Assessor,
    results: Sequence[_Loaded | Row],
    explain: pathlib.Path | None,
) -> Iterator[Row]:
    """Scores and draws some images; what is a row already stays one."""
    loaded = [item for item in results if isinstance(item, _Loaded)]
    pixels = [item.scored for item in loaded]
    if explain:
        assessments = assessor.explain(pixels)
    else:
        assessments = list(map(assessment_of, assessor.score(pixels)))
    scored = iter(zip(loaded, assessments, strict=True))
    for item in results:
        yield item if isinstance(item, Row) else _row(*next(scored), explain)


def _load(
    path: pathlib.Path,
    stems: _Stems,
    size: int,
    explain: pathlib.Path | None,
    limits: Limits,
) -> Iterator[_Loaded | Row]:
    """Reads a file; a row stands for what cannot be read."""
    if path.is_dir():
        yield Row(str(path), status=NO_IMAGE)
        return
    for item in frames_or_row(str(path), read_frames(path, limits)):
        if isinstance(item, Row):
            yield item
        else:
            yield _reduced(item, path, stems, size, explain)


def _reduced(
    frame: Frame,
    path: pathlib.Path,
    stems: _Stems,
    size: int,
    explain: pathlib.Path | None,
) -> _Loaded:
    """Keeps only what will be used of a large image."""
    scored = resize(frame.pixels, size)
    if not explain:
        return _Loaded(frame.name, "", scored, None, frame.notes)
    from g2npan_tf.explanation import shrink

    number = frame.name.removeprefix(str(path)).replace("#", "_frame_")
    wanted = f"{path.stem}{number}"
    stem = stems.unique(wanted)
    notes = frame.notes
    if stem != wanted:
        notes = (*notes, f"pictures named {stem}")
    return _Loaded(frame.name, stem, scored, shrink(frame.pixels), notes)


def _row(
    item: _Loaded, assessment: Assessment, explain: pathlib.Path | None
) -> Row:
    """Makes the row of a scored image and draws its explanation."""
    row = scored_row(item.name, item.notes, assessment)
    if explain and item.drawn is not None and row.status == OK:
        from g2npan_tf.explanation import save_explanation

        try:
            save_explanation(assessment, item.drawn, explain, item.stem)
        except OSError as error:
            raise InputError(f"{explain}: {error.strerror}") from error
    return row
