"""Scores image files, one row per image.

No file stops another one: what cannot be scored has a row with its reason.
"""

import dataclasses
import itertools
import os
import pathlib
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from g2npan_tf.core.errors import InputError
from g2npan_tf.images.limits import DEFAULT_LIMITS
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.paths import why_no_file
from g2npan_tf.images.read import Frame
from g2npan_tf.images.read import read_frames
from g2npan_tf.report.pictures import DISPLAY_SIZE
from g2npan_tf.report.pictures import shrunk
from g2npan_tf.scoring.assessor import Assessment
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.frame_scoring import assessment_of
from g2npan_tf.scoring.frame_scoring import frames_or_rows
from g2npan_tf.scoring.frame_scoring import scored_row
from g2npan_tf.scoring.score_rows import OK
from g2npan_tf.scoring.score_rows import Row

# Is shown every row; with the maps and the image, uint8 `[height, width, 3]`
# and not larger than a screen shows, if it was scored.
Watch = Callable[[Row, Assessment | None, np.ndarray | None], None]
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
    watch: Watch | None = None,
) -> Iterator[Row]:
    """Scores files that nobody vouches for.

    Args:
        assessor: The loaded artefact.
        paths: Image files, as from `image_paths.find_images`.
        batch_size: Images held in memory at once.
        explain: Existing folder for the pictures of `save_explanation`.
        limits: What is accepted of a file.
        watch: Sees every row before it is yielded, with what it rests on.

    Yields:
        One row per path in the same order, or one per frame (`x.dcm#2`) of a
        file with several; a file that cannot be scored has its reason in the
        row and does not stop the others.
    """
    draw = explain is not None or watch is not None
    pictures = _Pictures(explain) if explain else None
    results = (
        result
        for path in paths
        for result in _load(path, assessor.size, draw, limits)
    )
    while batch := list(itertools.islice(results, batch_size)):
        loaded = [item for item in batch if isinstance(item, _Loaded)]
        assessments = iter(_assess(assessor, loaded, draw))
        for item in batch:
            if isinstance(item, Row):
                row, assessment, drawn = item, None, None
            else:
                assessment, drawn = next(assessments), item.drawn
                row = scored_row(item.name, item.notes, assessment)
                if pictures and drawn is not None and row.status == OK:
                    row = pictures.save(row, item.stem, assessment, drawn)
            if watch:
                watch(row, assessment, drawn)
            yield row


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


class _Pictures:
    """Draws the explanations of a run into a folder."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory
        self._stems = _Stems()

    def save(
        self, row: Row, wanted: str, assessment: Assessment, drawn: np.ndarray
    ) -> Row:
        """Draws one; the row tells if its pictures are named otherwise."""
        from g2npan_tf.scoring.explain import save_explanation

        stem = self._stems.unique(wanted)
        try:
            save_explanation(assessment, drawn, self._directory, stem)
        except OSError as error:
            raise InputError(f"{self._directory}: {error.strerror}") from error
        if stem == wanted:
            return row
        notes = (*row.notes, f"pictures named {stem}")
        return dataclasses.replace(row, notes=notes)


def _assess(
    assessor: Assessor, loaded: Sequence[_Loaded], draw: bool
) -> list[Assessment]:
    """Scores some images, with maps only if they will be drawn."""
    pixels = [item.scored for item in loaded]
    if draw:
        return assessor.explain(pixels)
    return list(map(assessment_of, assessor.score(pixels)))


def _load(
    path: pathlib.Path, size: int, draw: bool, limits: Limits
) -> Iterator[_Loaded | Row]:
    """Reads a file; a row stands for what cannot be read."""
    if reason := why_no_file(path):
        yield Row(str(path), status=reason)
        return
    for item in frames_or_rows(str(path), read_frames(path, limits), size):
        if isinstance(item, Row):
            yield item
        else:
            yield _reduced(*item, path, draw)


def _reduced(
    frame: Frame, scored: np.ndarray, path: pathlib.Path, draw: bool
) -> _Loaded:
    """Keeps only what will be used of a large image."""
    drawn = shrunk(frame.pixels, DISPLAY_SIZE) if draw else None
    number = frame.name.removeprefix(str(path)).replace("#", "_frame_")
    stem = f"{path.stem}{number}"
    return _Loaded(frame.name, stem, scored, drawn, frame.notes)
