"""Scores a trained model on the part of a base that a user chooses."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import METHOD
from g2npan_tf.core.config import changes
from g2npan_tf.core.config import name_of
from g2npan_tf.data import base
from g2npan_tf.evaluation import base_differences
from g2npan_tf.evaluation import base_selection
from g2npan_tf.evaluation import figures
from g2npan_tf.evaluation import results as kept
from g2npan_tf.evaluation.base_selection import Choice
from g2npan_tf.evaluation.base_selection import Selection
from g2npan_tf.evaluation.results import PAIR
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.evaluation.results import Results
from g2npan_tf.scoring.assessor import Assessor


@dataclasses.dataclass(frozen=True)
class Scored:
    """A model's scores of a base.

    Attributes:
        results: What results.json holds.
        rows: From `data.read`, with `grades` if the base has them.
        predictions: Predicted MOS `[n]` by method.
        assessor: The model.
    """

    results: Results
    rows: dict[str, Any]
    predictions: dict[str, np.ndarray]
    assessor: Assessor


def score(workdir: pathlib.Path, choice: Choice) -> Scored:
    """Scores a run's model and judges it.

    Args:
        workdir: Folder of the run.
        choice: What is to be scored.

    Returns:
        Scores and figures.

    Raises:
        InputError: If there is no such run, base or image.
    """
    settings, facts = config_module.load(workdir / "config.json")
    chosen = base_selection.select(settings, facts, choice)
    more = {"grades"} & set(chosen.builder.info.features)
    rows = base.read(chosen.builder, chosen.places, more)
    known = None
    if chosen.own and chosen.parts:
        known = base.read_scores(chosen.own, chosen.parts.known)
    split = figures.split_of(rows, choice.group_by)
    baselines, notes = figures.external_baselines(
        figures.split_of(known) if known else None,
        split,
        chosen.split == base_selection.TEST,
    )
    assessor = Assessor.load(workdir, check_content=False)
    predictions = {METHOD: assessor.score(list(rows["image"])), **baselines}
    trained = base_differences.Side(facts, known or {}, assessor.size)
    data = base.facts(chosen.builder)
    results = Results.of(
        figures.judge(split, predictions, METHOD, grades=_grades(data, rows)),
        data=data,
        protocol=chosen.protocol,
        preset=settings.preset,
        changes=changes(settings),
        network=name_of(settings),
        trained_on=facts,
        modalities=np.unique(rows["modality"]).tolist(),
        algorithms=np.unique(rows["algorithm"]).tolist(),
        split=chosen.split,
        group_by=choice.group_by,
        excluded=list(choice.exclude),
        differs=[*_differs(trained, chosen, rows), *notes],
        baselines=figures.meanings(baselines),
    )
    return Scored(results, rows, predictions, assessor)


def folder(workdir: pathlib.Path, results: Results) -> pathlib.Path:
    """Where the files of an evaluation go if nobody says it.

    Args:
        workdir: Folder of the run.
        results: From `score`.

    Returns:
        `evaluation` in the workdir for the whole test part of the run, by
        pairs; a folder in that one, named after base, split, groups and a
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
    """Writes results.json and predictions.csv, each replaced whole.

    Args:
        scored: From `score`.
        output: Folder; made if it is not there.

    Raises:
        OSError: If the disk does not take it.
    """
    output.mkdir(parents=True, exist_ok=True)
    kept.write(output / "results.json", scored.results)
    predictions = dict(scored.predictions)
    has_grades = "grades" in scored.rows
    split = figures.split_of(scored.rows)
    Predictions(
        split.image,
        split,
        predictions.pop(METHOD),
        predictions,
        reader_spread(scored.rows["grades"]) if has_grades else None,
        _grades(scored.results.data, scored.rows),
    ).write(output / "predictions.csv")


def reader_spread(grades: Sequence[np.ndarray]) -> np.ndarray:
    """How far the readers of each image disagree.

    Args:
        grades: Of each image's readers, any number, NaN where one is missing.

    Returns:
        Standard deviation (n - 1), `[n]`, on the readers' scale; NaN where
        fewer than two judged.
    """
    return np.array(
        [
            np.std(known, ddof=1) if known.size > 1 else np.nan
            for known in (row[np.isfinite(row)] for row in grades)
        ]
    )


def _grades(
    facts: Mapping[str, Any], rows: Mapping[str, Any]
) -> np.ndarray | None:
    """Grades `[n, readers]` of the readers behind the MOS, if they are known.

    Of a base with rejected readers it is not kept which columns are theirs.
    """
    ragged = len({len(row) for row in rows.get("grades", [])}) != 1
    if ragged or facts.get("rejected_readers"):
        return None
    return np.array(rows["grades"], np.float64)


def _differs(
    trained: base_differences.Side, chosen: Selection, rows: Mapping[str, Any]
) -> list[str]:
    """What differs from training; nothing that a protocol has not said."""
    if chosen.split == base_selection.TEST:
        return []
    facts = base.facts(chosen.builder)
    scored = base_differences.Side(facts, rows, rows["image"].shape[1])
    return base_differences.differences(trained, scored)
