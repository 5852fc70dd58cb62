"""No command writes over what it reads: the one check of all of them.

Judged by the files themselves, not by how they are spelled: links, hard links
and names that a file system holds for the same are one file.
"""

import functools
import os
import pathlib
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from g2npan_tf.core.errors import InputError

# What a run of train.py has and others read.
BEST = "best.weights.h5"
# Of a run with --like: the figures of that cross-validation.
CROSS_VALIDATION = "cross_validation.json"
LOG = "log.csv"
SCORER = "scorer.keras"
SUMMARY = "training.json"
RUN_FILES = (BEST, CROSS_VALIDATION, "config.json", LOG, SCORER, SUMMARY)
# What a folder of the user's data has beside images.
_DATA_FILES = ("scores.csv", "scale.json")

# What a search through a folder looks at; a file named by hand may bear any.
SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".bmp",
    ".tif",
    ".tiff",
    ".dcm",
    ".nii",
    ".nii.gz",
)

_Path = str | os.PathLike[str]
# An output and the flag that names it.
_Named = tuple[str, _Path]
# Device and number of a file.
_Identity = tuple[int, int]


def check(
    outputs: Mapping[str, Iterable[_Path]],
    files: Iterable[_Path],
    *,
    folders: Iterable[_Path] = (),
    filled: Mapping[str, _Path] | None = None,
    replaced: Mapping[str, _Path] | None = None,
) -> None:
    """Raises an `InputError` at an output that would overwrite an input.

    `outputs` are to be written, by the flag that names them, `files` are read:
    folders among them do not count, nor does what is not there, and they are
    looked at only if an output is there. In `folders` nothing may be written.
    `filled` are folders that get files, by their flags: none may hold an input.
    What is in `replaced` goes: none may hold another output either.
    """
    removed = [item for item in (replaced or {}).items() if item[1]]
    places = [*(item for item in (filled or {}).items() if item[1]), *removed]
    written = [
        (flag, name) for flag, names in outputs.items() for name in names
    ]
    _check_apart([*written, *places], removed)
    _check_outside([*written, *places], folders)
    targets = {_identity(name): (flag, name) for flag, name in written}
    homes = {_identity(name): (flag, name) for flag, name in places}
    targets.pop(None, None)
    homes.pop(None, None)
    if not targets and not homes:
        return
    # Many inputs are in few folders.
    chain = functools.cache(_chain)
    for path in files:
        flag, name = targets.get(_identity(path), ("", ""))
        if flag and not os.path.isdir(path):
            raise InputError(
                f"--{flag} would overwrite {name}, which is the input {path}; "
                "expected another place"
            )
        for identity in chain(_parent(path)) if homes else ():
            flag, name = homes.get(identity, ("", ""))
            if flag:
                raise InputError(
                    f"--{flag}={name} holds the input {path}; "
                    "expected another folder"
                )


def model_files(model: _Path) -> list[pathlib.Path]:
    """The files of an artefact, but those of a SavedModel."""
    path = pathlib.Path(model)
    if os.path.isdir(path):
        return run_files(path)
    return [path, path.with_suffix(".json"), path.with_suffix(".parity.json")]


def model_folders(model: _Path) -> list[pathlib.Path]:
    """The folder of a SavedModel, or of its versions."""
    path = pathlib.Path(model)
    is_run = any(map(os.path.exists, run_files(path)))
    return [] if is_run or not os.path.isdir(path) else [path]


def run_files(workdir: _Path) -> list[pathlib.Path]:
    """What a run of train.py has."""
    return [pathlib.Path(workdir, name) for name in RUN_FILES]


def check_settings(
    outputs: Mapping[str, Iterable[_Path]],
    settings: Any,
    files: Iterable[_Path] = (),
    folders: Iterable[_Path] = (),
) -> None:
    """Checks the outputs of a command that reads a data set.

    Of the settings `data_dir`, `manual_dir` and, where they are there, `like`,
    `init_from` and `backbone_weights` name what is read; `files` and `folders`
    are what else is.
    """

    def inputs() -> Iterator[_Path]:
        yield from files
        if settings.manual_dir:
            yield from _data_files(settings.manual_dir)
        if start := getattr(settings, "init_from", ""):
            yield from run_files(start)
        if weights := getattr(settings, "backbone_weights", ""):
            yield weights

    read = [pathlib.Path(folder) for folder in folders]
    if base := settings.data_dir:
        read.append(pathlib.Path(base, "fusion_quality"))
    if like := getattr(settings, "like", ""):
        read.append(pathlib.Path(like))
    check(outputs, inputs(), folders=read)


def _check_apart(written: Iterable[_Named], replaced: Iterable[_Named]) -> None:
    """Refuses an output in a folder that is replaced."""
    for home_flag, home in replaced:
        for flag, name in written:
            if flag != home_flag and name and _is_in(name, home):
                raise InputError(
                    f"--{flag}={name} lies in --{home_flag}={home}; "
                    "expected another place"
                )


def _check_outside(written: Iterable[_Named], folders: Iterable[_Path]) -> None:
    """Refuses an output in a folder that is read as a whole."""
    read = {_identity(folder): folder for folder in folders}
    read.pop(None, None)
    for flag, name in written if read else ():
        for identity in (_identity(name), *_chain(_parent(name))):
            if identity in read:
                raise InputError(
                    f"--{flag}={name} lies in the input {read[identity]}; "
                    "expected another place"
                )


def _is_in(name: _Path, directory: _Path) -> bool:
    place = pathlib.Path(os.path.realpath(name))
    return place.is_relative_to(os.path.realpath(directory))


def _identity(path: _Path) -> _Identity | None:
    """What distinguishes a file from others; None if it is not there."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _parent(path: _Path) -> str:
    """The folder that a file is in, links followed."""
    try:
        return os.path.dirname(os.path.realpath(path))
    except ValueError:
        # A name that no file can have.
        return ""


def _chain(folder: str) -> list[_Identity]:
    """A folder and those above it; none for an empty name."""
    places = (folder, *map(str, pathlib.Path(folder).parents))
    found = map(_identity, places if folder else ())
    return [identity for identity in found if identity]


def _data_files(folder: _Path) -> Iterator[str]:
    """The images and tables below a user's folder."""
    for parent, _, names in os.walk(folder):
        for name in names:
            if name in _DATA_FILES or name.lower().endswith(SUFFIXES):
                yield os.path.join(parent, name)
