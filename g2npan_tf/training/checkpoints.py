"""Checkpoints that survive a crash: written aside, checksummed, renamed."""

import contextlib
import dataclasses
import hashlib
import io
import json
import pathlib
import shutil
import sys
from collections.abc import Callable

import keras

from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import NO_SPACE
from g2npan_tf.core.files import sync
from g2npan_tf.core.files import write
from g2npan_tf.core.outputs import BEST
from g2npan_tf.core.outputs import SCORER

KEPT = 2
STATE = "state.weights.h5"
_MANIFEST = "state.json"

# What a damaged checkpoint makes reading it raise.
_DAMAGE = (OSError, ValueError, KeyError, TypeError)
# Content by file name. In memory, so that what is saved of the best epoch
# does not depend on a file that may be damaged meanwhile.
Files = dict[str, bytes]


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a run is."""

    epoch: int = 0  # Finished.
    best_epoch: int = 0  # That of the best validation figure, from 1; 0: none.
    best_figure: float = -2.0  # SRCC.

    def gains_no_more(self, patience: int) -> bool:
        """Whether the run has ended by early stopping.

        Never with a patience of 0, nor without a validation part, where every
        epoch counts as the best so far, nor as long as its SRCC was undefined.
        """
        if self.best_figure < -1:
            return False
        return 0 < patience <= self.epoch - self.best_epoch


class _Buffer(io.BytesIO):
    """A file in memory with a name, by which Keras chooses the format."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __str__(self) -> str:
        return self._name


def content(save: Callable[[io.BytesIO], None], name: str) -> bytes:
    """What Keras would write into a file; the name's suffix is the format.

    Not written by Keras itself: on a full disk HDF5 cannot close its file any
    more and ends the process by a segmentation fault.
    """
    buffer = _Buffer(name)
    save(buffer)
    return buffer.getvalue()


def save(files: Files, progress: Progress, directory: pathlib.Path) -> None:
    """Writes one checkpoint and removes all but the two newest.

    Whenever it is killed, the checkpoints before it are whole. Files are
    `STATE`, and of the best epoch so far `BEST` and `SCORER`.

    Raises:
        OSError: If the disk does not take it, with the bytes that it needs;
            nothing is left of it then.
    """
    final = directory / f"epoch_{progress.epoch:06d}"
    aside = final.with_suffix(".tmp")
    try:
        _write_all(files, progress, aside)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        if error.errno not in NO_SPACE:
            raise
        needed = sum(len(file) for file in files.values())
        raise OSError(
            error.errno,
            f"{error.strerror} ({needed} bytes needed, "
            f"{shutil.disk_usage(directory.parent).free} free)",
            str(directory),
        ) from error
    _remove(final)
    aside.rename(final)
    sync(directory)
    for old in _finished(directory):
        if old not in _finished(directory, progress.epoch)[:KEPT]:
            _remove(old)


def restore(
    model: keras.Model, directory: pathlib.Path
) -> tuple[Progress, Files]:
    """Loads the newest undamaged checkpoint into the model, which is compiled.

    Gives the files of the best epoch, too, if there is one. If there are
    checkpoints and every one is damaged, it is an `InputError`.
    """
    candidates = _finished(directory)
    for candidate in candidates:
        try:
            progress, files = _verified(candidate)
        except _DAMAGE as error:
            print(
                f"{candidate}: damaged checkpoint, not used ({error})",
                file=sys.stderr,
            )
            continue
        if candidate != candidates[0]:
            print(f"{candidate}: used instead", file=sys.stderr)
        model.load_weights(candidate / STATE)
        return progress, files
    if candidates:
        raise InputError(
            f"{directory}: every checkpoint is damaged; the run cannot resume. "
            "Remove the folder to start from scratch in this workdir"
        )
    return Progress(), {}


def remove_leftovers(directory: pathlib.Path) -> None:
    """Removes what killed saves left in a folder that nobody else writes."""
    for leftover in (*directory.glob("*.tmp"), *directory.glob("*.old")):
        shutil.rmtree(leftover, ignore_errors=True)


def newest(directory: pathlib.Path) -> pathlib.Path | None:
    """The newest undamaged checkpoint, which `restore` would use."""
    for candidate in _finished(directory):
        with contextlib.suppress(*_DAMAGE):
            _verified(candidate)
            return candidate
    return None


def _finished(
    directory: pathlib.Path, until: int | None = None
) -> list[pathlib.Path]:
    """Finished checkpoints up to an epoch, the newest first."""
    found = [p for p in directory.glob("epoch_*") if not p.suffix]
    if until is not None:
        found = [p for p in found if p.name <= f"epoch_{until:06d}"]
    return sorted(found, reverse=True)


def _write_all(files: Files, progress: Progress, aside: pathlib.Path) -> None:
    """Writes the files of a checkpoint, then what verifies them."""
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    for name, file in files.items():
        write(aside / name, file)
    state = {
        "progress": dataclasses.asdict(progress),
        "sha256": {name: _sha256(file) for name, file in files.items()},
    }
    manifest = {"state": state, "sha256": _sha256(_text(state))}
    write(aside / _MANIFEST, _text(manifest))
    sync(aside)
    # The folder of all checkpoints may be new.
    sync(aside.parent.parent)


def _verified(checkpoint: pathlib.Path) -> tuple[Progress, Files]:
    """Progress and files of the best epoch, if every file is whole."""
    manifest = json.loads((checkpoint / _MANIFEST).read_text())
    state = manifest["state"]
    if manifest["sha256"] != _sha256(_text(state)):
        raise ValueError(f"{_MANIFEST} is not as it was saved")
    files = {}
    for name in (STATE, BEST, SCORER):
        files[name] = (checkpoint / name).read_bytes()
        if state["sha256"][name] != _sha256(files[name]):
            raise ValueError(f"{name} is not as it was saved")
    del files[STATE]
    return Progress(**state["progress"]), files


def _remove(checkpoint: pathlib.Path) -> None:
    """Removes a folder so that no half of it looks like a checkpoint."""
    old = checkpoint.with_suffix(".old")
    shutil.rmtree(old, ignore_errors=True)
    if checkpoint.exists():
        checkpoint.rename(old)
        shutil.rmtree(old, ignore_errors=True)


def _text(value: object) -> bytes:
    """JSON with one form only."""
    return json.dumps(value, sort_keys=True).encode()


def _sha256(file: bytes) -> str:
    return hashlib.sha256(file).hexdigest()
