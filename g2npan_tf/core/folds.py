"""The folder that `g2npan_tf.experiments.cross_validate` writes: its runs."""

import dataclasses
import pathlib
import re
from collections.abc import Collection
from typing import Any

from g2npan_tf.core import config as config_module
from g2npan_tf.core import plain_json
from g2npan_tf.core.config import NUM_FOLDS
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.outputs import SCORER
from g2npan_tf.core.outputs import SUMMARY

RESULTS = "results.json"
PREDICTIONS = "predictions.csv"
_EXPECTED = "expected a finished output folder of cross_validate"
# Runs of one cross-validation may differ in these.
_OWN = (
    "seed",
    "fold",
    "data_dir",
    "manual_dir",
    "init_from",
    "early_stopping_epochs",
    "grace_seconds",
    "distribute",
    "profile",
)


@dataclasses.dataclass(frozen=True)
class Fold:
    """A finished run of a cross-validation, with its config.json."""

    folder: pathlib.Path
    config: Config
    facts: dict[str, Any]


def folder_of(output: pathlib.Path, seed: int, fold: int) -> pathlib.Path:
    """The workdir of a run."""
    return output / f"seed_{seed}" / f"fold_{fold}"


def predictions_of(output: pathlib.Path, seed: int, fold: int) -> pathlib.Path:
    """What the evaluation of a run predicted."""
    return folder_of(output, seed, fold) / "evaluation" / PREDICTIONS


def is_cross_validation(folder: pathlib.Path) -> bool:
    """Whether a folder is that of a cross-validation and not of one run."""
    is_run = (folder / "config.json").exists()
    runs = (folder / RESULTS, *folder.glob("seed_*/fold_*"))
    return not is_run and any(path.exists() for path in runs)


def finished(output: pathlib.Path) -> list[Fold]:
    """The runs that a cross-validation pooled, of all its seeds.

    Raises:
        InputError: If there is none, it has not ended, a run of it was changed
            afterwards, or it lacks one of the protocol's first five parts (two
            under `leave_modality_out`).
    """
    keys, settings = _pooled(output)
    found = [_fold(output, *key) for key in keys]
    for one in found:
        if differing := differences(one.config, settings, _OWN):
            raise InputError(
                f"{one.folder}: {', '.join(differing)} in {RESULTS}; expected "
                "runs of one setting, pooled after the last of them had ended"
            )
    if any(one.facts != found[0].facts for one in found):
        raise InputError(
            f"{output}: its runs are of different data; expected one data set"
        )
    is_open = settings.protocol == "leave_modality_out"
    needed = range(2 if is_open else NUM_FOLDS)
    wanted = {(seed, fold) for seed, _ in keys for fold in needed}
    if missing := sorted(wanted - {*keys}):
        seed, fold = missing[0]
        raise InputError(
            f"{output}: unfinished, no {folder_of(output, seed, fold).name} of "
            f"seed {seed} in {RESULTS}; expected folds 0 to {needed[-1]}"
        )
    return found


def _pooled(output: pathlib.Path) -> tuple[list[tuple[int, int]], Config]:
    """Seed and fold of each run in results.json, and the settings there."""
    path = output / RESULTS
    try:
        content = plain_json.parse(path.read_text())
        keys = [
            (int(seed), int(fold))
            for seed, fold in (
                re.findall(r"\d+", name) for name in content["folds"]
            )
        ]
        return keys, Config.from_json(content["settings"])
    except FileNotFoundError:
        raise InputError(f"{path}: not found; {_EXPECTED}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: no figures of cross_validate ({error}); {_EXPECTED}"
        ) from None


def _fold(output: pathlib.Path, seed: int, fold: int) -> Fold:
    """One run, if it has ended and its test part was evaluated."""
    folder = folder_of(output, seed, fold)
    config, facts = config_module.load(folder / "config.json")
    for path in (
        folder / SCORER,
        folder / SUMMARY,
        predictions_of(output, seed, fold),
    ):
        if not path.is_file():
            raise InputError(f"{path}: not found; {_EXPECTED}")
    if (config.seed, config.fold) != (seed, fold):
        raise InputError(
            f"{folder}: a run with seed={config.seed}, fold={config.fold}; "
            f"{_EXPECTED}"
        )
    return Fold(folder, config, facts)


def differences(
    one: Config, other: Config, may_differ: Collection[str]
) -> list[str]:
    """Where two configurations differ, as `name=1 here and 2`."""
    here, there = one.to_json(), other.to_json()
    return [
        f"{name}={here[name]} here and {there[name]}"
        for name in here
        if name not in may_differ and here[name] != there[name]
    ]
