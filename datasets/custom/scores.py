"""The user's own images and scores: `scores.csv`, `scale.json`, images.

README.md of the data set describes the folder.
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from datasets.custom import agreement
from datasets.custom.checks import FILES
from datasets.custom.checks import OF_PAIR
from datasets.custom.checks import READER
from datasets.custom.checks import REQUIRED
from datasets.custom.checks import SCORES
from datasets.custom.checks import find_problems
from datasets.custom.scale import SCALE_FILE
from datasets.custom.scale import Scale
from datasets.custom.scale import read_scale
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.table import Problem
from g2npan_tf.core.table import Row
from g2npan_tf.core.table import Table
from g2npan_tf.core.table import read_table

SCORES_FILE = "scores.csv"
# More than these do not help in one line of error.
_NAMED_PROBLEMS = 20


@dataclasses.dataclass(frozen=True)
class Opinions:
    """The scores of all rows on MOS 1..5; NaN where there is none.

    Attributes:
        mos: `[rows]`.
        std: Standard deviation of the readers' grades, `[rows]`.
        interval: Half the width of the mean's 95 % interval, `[rows]`.
        grades: `[rows, readers]`, those of rejected readers too.
        rejected: Boolean `[readers]`.
    """

    mos: np.ndarray
    std: np.ndarray
    interval: np.ndarray
    grades: np.ndarray
    rejected: np.ndarray


@dataclasses.dataclass(frozen=True)
class CustomScores:
    """A user's table, checked.

    Attributes:
        root: The folder.
        rows: The rows that could be read.
        readers: Columns of single readers.
        opinions: One entry per row; None if there are problems.
        problems: Everything that is wrong, by line.
        scores: Who scored.
        grey_bits: As of `input_policy.Limits`.
    """

    root: pathlib.Path
    rows: tuple[Row, ...]
    readers: tuple[str, ...]
    opinions: Opinions | None
    problems: tuple[Problem, ...]
    scores: str
    grey_bits: int | None = None


def read_scores(
    root: pathlib.Path, overrides: Mapping[str, Any] | None = None
) -> CustomScores:
    """Reads and checks a user's table; decodes every image once.

    Choice: a column `mos` stands as it is, whatever single readers' grades
    stand beside it; without it the MOS is the mean of the readers' grades,
    those of rejected readers left out.

    Args:
        root: Folder with the images, `scores.csv` and `scale.json`.
        overrides: As in `read_scale`.

    Returns:
        The scores, or all that is wrong with them.

    Raises:
        InputError: If the table or its scale cannot be used at all.
    """
    if not root.is_dir():
        raise InputError(
            f"{root}: no such folder; expected one with images, {SCORES_FILE} "
            "and scale.json"
        )
    scale = read_scale(root, overrides)
    path = root / SCORES_FILE
    table = read_table(path, REQUIRED, _is_known)
    readers = tuple(c for c in table.columns if READER.fullmatch(c))
    if "mos" not in table.columns and not readers:
        raise InputError(
            f"{path}: line 1: no scores; expected a column mos, or columns "
            "reader_1, reader_2 ... of single readers' grades"
        )
    problems = [*table.problems, *find_problems(root, table, scale)]
    opinions = None
    if not problems:
        opinions = _opinions(table, readers, scale)
        problems += _without_grade(table.rows, opinions)
    problems.sort(key=lambda problem: problem.line)
    return CustomScores(
        root=root,
        rows=table.rows,
        readers=readers,
        opinions=None if problems else opinions,
        problems=tuple(problems),
        scores=scale.scores,
        grey_bits=scale.grey_bits,
    )


def files_of(root: pathlib.Path) -> list[pathlib.Path]:
    """Lists the files that `read_scores` reads, as far as it can be told.

    Args:
        root: As for `read_scores`.

    Returns:
        The table, the scale and the images.
    """
    tables = [root / SCORES_FILE, root / SCALE_FILE]
    try:
        rows = read_table(tables[0], REQUIRED, _is_known).rows
    except InputError:
        # `read_scores` says why.
        return tables
    return tables + [
        root / row.cells[name]
        for row in rows
        for name in FILES
        if row.cells.get(name)
    ]


def opinions_of(scores: CustomScores) -> Opinions:
    """The opinions of a table that has no problems.

    Args:
        scores: From `read_scores`.

    Returns:
        `scores.opinions`.

    Raises:
        InputError: If there are problems; names them.
    """
    if scores.opinions is None:
        named = "; ".join(map(str, scores.problems[:_NAMED_PROBLEMS]))
        raise InputError(
            f"{scores.root / SCORES_FILE}: {len(scores.problems)} problem(s) "
            f"({named}); python -m datasets.custom.check "
            f"--manual_dir={scores.root} prints all"
        )
    return scores.opinions


def describe(scores: CustomScores) -> dict[str, Any]:
    """What is to be known of the scores: for the log and the metadata.

    Args:
        scores: Without problems.

    Returns:
        `scores` (who scored), `num_readers`, `rejected_readers` (names),
        `icc_single` and `icc_mean` of the readers kept and `reader_srcc` of
        each reader with the mean of the others; None where not defined.

    Raises:
        InputError: If there are problems.
    """
    grades, rejected = (
        opinions_of(scores).grades,
        opinions_of(scores).rejected,
    )
    single, mean = agreement.intraclass_correlation(grades[:, ~rejected])
    srcc = agreement.agreement_with_others(grades)
    names = np.array(scores.readers, dtype=str)
    return {
        "scores": scores.scores,
        "num_readers": len(names),
        "rejected_readers": names[rejected].tolist(),
        "icc_single": _known(single),
        "icc_mean": _known(mean),
        "reader_srcc": [_known(value) for value in srcc],
    }


def _known(value: float) -> float | None:
    """JSON has no NaN."""
    return None if np.isnan(value) else round(float(value), 4)


def _is_known(column: str) -> bool:
    """Says whether a column has a meaning."""
    known = (*REQUIRED, *OF_PAIR, *SCORES)
    return column in known or bool(READER.fullmatch(column))


def _opinions(table: Table, readers: Sequence[str], scale: Scale) -> Opinions:
    """Makes MOS of numbers that are known to be right."""
    grades = np.array(
        [[_value(row, name) for name in readers] for row in table.rows]
    ).reshape(len(table.rows), len(readers))
    grades = scale.to_mos(grades)
    rejected = agreement.rejected_readers(grades)
    kept = grades[:, ~rejected]
    mean, std, interval = agreement.mean_opinions(kept)
    if "mos" in table.columns:
        mos = np.array([_value(row, "mos") for row in table.rows])
        mean = scale.to_mos(mos)
    if "mos_std" in table.columns:
        given = np.array([_value(row, "mos_std") for row in table.rows])
        std = scale.spread_to_mos(given)
    return Opinions(mean, std, interval, grades, rejected)


def _value(row: Row, column: str) -> float:
    """Number in a cell; NaN if it is empty."""
    return float(row.cells[column] or "nan")


def _without_grade(rows: Sequence[Row], opinions: Opinions) -> list[Problem]:
    """Rows that lost their last grade with a rejected reader."""
    reason = "graded only by readers whom the screening rejects"
    return [
        Problem(row.line, row.cells["path"], reason)
        for row, mos in zip(rows, opinions.mos, strict=True)
        if np.isnan(mos)
    ]
