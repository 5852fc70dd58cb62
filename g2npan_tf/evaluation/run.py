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
from g2npan_tf.core.config import Config
from g2npan_tf.core.config import changes
from g2npan_tf.core.config import name_of
from g2npan_tf.data import base
from g2npan_tf.evaluation import base_differences
from g2npan_tf.evaluation import base_selection
from g2npan_tf.evaluation import external_baselines
from g2npan_tf.evaluation import figures
from g2npan_tf.evaluation import single_reader
from g2npan_tf.evaluation.base_selection import Choice
from g2npan_tf.evaluation.base_selection import Selection
from g2npan_tf.evaluation.extreme_images import SPREAD
from g2npan_tf.evaluation.results import PAIR
from g2npan_tf.evaluation.results import is_own_test
from g2npan_tf.evaluation.results import write_predictions
from g2npan_tf.evaluation.results import write_results
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

    results: dict[str, Any]
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
    baselines, notes = external_baselines.baselines(
        known, rows, chosen.split == base_selection.TEST, choice.group_by
    )
    assessor = Assessor.load(workdir, check_content=False)
    predictions = {
        METHOD: assessor.score(list(rows["image"])),
        **baselines,
    }
    trained = base_differences.Side(facts, known or {}, assessor.size)
    split = figures.split_of(rows, choice.group_by)
    results = {
        **_facts(settings, chosen, rows),
        **figures.compare(split, predictions, METHOD),
        "readers": _single_reader(base.facts(chosen.builder), split, rows),
        "trained_on": dict(facts),
        "modalities": np.unique(rows["modality"]).tolist(),
        "algorithms": np.unique(rows["algorithm"]).tolist(),
        "split": chosen.split,
        "group_by": choice.group_by,
        "excluded": list(choice.exclude),
        "differs": [*_differs(trained, chosen, rows), *notes],
        "baselines": external_baselines.meanings(baselines),
    }
    return Scored(results, rows, predictions, assessor)


def folder(workdir: pathlib.Path, results: Mapping[str, Any]) -> pathlib.Path:
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
    if is_own_test(results):
        return own
    words = [results["data"]["name"], results["split"]]
    if results["group_by"] != PAIR:
        words += ["by", results["group_by"]]
    if results["excluded"]:
        # In any order, and of any length and letters.
        names = "\n".join(sorted(set(results["excluded"])))
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
    write_results(output / "results.json", scored.results)
    more = {
        "case": scored.rows["case_id"],
        **{
            name: [f"{value:.4f}" for value in values]
            for name, values in scored.predictions.items()
            if name != METHOD
        },
    }
    if "grades" in scored.rows:
        spreads = reader_spread(scored.rows["grades"])
        more[SPREAD] = [f"{value:.4f}" for value in spreads]
        grades = _grades(scored.results["data"], scored.rows)
        if grades is not None:
            more |= single_reader.columns(grades)
    write_predictions(
        output / "predictions.csv",
        scored.rows,
        scored.predictions[METHOD],
        more,
    )


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


def _facts(
    settings: Config, chosen: Selection, rows: Mapping[str, Any]
) -> dict[str, Any]:
    """What was scored."""
    return {
        "data": base.facts(chosen.builder),
        "protocol": chosen.protocol,
        "preset": settings.preset,
        "changes": changes(settings),
        "network": name_of(settings),
        "images": len(rows["mos"]),
        "pairs": len(set(rows["pair_id"])),
        "cases": len(set(rows["case_id"])),
    }


def _single_reader(
    facts: Mapping[str, Any], split: figures.Split, rows: Mapping[str, Any]
) -> dict[str, Any]:
    """Figures of one reader; empty where the base has none."""
    grades = _grades(facts, rows)
    return {} if grades is None else single_reader.judge(split, grades)


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
