"""The radiologists' reader study of MTD-GAN: denoised CT, real scores.

Not fusion, but of the same form: groups of one content, several algorithms,
scores of radiologists, and a best image in each group. Source: public
repository `babbu3682/MTD-GAN`, folder `BLIND_READER_STUDY` (MIT licence).
"""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import logging

from datasets.custom import agreement
from datasets.groups import ScoredGroup
from datasets.groups import ScoredImage
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.table import Row
from g2npan_tf.core.table import number
from g2npan_tf.core.table import read_table
from g2npan_tf.images.read import load_image

SCORES_FILE = "scores.csv"
# Width and height of the images; the noise that was judged is lost below it.
IMAGE_SIZE = 512
NUM_READERS = 3
READERS = range(1, NUM_READERS + 1)
# What was judged -> the end of its scale; all start at 1.
CRITERIA = {"noise": 14, "contrast": 5, "structure": 5}
REFERENCE = "NDCT"
# Brain sets that may be of one patient: their pictures do not tell (normal-dose
# images correlate by .47, .52 once shifted, as those of two patients do).
MAYBE_ONE_PATIENT = (7, 9)
BY_CASE = "abdomen of one patient, one case"
BY_SET = "by set; abdomen of one patient"
LAYOUT = (
    "scores.csv and {brain,abdomen}/set_<number>/<letters>.png of the reader "
    "study"
)
_TEXTS = ("path", "organ", "set", "method", "is_anchor")


def list_groups(
    root: pathlib.Path, by_set: bool = False
) -> tuple[list[ScoredGroup], dict[str, Any]]:
    """Lists the sets of the study; decodes no image.

    The normal-dose image of a set is its reference. It and the low-dose image
    are anchors: their scores were given, not judged, and belong in no
    correlation.

    Choice: MOS is the mean of the mean contrast and the mean structure. Noise
    is kept but does not count: its scale has its best value in the middle.
    Choice: scores outside their scale are mistyped and dropped; how many is
    logged.
    Choice: the abdomen sets are one case. They are slices of one patient, from
    the heart downwards: normal-dose images of neighbours correlate by .73 to
    .94. Brain sets are a case each, since no two are by their pictures of one
    patient (at most .74, .77 once shifted), but `MAYBE_ONE_PATIENT`: to take
    two patients for one costs little, one for two makes a test of what was
    trained.

    Args:
        root: Folder with `scores.csv` (columns `path`, `organ`, `set`,
            `method`, `is_anchor` and `r<k>_<criterion>_1_<end>` of each of
            three readers) and the images.
        by_set: As up to version 1.1.0: a case is a set number over both
            organs, which puts the abdomen's one patient into every fold.

    Returns:
        The sets, and what the metadata say of them; readers' agreement is
        that without the anchors.

    Raises:
        InputError: If the table lacks a column, a row is damaged, or a set
            has no single reference.
    """
    rows = _read_rows(root / SCORES_FILE)
    images = [_scored_image(root, row) for row in rows]
    single = [[image.features[name] for name in CRITERIA] for image in images]
    dropped = int(np.isnan(single).sum())
    logging.warning("%s: %d mistyped scores dropped", root, dropped)
    grades = np.array([image.features["grades"] for image in images])
    judged = grades[[not image.features["is_anchor"] for image in images]]
    icc_single, icc_mean = agreement.intraclass_correlation(judged)
    srcc = agreement.agreement_with_others(judged)
    facts = {
        "scores": "three radiologists",
        "num_readers": NUM_READERS,
        "caveat": BY_SET if by_set else BY_CASE,
        "dropped_scores": dropped,
        "icc_single": round(icc_single, 4),
        "icc_mean": round(icc_mean, 4),
        "reader_srcc": [round(float(value), 4) for value in srcc],
    }
    return _groups(rows, images, by_set), facts


def read_exact(path: pathlib.Path) -> np.ndarray:
    """Reads an image, uint8 `[512, 512, 3]`; one of another size is refused."""
    pixels = load_image(path).pixels
    height, width = pixels.shape[:2]
    if (height, width) != (IMAGE_SIZE, IMAGE_SIZE):
        raise InputError(
            f"{path}: {width}x{height} pixels; expected "
            f"{IMAGE_SIZE}x{IMAGE_SIZE}, as the readers saw it"
        )
    return pixels


def column(reader: int, criterion: str) -> str:
    """Name of a column of scores, e.g. `r2_noise_1_14`."""
    return f"r{reader}_{criterion}_1_{CRITERIA[criterion]}"


def _read_rows(path: pathlib.Path) -> tuple[Row, ...]:
    """Reads the table, whose rows all have to be whole."""
    columns = [column(k, name) for k in READERS for name in CRITERIA]
    table = read_table(path, [*_TEXTS, *columns], lambda name: True)
    problems = [str(problem) for problem in table.problems]
    for row in table.rows:
        position, anchor = row.cells["set"], row.cells["is_anchor"]
        if not position.isdecimal() or anchor not in ("0", "1"):
            problems.append(
                f"line {row.line}: set is {position!r}, is_anchor "
                f"{anchor!r}; expected a number, and 0 or 1"
            )
    if problems:
        raise InputError(f"{path}: {'; '.join(problems)}")
    return table.rows


def _score(row: Row, reader: int, criterion: str) -> float:
    """One score; NaN and a line in the log if it is not on its scale."""
    name = column(reader, criterion)
    try:
        return number(name, row.cells[name], 1, CRITERIA[criterion])
    except InputError as error:
        logging.info("%s, line %d: dropped, %s", SCORES_FILE, row.line, error)
        return float("nan")


def _scored_image(root: pathlib.Path, row: Row) -> ScoredImage:
    single = {
        name: np.array([_score(row, k, name) for k in READERS])
        for name in CRITERIA
    }
    judged = np.array([single["contrast"], single["structure"]])
    if np.isnan(judged).all(axis=1).any():
        raise InputError(
            f"{root / SCORES_FILE}: line {row.line}: no score on the scale; "
            "expected at least one each of contrast and structure"
        )
    return ScoredImage(
        name=row.cells["path"],
        path=root / row.cells["path"],
        algorithm=row.cells["method"],
        mos=float(np.nanmean(judged, axis=1).mean()),
        features={
            "grades": judged.mean(axis=0).astype(np.float32),
            "is_anchor": row.cells["is_anchor"] == "1",
            **{name: single[name].astype(np.float32) for name in CRITERIA},
        },
    )


def _groups(
    rows: Sequence[Row], images: Sequence[ScoredImage], by_set: bool
) -> list[ScoredGroup]:
    members: dict[tuple[str, int], list[ScoredImage]] = {}
    for row, image in zip(rows, images, strict=True):
        key = (row.cells["organ"], int(row.cells["set"]))
        members.setdefault(key, []).append(image)
    return [
        ScoredGroup(
            pair_id=f"{organ}_set_{position:02d}",
            case_id=_case(organ, position, by_set),
            modality=f"CT-{organ}",
            images=tuple(group),
            reference=_reference(organ, position, group),
            read=read_exact,
        )
        for (organ, position), group in members.items()
    ]


def _case(organ: str, position: int, by_set: bool) -> str:
    if by_set:
        return f"set_{position:02d}"
    if organ == "abdomen":
        return organ
    is_joined = organ == "brain" and position in MAYBE_ONE_PATIENT
    numbers = MAYBE_ONE_PATIENT if is_joined else (position,)
    return "_".join([organ, *(f"{number:02d}" for number in numbers)])


def _reference(organ: str, position: int, group: Sequence[ScoredImage]) -> str:
    found = [image.name for image in group if image.algorithm == REFERENCE]
    if len(found) != 1:
        raise InputError(
            f"{SCORES_FILE}: {len(found)} images of method {REFERENCE} in set "
            f"{position} of {organ}; expected one, the reference"
        )
    return found[0]
