"""Checkpoints that survive a crash: written aside, checksummed, renamed."""

import dataclasses
import hashlib
import json
import pathlib
import shutil
import sys

import keras

from g2npan_tf.errors import InputError

KEPT = 2
_WEIGHTS = "state.weights.h5"
_STATE = "state.json"


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        epoch: Number of finished epochs.
        best_epoch: Epoch of the best validation figure, from 1; 0 if none.
        best_figure: That figure (SRCC).
    """

    epoch: int = 0
    best_epoch: int = 0
    best_figure: float = -2.0


def save(
    model: keras.Model, progress: Progress, directory: pathlib.Path
) -> pathlib.Path:
    """Writes one checkpoint and removes all but the two newest.

    Args:
        model: Its networks and optimisers are saved.
        progress: Saved beside them.
        directory: Folder of all checkpoints of the run.

    Returns:
        Folder of the new checkpoint.
    """
    final = directory / f"epoch_{progress.epoch:06d}"
    aside = directory / f"{final.name}.tmp"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    model.save_weights(aside / _WEIGHTS)
    state = dataclasses.asdict(progress)
    state["sha256"] = _sha256(aside / _WEIGHTS)
    (aside / _STATE).write_text(json.dumps(state))
    shutil.rmtree(final, ignore_errors=True)
    aside.rename(final)
    for old in _newest_first(directory)[KEPT:]:
        shutil.rmtree(old)
    return final


def restore(model: keras.Model, directory: pathlib.Path) -> Progress:
    """Loads the newest undamaged checkpoint into the model.

    Args:
        model: Compiled, so that its optimisers are built.
        directory: Folder of all checkpoints of the run.

    Returns:
        How far the run was; the start if there is no checkpoint.

    Raises:
        InputError: If there are checkpoints and every one is damaged.
    """
    candidates = _newest_first(directory)
    for candidate in candidates:
        progress = _verified(candidate)
        if progress is None:
            print(
                f"{candidate}: damaged checkpoint, not used",
                file=sys.stderr,
            )
            continue
        model.load_weights(candidate / _WEIGHTS)
        return progress
    if candidates:
        raise InputError(
            f"{directory}: every checkpoint is damaged; the run cannot go on. "
            "Remove the folder to begin anew in this workdir"
        )
    return Progress()


def _newest_first(directory: pathlib.Path) -> list[pathlib.Path]:
    """Finished checkpoints, the newest first."""
    return sorted(
        (p for p in directory.glob("epoch_*") if p.suffix != ".tmp"),
        reverse=True,
    )


def _verified(checkpoint: pathlib.Path) -> Progress | None:
    """Its progress if its files are whole."""
    try:
        state = json.loads((checkpoint / _STATE).read_text())
        if state.pop("sha256") != _sha256(checkpoint / _WEIGHTS):
            return None
        return Progress(**state)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sha256(path: pathlib.Path) -> str:
    """Checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
