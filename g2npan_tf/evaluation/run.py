"""Scores a trained model on the part of a data set that a user chooses."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from g2npan_tf.core import command
from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import METHOD
from g2npan_tf.core.config import NUM_FOLDS
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.run_names import changes
from g2npan_tf.core.run_names import name_of
from g2npan_tf.data import base
from g2npan_tf.data import protocols
from g2npan_tf.evaluation import differences
from g2npan_tf.evaluation import figures
from g2npan_tf.evaluation import results as kept
from g2npan_tf.evaluation.results import PAIR
from g2npan_tf.evaluation.results import TEST
from g2npan_tf.evaluation.results import Facts
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.evaluation.results import Results
from g2npan_tf.scoring import model_facts
from g2npan_tf.scoring import shipped
from g2npan_tf.scoring.assessor import Assessment
from g2npan_tf.scoring.assessor import Assessor

ALL = "all"
SPLITS = (TEST, ALL, *(f"fold_{k}" for k in range(NUM_FOLDS)))


@dataclasses.dataclass(frozen=True)
class Choice:
    """What is to be scored; the fields are the command's flags."""

    data: str = ""
    data_dir: str = ""
    manual_dir: str = ""
    split: str = ""
    group_by: str = PAIR
    exclude: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Selection:
    """What is scored, and what the model knows.

    Attributes:
        builder: Of the data set that is scored.
        places: Places of the images there.
        split: One of `SPLITS`.
        protocol: In words.
        own: The data set the model was trained on; None if it is not here.
        parts: How that one was divided; None likewise.
    """

    builder: tfds.core.DatasetBuilder
    places: np.ndarray
    split: str
    protocol: str
    own: tfds.core.DatasetBuilder | None
    parts: protocols.Parts | None


@dataclasses.dataclass(frozen=True)
class Scored:
    """A model's scores of a data set.

    Attributes:
        results: What was found.
        predictions: Of each image.
        images: Their pixels, uint8 `[height, width, 3]`.
        assessor: The model.
    """

    results: Results
    predictions: Predictions
    images: Sequence[np.ndarray]
    assessor: Assessor

    def explain(
        self, chosen: Predictions
    ) -> list[tuple[np.ndarray, Assessment]]:
        """Pixels and assessment of some of the images, in their order."""
        place = {name: i for i, name in enumerate(self.predictions.image)}
        images = [self.images[place[name]] for name in chosen.image]
        return list(zip(images, self.assessor.explain(images), strict=True))


def score(workdir: pathlib.Path, choice: Choice) -> Scored:
    """Scores a run's model and judges it.

    Raises:
        InputError: If there is no such run, data set or image.
    """
    settings, facts = config_module.load(workdir / "config.json")
    return _scored(
        _loaded(workdir),
        choice,
        settings,
        facts,
        select(settings, facts, choice),
        preset=settings.preset,
        changes=changes(settings),
        network=name_of(settings),
    )


def score_artefact(model: str, choice: Choice) -> Scored:
    """Scores any artefact, or a model that ships, on a data set and judges it.

    Choice: the side file names the data sets that it learned from, not the
    images; all of them are taken to have trained.

    Args:
        model: As in `Assessor.load`.
        choice: What is to be scored; `data` is needed.

    Raises:
        InputError: If there is no such model, side file, data set or image.
    """
    path = shipped.resolve(model)
    assessor = _loaded(path)
    facts = model_facts.read(path)
    if "name" not in facts:
        raise InputError(
            f"{path}: nothing says what it learned from; expected the side "
            "file that the export wrote beside it"
        )
    if facts.get("extra_only"):
        facts = facts["extra_data"]
    settings = Config(protocol=config_module.ALL, data_dir=choice.data_dir)
    unseen = (
        model_facts.protocol(path) or "of which it is not said what trained"
    )
    chosen = select(settings, facts, choice, unseen)
    name = pathlib.Path(model).name
    return _scored(assessor, choice, settings, facts, chosen, network=name)


def _loaded(path: pathlib.Path) -> Assessor:
    with command.quiet_stderr():
        return Assessor.load(path, check_content=False)


def _scored(
    assessor: Assessor,
    choice: Choice,
    settings: Config,
    facts: Facts,
    chosen: Selection,
    **said: Any,
) -> Scored:
    """Scores a model that learned from what settings and facts say.

    What else is to be said of it in the results is `said`.
    """
    more = {"grades"} & set(chosen.builder.info.features)
    rows = base.read(chosen.builder, chosen.places, more)
    known = None
    if chosen.own and chosen.parts:
        known = base.read_scores(chosen.own, chosen.parts.known)
    split = figures.split_of(rows, choice.group_by)
    baselines, notes = figures.external_baselines(
        figures.split_of(known) if known else None, split, chosen.split == TEST
    )
    data = base.facts(chosen.builder)
    if chosen.split != TEST:
        scored = differences.Side(data, rows, rows["image"].shape[1])
        learned = _learned(settings, facts, chosen)
        trained = differences.Side(facts, learned, assessor.size)
        notes = [*differences.lines(trained, scored), *notes]
    numbers = assessor.numbers(list(rows["image"]))
    predictions = Predictions(
        split.image,
        split,
        numbers["mos"],
        baselines,
        reader_spread(rows["grades"]) if more else None,
        _grades(data, rows),
        low=numbers.get("mos_low"),
        high=numbers.get("mos_high"),
        distance=numbers.get("distance"),
    )
    judged = figures.judge(
        split,
        {METHOD: predictions.predicted, **baselines},
        METHOD,
        grades=predictions.grades,
    )
    results = Results.of(
        judged,
        data=data,
        protocol=chosen.protocol,
        trained_on=facts,
        modalities=np.unique(rows["modality"]).tolist(),
        algorithms=np.unique(rows["algorithm"]).tolist(),
        split=chosen.split,
        group_by=choice.group_by,
        excluded=list(choice.exclude),
        differs=notes,
        inside=figures.inside(predictions),
        outside=figures.outside(predictions),
        baselines={name: figures.MEANINGS[name] for name in baselines},
        **said,
    )
    return Scored(results, predictions, rows["image"], assessor)


def folder(workdir: pathlib.Path, results: Results) -> pathlib.Path:
    """Where the files of an evaluation go by default.

    Returns:
        `evaluation` in the workdir for the whole test part of the run, by
        pairs; a folder in that one, named after data set, split, groups and a
        hash of what is left out, for all else.
    """
    own = workdir / "evaluation"
    if results.is_own_test:
        return own
    words = [results.data["name"], str(results.split)]
    if results.group_by != PAIR:
        words += ["by", str(results.group_by)]
    if results.excluded:
        # In any order, and of any length and letters.
        names = "\n".join(sorted(set(results.excluded)))
        words += ["without", hashlib.sha256(names.encode()).hexdigest()[:8]]
    return own / "-".join(words).replace("/", "-")


def write(scored: Scored, output: pathlib.Path) -> None:
    """Writes results.json and predictions.csv, replaced whole; or OSError."""
    output.mkdir(parents=True, exist_ok=True)
    kept.write(output / "results.json", scored.results)
    scored.predictions.write(output / "predictions.csv")


def reader_spread(grades: Sequence[np.ndarray]) -> np.ndarray:
    """Standard deviation (n - 1) of each image's grades, `[n]`.

    Grades of any number of readers, NaN where one is missing; the deviation
    is NaN where fewer than two judged.
    """
    return np.array(
        [
            np.std(known, ddof=1) if known.size > 1 else np.nan
            for known in (row[np.isfinite(row)] for row in grades)
        ]
    )


def _grades(facts: Facts, rows: Mapping[str, Any]) -> np.ndarray | None:
    """Grades `[n, readers]` of the readers behind the MOS, if they are known.

    Of a data set with rejected readers it is not kept which columns are
    theirs.
    """
    ragged = len({len(row) for row in rows.get("grades", [])}) != 1
    if ragged or facts.get("rejected_readers"):
        return None
    return np.array(rows["grades"], np.float64)


def select(
    settings: Config, facts: Facts, choice: Choice, unseen: str = ""
) -> Selection:
    """Opens the data sets and picks the images, one at least.

    Args:
        settings: Of the run, from its config.json.
        facts: Likewise.
        choice: What is to be scored.
        unseen: What the model has not seen, in words, if no settings say it
            and any image of its data set may have trained.

    Raises:
        InputError: If there is no such data set, or no image is left, or the
            run's own data set is asked for and has changed.
    """
    split = choice.split or (ALL if choice.data else TEST)
    if split == TEST and not choice.data:
        config_module.expect_test_part(
            settings,
            "expected --data=DATA_SET, another one; or --split=all, images "
            "that have trained",
        )
    # First, since what is built now may be the run's own data set again.
    asked = _opened(settings, choice) if choice.data else None
    own = _own_data(settings, facts, choice)
    builder: tfds.core.DatasetBuilder = own if asked is None else asked
    parts = base.divide(own, settings) if own else None
    if split not in SPLITS:
        raise InputError(f"--split={split}: expected {', '.join(SPLITS)}")
    rows = base.judged(builder)
    if split == TEST:
        chosen = np.isin(rows["index"], _test_part(parts, choice))
    else:
        chosen = np.isin(rows["fold"], _folds(split))
    chosen &= ~_excluded(rows, choice.exclude)
    if not chosen.any():
        raise InputError(
            f"--exclude={','.join(choice.exclude)}: no image is left of "
            f"{builder.info.full_name}, --split={split}"
        )
    places = rows["index"][chosen]
    protocol = protocols.describe(settings)
    if split != TEST:
        is_own = own is not None and base.facts(builder) == base.facts(own)
        known = _known(settings, parts) if is_own and parts else None
        part = _part(split, places, known, "up to " if unseen else "")
        protocol = (
            f"{part}; the model is of {facts['name']}, "
            f"{unseen or protocols.left_out(settings)}"
        )
    return Selection(builder, places, split, protocol, own, parts)


def _learned(
    settings: Config, facts: Facts, chosen: Selection
) -> Mapping[str, np.ndarray]:
    """Scores and names of what a model trained on and chose its epoch by.

    Empty if one of its data sets is not here.
    """
    if chosen.own is None or chosen.parts is None:
        return {}
    sources = [base.Source(chosen.own, _known(settings, chosen.parts))]
    try:
        extra = base.reopen_extra(settings, dict(facts))
    except InputError:
        return {}
    if extra:
        sources += base.training_sources(chosen.own, extra, settings)[-1:]
    columns = [base.read_scores(one.builder, one.places) for one in sources]
    return {
        name: np.concatenate([column[name] for column in columns])
        for name in columns[0]
    }


def _known(settings: Config, parts: protocols.Parts) -> np.ndarray:
    """Places of what a run learned from or chose by in its own data set."""
    return parts.validation if settings.extra_only else parts.known


def _part(
    split: str, places: np.ndarray, known: np.ndarray | None, at_most: str
) -> str:
    """A split in words; what is known if the data set is the run's own."""
    where = "all images" if split == ALL else f"all images of {split}"
    if known is None:
        return f"external, {where}"
    count = np.isin(places, known).sum()
    return f"own data set, {where}, includes {at_most}{count} training images"


def _own_data(
    settings: Config, facts: Facts, choice: Choice
) -> tfds.core.DatasetBuilder | None:
    """The run's data set; None if it is not here and not asked for."""
    refusals = []
    for folder in dict.fromkeys(
        [choice.data_dir or settings.data_dir, settings.data_dir]
    ):
        moved = dataclasses.replace(settings, data_dir=folder)
        try:
            return base.reopen(moved, dict(facts))
        except InputError as error:
            refusals.append(error)
    if choice.data:
        return None
    raise refusals[0]


def _opened(settings: Config, choice: Choice) -> tfds.core.DatasetBuilder:
    """The data set that is asked for, built if need be."""
    return base.open_base(
        dataclasses.replace(
            settings,
            data=choice.data,
            data_dir=choice.data_dir or settings.data_dir,
            manual_dir=choice.manual_dir,
        )
    )


def _test_part(parts: protocols.Parts | None, choice: Choice) -> np.ndarray:
    """Places of the run's test part, if it is what is asked for."""
    if choice.data or parts is None:
        raise InputError(
            f"--split={TEST} is the test part of the run's own data set and "
            f"goes without --data; expected {', '.join(SPLITS[1:])}"
        )
    return parts.test


def _folds(split: str) -> list[int]:
    if split == ALL:
        return list(range(NUM_FOLDS))
    return [int(split.removeprefix("fold_"))]


def _excluded(
    rows: Mapping[str, np.ndarray], exclude: Sequence[str]
) -> np.ndarray:
    """Which images are excluded, boolean `[n]`."""
    excluded = np.zeros(len(rows["index"]), bool)
    for item in exclude:
        name, _, value = item.partition(":")
        if name not in base.TEXTS or not value:
            raise InputError(
                f"--exclude={item}: expected NAME:VALUE, NAME one of "
                f"{', '.join(base.TEXTS)}"
            )
        hit = rows[name] == value
        if not hit.any():
            raise InputError(
                f"--exclude={item}: no image has that {name}; there are "
                f"{differences.shortened(rows[name])}"
            )
        excluded |= hit
    return excluded
