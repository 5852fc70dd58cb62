"""The user's own images and scores: read, and put into groups and folds.

README.md of the data set describes the folder.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from datasets import groups
from datasets.custom import agreement
from datasets.custom import checks
from datasets.custom.scale import SCALE_FILE
from datasets.custom.scale import Scale
from datasets.custom.scale import read_scale
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.table import Problem
from g2npan_tf.core.table import Row
from g2npan_tf.core.table import Table
from g2npan_tf.core.table import read_table
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.read import load_image
from g2npan_tf.images.read import resize

SCORES_FILE = "scores.csv"
# More than these do not help in one line of error.
_NAMED_PROBLEMS = 20
_NO_MODALITY = "unspecified"


@dataclasses.dataclass(frozen=True)
class Opinions:
    """The scores of all rows on MOS 1..5; NaN where there is none."""

    mos: np.ndarray  # `[rows]`.
    std: np.ndarray  # Standard deviation of the readers' grades, `[rows]`.
    interval: np.ndarray  # Half the width of the mean's 95 % one, `[rows]`.
    grades: np.ndarray  # `[rows, readers]`, those of rejected readers too.
    rejected: np.ndarray  # Boolean `[readers]`.


@dataclasses.dataclass(frozen=True)
class CustomScores:
    """A user's table, checked: opinions, or all its problems by line."""

    root: pathlib.Path
    scale: Scale
    rows: tuple[Row, ...]
    readers: tuple[str, ...]  # Columns of single readers.
    opinions: Opinions | None
    problems: tuple[Problem, ...]


def read_scores(
    root: pathlib.Path, overrides: Mapping[str, Any] | None = None
) -> CustomScores:
    """Reads and checks a user's table; decodes every image once.

    Choice: a column `mos` stands as it is, whatever single readers' grades
    stand beside it; without it the MOS is the mean of the readers' grades,
    those of rejected readers left out.

    Raises:
        InputError: If the table or its scale cannot be used at all.
    """
    if not root.is_dir():
        raise InputError(
            f"{root}: no such folder; expected one with images, {SCORES_FILE} "
            f"and {SCALE_FILE}"
        )
    scale = read_scale(root, overrides)
    table = _read_table(root)
    readers = tuple(c for c in table.columns if checks.READER.fullmatch(c))
    if "mos" not in table.columns and not readers:
        raise InputError(
            f"{root / SCORES_FILE}: line 1: no scores; expected a column mos, "
            "or columns reader_1, reader_2 ... of single readers' grades"
        )
    problems = [*table.problems, *checks.find_problems(root, table, scale)]
    opinions = None
    if not problems:
        opinions = _opinions(table, readers, scale)
        problems += _without_grade(table.rows, opinions)
    problems.sort(key=lambda problem: problem.line)
    known = None if problems else opinions
    return CustomScores(
        root, scale, table.rows, readers, known, tuple(problems)
    )


def files_of(root: pathlib.Path) -> list[pathlib.Path]:
    """Lists the files that `read_scores` reads, as far as it can be told."""
    tables = [root / SCORES_FILE, root / SCALE_FILE]
    try:
        rows = _read_table(root).rows
    except InputError:
        # `read_scores` says why.
        return tables
    return tables + [
        root / row.cells[name]
        for row in rows
        for name in checks.FILES
        if row.cells.get(name)
    ]


def opinions_of(scores: CustomScores) -> Opinions:
    """The opinions of a table; an `InputError` names its problems, if any."""
    if scores.opinions is None:
        named = "; ".join(map(str, scores.problems[:_NAMED_PROBLEMS]))
        raise InputError(
            f"{scores.root / SCORES_FILE}: {len(scores.problems)} problem(s) "
            f"({named}); python -m datasets.custom.check "
            f"--manual_dir={scores.root} prints all"
        )
    return scores.opinions


def describe(scores: CustomScores) -> dict[str, Any]:
    """What the log and the metadata say of the scores; None if not defined.

    ICC is that of the readers kept, `reader_srcc` each reader's SRCC with the
    mean of the others.
    """
    opinions = opinions_of(scores)
    single, mean = agreement.intraclass_correlation(
        opinions.grades[:, ~opinions.rejected]
    )
    srcc = agreement.agreement_with_others(opinions.grades)
    names = np.array(scores.readers, dtype=str)
    return {
        "scores": scores.scale.scores,
        "num_readers": len(names),
        "rejected_readers": names[opinions.rejected].tolist(),
        "icc_single": _known(single),
        "icc_mean": _known(mean),
        "reader_srcc": [_known(value) for value in srcc],
    }


def make_groups(scores: CustomScores, size: int) -> list[groups.ScoredGroup]:
    """Makes a group of the images of each pair, in the order of the table."""
    limits = Limits(grey_bits=scores.scale.grey_bits)
    read = functools.partial(read_resized, size=size, limits=limits)
    members: dict[str, list[int]] = {}
    for i, row in enumerate(scores.rows):
        members.setdefault(row.cells["pair_id"], []).append(i)
    made = []
    for pair_id, indices in members.items():
        first = scores.rows[indices[0]]
        sources = filter(None, map(first.cells.get, checks.SOURCES))
        made.append(
            groups.ScoredGroup(
                pair_id=pair_id,
                case_id=checks.case_of(first),
                modality=first.cells.get("modality") or _NO_MODALITY,
                images=tuple(_scored_image(scores, i) for i in indices),
                reference="",
                read=read,
                sources=tuple(scores.root / cell for cell in sources),
            )
        )
    return made


def split_groups(
    scores: CustomScores, made: Sequence[groups.ScoredGroup]
) -> list[list[groups.ScoredGroup]]:
    """Splits groups into folds: as the table says, else by case."""
    folds = {r.cells["pair_id"]: r.cells.get("split") for r in scores.rows}
    if not any(folds.values()):
        return groups.split_by_case(made)
    return [[g for g in made if folds[g.pair_id] == f] for f in checks.FOLDS]


def read_resized(path: pathlib.Path, size: int, limits: Limits) -> np.ndarray:
    """Reads an image of any size and brings it to uint8 `[size, size, 3]`."""
    return resize(load_image(path, limits).pixels, size)


def _read_table(root: pathlib.Path) -> Table:
    known = {*checks.REQUIRED, *checks.OF_PAIR, *checks.SCORES}
    return read_table(
        root / SCORES_FILE,
        checks.REQUIRED,
        lambda c: c in known or bool(checks.READER.fullmatch(c)),
    )


def _known(value: float) -> float | None:
    """JSON has no NaN."""
    return None if np.isnan(value) else round(float(value), 4)


def _opinions(table: Table, readers: Sequence[str], scale: Scale) -> Opinions:
    grades = scale.to_mos(_numbers(table, readers))
    rejected = agreement.rejected_readers(grades)
    mean, std, interval = agreement.mean_opinions(grades[:, ~rejected])
    if "mos" in table.columns:
        mean = scale.to_mos(_numbers(table, ["mos"])[:, 0])
    if "mos_std" in table.columns:
        std = scale.spread_to_mos(_numbers(table, ["mos_std"])[:, 0])
    return Opinions(mean, std, interval, grades, rejected)


def _numbers(table: Table, columns: Sequence[str]) -> np.ndarray:
    """Cells as float64 `[rows, columns]`; NaN where empty."""
    numbers = [
        float(row.cells[name] or "nan")
        for row in table.rows
        for name in columns
    ]
    return np.reshape(numbers, (len(table.rows), len(columns)))


def _without_grade(rows: Sequence[Row], opinions: Opinions) -> list[Problem]:
    """Rows that lost their last grade with a rejected reader."""
    reason = "graded only by readers whom the screening rejects"
    return [
        Problem(row.line, row.cells["path"], reason)
        for row, mos in zip(rows, opinions.mos, strict=True)
        if np.isnan(mos)
    ]


def _scored_image(scores: CustomScores, index: int) -> groups.ScoredImage:
    cells, opinions = scores.rows[index].cells, opinions_of(scores)
    return groups.ScoredImage(
        name=cells["path"],
        path=scores.root / cells["path"],
        algorithm=cells["algorithm"],
        mos=float(opinions.mos[index]),
        features={
            "mos_std": float(opinions.std[index]),
            "mos_interval": float(opinions.interval[index]),
            "grades": opinions.grades[index].astype(np.float32),
        },
    )
