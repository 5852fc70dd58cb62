"""What results.json and predictions.csv hold: one reader, one writer each."""

import csv
import dataclasses
import json
import math
import pathlib
import re
import types
import typing
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import Self
from typing import TypeVar

import numpy as np

from g2npan_tf.core import plain_json
from g2npan_tf.core import table as text_table
from g2npan_tf.core.config import METHOD
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import written_aside
from g2npan_tf.core.run_names import preset_words
from g2npan_tf.evaluation.statistics import Difference
from g2npan_tf.evaluation.statistics import Figures
from g2npan_tf.evaluation.statistics import Interval

# The split and the groups of a run's own figures.
TEST, PAIR = "test", "pair_id"
ALGORITHM_MEAN = "algorithm_modality_mean"
BASELINES = ("mean", "modality_mean", ALGORITHM_MEAN, "pair_mean")
# What training kept of a data set, see `data.base.facts`.
Facts = Mapping[str, Any]
Kind = TypeVar("Kind")


@dataclasses.dataclass(frozen=True)
class Split:
    """Scores of a part of a data set, columns `[n]` with one row an image.

    Attributes:
        pair_id: Text.
        algorithm: What fused the image. Text.
        modality: Text.
        mos: Readers' scores, real or simulated, 1..5.
        case_id: Patient of each image; None if it is not known. Text.
        group_by: The column whose values are the groups.
    """

    pair_id: np.ndarray
    algorithm: np.ndarray
    modality: np.ndarray
    mos: np.ndarray
    case_id: np.ndarray | None = None
    group_by: str = PAIR

    @property
    def image(self) -> np.ndarray:
        """The name of each image, `pair/algorithm`. Text `[n]`."""
        return np.char.add(np.char.add(self.pair_id, "/"), self.algorithm)

    @property
    def group(self) -> np.ndarray:
        """What images are ranked within. Text `[n]`."""
        return getattr(self, self.group_by)

    @property
    def drawn(self) -> str:
        """What `unit` is, in one word."""
        has_cases = self.group_by == PAIR and self.case_id is not None
        return "case" if has_cases else "group"

    @property
    def unit(self) -> np.ndarray:
        """What a resample draws whole. Text `[n]`.

        Choice: the cases of each modality, not the pairs: neighbouring slices
        of a patient are near-copies, and a network is wrong by whole patients.
        By modality, since a number that two of them share (brain and abdomen
        of the reader study) is no patient.
        """
        if self.case_id is None or self.drawn != "case":
            return self.group
        return np.char.add(np.char.add(self.modality, "/"), self.case_id)

    @property
    def cell(self) -> np.ndarray:
        """Modality and algorithm of each image. Text `[n]`."""
        return np.char.add(np.char.add(self.modality, "/"), self.algorithm)

    def at(self, rows: np.ndarray) -> "Split":
        """Some of the images, by their numbers or a bool `[n]`."""
        return _joined([self], lambda columns: columns[0][rows])


@dataclasses.dataclass(frozen=True)
class Predictions:
    """The columns `[n]` of predictions.csv, one row an image.

    Attributes:
        image: Name of each image, usually `Split.image`.
        split: With the readers' scores.
        predicted: Predicted MOS.
        trivial: Predictions of trivial baselines by name.
        spread: Standard deviation of each image's grades.
        grades: On 1..5, NaN where not graded. Shape `[n, readers]`.
        seed: Of the run, where runs are pooled. Text.
        fold: Likewise.
        measure: What a compared method measured, if it is one number an image.
        low: Lower end of the model's interval, if it gives one.
        high: Its upper end.
        distance: From the training images, as a percentile, if it gives one.
    """

    image: np.ndarray
    split: Split
    predicted: np.ndarray
    trivial: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    spread: np.ndarray | None = None
    grades: np.ndarray | None = None
    seed: np.ndarray | None = None
    fold: np.ndarray | None = None
    measure: np.ndarray | None = None
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    distance: np.ndarray | None = None

    def at(self, rows: np.ndarray) -> "Predictions":
        """Some of the images, by their numbers or a bool `[n]`."""
        return _joined([self], lambda columns: columns[0][rows])

    def where(self, **texts: str) -> "Predictions":
        """The images whose `seed` or `fold` are as given."""
        chosen = np.ones(len(self.predicted), bool)
        for name, text in texts.items():
            chosen &= getattr(self, name) == text
        return self.at(chosen)

    def write(self, path: pathlib.Path) -> None:
        """Writes a CSV file, replaced whole; raises OSError."""
        columns = self._texts()
        with written_aside(path) as aside, aside.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))

    def _texts(self) -> dict[str, Iterable[str]]:
        def places(
            values: np.ndarray | None, form: str = ".4f"
        ) -> list[str] | None:
            return None if values is None else [f"{x:{form}}" for x in values]

        split = self.split
        grades = np.empty((0, 0)) if self.grades is None else self.grades.T
        columns: dict[str, Iterable[str] | None] = {
            "id": self.image,
            "pair": split.pair_id,
            "algorithm": split.algorithm,
            "modality": split.modality,
            "mos": places(split.mos),
            # A flat fit ranks by digits that four places would cut off.
            "predicted_mos": places(self.predicted, ".9g"),
            "case": split.case_id,
            **{name: places(values) for name, values in self.trivial.items()},
            "reader_sd": places(self.spread),
            **{
                f"reader_{reader}": [
                    f"{x:.4f}" if np.isfinite(x) else "" for x in values
                ]
                for reader, values in enumerate(grades, 1)
            },
            "seed": self.seed,
            "fold": self.fold,
            "value": places(self.measure, ".9g"),
            "mos_low": places(self.low),
            "mos_high": places(self.high),
            "distance": places(self.distance),
        }
        return {name: x for name, x in columns.items() if x is not None}


def read_predictions(path: pathlib.Path) -> Predictions:
    """Reads what `Predictions.write` wrote, also in earlier versions.

    Raises:
        InputError: If the file is not there, is no CSV, has no images, or
            lacks a column or a number.
    """
    rows = _csv_rows(path)
    there = [name for name in rows[0] if name]

    # Both give None for a column that the file lacks.
    def texts(name: str) -> Any:
        if name not in there:
            return None
        return np.array([row[name] or "" for row in rows])

    def numbers(name: str, can_lack: bool = False) -> Any:
        cells = texts(name)
        if cells is None:
            return None
        return np.array(
            [
                math.nan
                if can_lack and text in ("", "nan")
                else text_table.number(
                    f"{path}, line {line}, {name}", text, -math.inf, math.inf
                )
                for line, text in enumerate(cells, start=2)
            ]
        )

    grades = [
        numbers(name, True)
        for name in there
        if re.fullmatch(r"reader_\d+", name)
    ]
    return Predictions(
        texts("id"),
        Split(
            texts("pair"),
            texts("algorithm"),
            texts("modality"),
            numbers("mos"),
            texts("case"),
        ),
        numbers("predicted_mos"),
        {name: numbers(name) for name in BASELINES if name in there},
        numbers("reader_sd", True),
        np.stack(grades, axis=1) if grades else None,
        texts("seed"),
        texts("fold"),
        low=numbers("mos_low"),
        high=numbers("mos_high"),
        distance=numbers("distance"),
    )


def pooled(parts: Sequence[Predictions]) -> Predictions:
    """All images, one part after the other, with the columns all parts have."""

    def stacked(columns: Sequence[np.ndarray]) -> np.ndarray:
        if columns[0].ndim > 1:
            readers = min(column.shape[1] for column in columns)
            columns = [column[:, :readers] for column in columns]
        return np.concatenate(columns)

    return _joined(parts, stacked)


def _joined(
    parts: Sequence[Kind], join: Callable[[Sequence[np.ndarray]], np.ndarray]
) -> Kind:
    """Joins each column; one that a part lacks is left out."""

    def column(name: str) -> Any:
        columns = [getattr(part, name) for part in parts]
        first = columns[0]
        if any(one is None for one in columns):
            return None
        if isinstance(first, str):
            return first
        if isinstance(first, Split):
            return _joined(columns, join)
        if isinstance(first, dict):
            names = [n for n in first if all(n in one for one in columns)]
            return {n: join([one[n] for one in columns]) for n in names}
        return join(columns)

    fields = dataclasses.fields(parts[0])  # type: ignore[arg-type]
    return type(parts[0])(
        **{field.name: column(field.name) for field in fields}
    )


def _csv_rows(path: pathlib.Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}; expected what evaluate.py writes"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: no CSV file ({error})") from error
    if not rows:
        raise InputError(f"{path}: no images; expected a row for each")
    needed = {"id", "pair", "algorithm", "modality", "mos", "predicted_mos"}
    if missing := needed - set(rows[0]):
        raise InputError(f"{path}: no column {', '.join(sorted(missing))}")
    return rows


@dataclasses.dataclass(frozen=True)
class WithinGroup:
    """How well the images of a group are ranked, see `figures.within_group`."""

    srcc: float
    top1: float
    pairwise: float = math.nan


@dataclasses.dataclass(frozen=True)
class Measured:
    """Figures of a method and their intervals by metric."""

    raw: Figures
    interval: dict[str, Interval]


@dataclasses.dataclass(frozen=True)
class Agreement(Measured):
    """All figures of a method.

    Attributes:
        mapped: After the 4-parameter logistic.
        rounded_krcc: Of predictions rounded to the grades.
        within_group: Of the images of each group.
        readers: How many, if a single reader is judged.
    """

    mapped: Figures
    rounded_krcc: float
    within_group: WithinGroup
    readers: int | None = None


@dataclasses.dataclass(frozen=True)
class OfImages(Measured):
    """Figures of some images, e.g. those of a modality."""

    images: int


@dataclasses.dataclass(frozen=True)
class Share:
    """A share of images, 0..1, and its 95 % limits."""

    share: float
    interval: Interval
    images: int


@dataclasses.dataclass(frozen=True)
class Inside(Share):
    """How many of the readers' MOS are inside intervals around the scores.

    Attributes:
        width: Mean width of the intervals, in MOS.
        is_own: Whether the model gave them; else other folds' residuals did.
    """

    width: float
    is_own: bool = True


@dataclasses.dataclass(frozen=True)
class FoldMean:
    """SRCC within each fold, averaged, and its 95 % limits."""

    srcc: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class FoldMeans:
    """Means of the folds by method.

    Attributes:
        methods: Of each that is not constant in every fold.
        gains: How far the first method is above each other one.
        by_modality: Of each modality, where there are several.
    """

    methods: dict[str, FoldMean]
    gains: dict[str, Difference]
    by_modality: dict[str, dict[str, FoldMean]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judged:
    """Methods on the same images, and one of them against the others.

    Attributes:
        methods: Figures by method, trivial baselines included.
        gains: By each other method that ranks the difference `all` over all
            images and `within_group`.
        by_modality: By modality and method, where there are several.
        units: How many cases or groups a resample draws from.
        drawn: Whether that is a `case` or a `group`.
        mean_of_folds: Where folds are pooled.
        readers: A single reader, where grades are known.
        network: What the trained network is called.
        inside: Of `all` images and by modality, if the model gives intervals.
        outside: How many are outside, likewise, if it gives distances.
    """

    images: int
    pairs: int
    cases: int | None = None
    methods: dict[str, Agreement]
    gains: dict[str, dict[str, Difference]]
    by_modality: dict[str, dict[str, OfImages]] = dataclasses.field(
        default_factory=dict
    )
    units: int | None = None
    drawn: str | None = None
    mean_of_folds: FoldMeans | None = None
    readers: dict[str, Agreement] = dataclasses.field(default_factory=dict)
    network: str | None = None
    inside: dict[str, Inside] = dataclasses.field(default_factory=dict)
    outside: dict[str, Share] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, judged: "Judged", **more: Any) -> Self:
        """The same figures with what else a larger kind of results holds."""
        return cls(**{**vars(judged), **more})

    def shown(self, method: str) -> str:
        """What a method is called: the network by its name, if it is kept."""
        return self.network or method if method == METHOD else method


@dataclasses.dataclass(frozen=True, kw_only=True)
class Header:
    """What every kind of results.json says of the data it is about."""

    data: Facts
    protocol: str = "unknown"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Results(Judged, Header):
    """What results.json of an evaluation holds.

    Attributes:
        preset: Of the training; None if nothing was trained.
        changes: Settings that are not the preset's.
        split: What was scored; None: the test part.
        group_by: The column of the groups; None: pairs.
        excluded: `name:value` of the images left out.
        differs: Lines on what differs from training.
        baselines: What each trivial baseline predicts.
    """

    preset: str | None = None
    changes: Sequence[str] | None = None
    trained_on: Facts | None = None
    modalities: Sequence[str] | None = None
    algorithms: Sequence[str] | None = None
    split: str | None = None
    group_by: str | None = None
    excluded: Sequence[str] | None = None
    differs: Sequence[str] | None = None
    baselines: dict[str, str] | None = None

    @property
    def is_own_test(self) -> bool:
        """Whether it is the whole test part by pairs, which folds pool."""
        return (self.split or TEST) == TEST and not self.narrowed

    @property
    def part(self) -> str:
        """The split, what is left out and other groups, in words."""
        return "; ".join([self.split or TEST, *self.narrowed])

    @property
    def narrowed(self) -> list[str]:
        """What is left out, and groups if they are no pairs, in words."""
        words = []
        if self.excluded:
            words.append(f"without {', '.join(self.excluded)}")
        if self.group_by not in (None, PAIR):
            words.append(f"grouped by {self.group_by}")
        return words

    @property
    def group(self) -> str:
        """What a group is, in one word."""
        return (self.group_by or PAIR).removesuffix("_id")

    @property
    def preset_words(self) -> str:
        """The preset and what differs from it; empty if it is not known."""
        return preset_words(self.preset, self.changes) if self.preset else ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrossValidation(Header):
    """What results.json of cross-validated runs holds.

    Attributes:
        preset: Of the training.
        changes: Settings that are not the preset's.
        settings: All of them.
        seeds: Figures of the pooled folds by seed.
        folds: SRCC of each run by `(seed, fold)`.
    """

    preset: str
    changes: Sequence[str] | None = None
    settings: dict[str, Any]
    seeds: dict[str, Judged]
    folds: dict[str, float]

    def of_seed(self, seed: str) -> Results:
        """The figures of one seed, with what they were measured on."""
        return Results.of(
            self.seeds[seed],
            data=self.data,
            protocol=self.protocol,
            preset=self.preset,
            changes=self.changes,
        )


def write(path: pathlib.Path, results: object) -> None:
    """Writes JSON, replaced whole; None is left out and NaN is null."""
    text = json.dumps(_plain(results), indent=2, allow_nan=False)
    with written_aside(path) as aside:
        aside.write_text(text + "\n")


def read(path: pathlib.Path, kind: type[Kind]) -> Kind:
    """Reads results as a dataclass; what it has no field for is ignored.

    Raises:
        InputError: If the file is not there or holds no such results.
    """
    try:
        return _typed(kind, plain_json.parse(path.read_text()))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: no figures of evaluate.py, cross_validate or "
            "baselines.run"
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, Figures):
        value = value._asdict()
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        named = {field.name: getattr(value, field.name) for field in fields}
        value = {name: x for name, x in named.items() if x is not None}
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _is_dataclass(kind: Any) -> bool:
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def _typed(kind: Any, value: Any) -> Any:
    """A value of JSON as the type that a field has."""
    if isinstance(kind, types.UnionType):
        kind = typing.get_args(kind)[0]
    if value is None:
        return math.nan if kind is float else None
    if typing.get_origin(kind) is dict:
        of = typing.get_args(kind)[1]
        return {name: _typed(of, item) for name, item in value.items()}
    for plain, wanted in ((Facts, Mapping), (str, str)):
        if kind == plain and not isinstance(value, wanted):
            raise TypeError(f"{value!r}: expected {wanted.__name__}")
    if kind is Figures or _is_dataclass(kind):
        known = typing.get_type_hints(kind)
        return kind(
            **{n: _typed(known[n], x) for n, x in value.items() if n in known}
        )
    return float(value) if kind is float else value
