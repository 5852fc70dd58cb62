"""Which algorithm fused an image, and of which source pair: by CSV or path.

Rules for paths, the first that fits all images is taken:

1. Names of the model's own algorithms: the file is called so
   (`case_7/pca.png`), or its folder (`pca/case_7.png`), or the file's name
   holds one between underscores (`case_7_pca.png`).
2. A grid: several folders hold files of the same names, at least two. Names
   that share a few words and differ in numbers are the source pairs, and those
   of the other side are the algorithms (`set_1/CNN.png`, `CNN/1.png`).
"""

import dataclasses
import os
import pathlib
import re
from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Sequence

from g2npan_tf.core import table as score_table
from g2npan_tf.core.errors import InputError

COLUMNS = ("path", "algorithm")
# The third image of a file, as `images.Frame` calls it.
_FRAME = re.compile(r"#\d+$")


@dataclasses.dataclass(frozen=True)
class Origin:
    """What fused an image, and its source pair; empty if it is not known."""

    algorithm: str
    group: str = ""


@dataclasses.dataclass(frozen=True)
class Origins:
    """Origins by the names of the rows, and how they became known."""

    by_name: Mapping[str, Origin]
    rule: str


def read_table(path: pathlib.Path) -> dict[str, Origin]:
    """Reads a table with the columns path, algorithm and perhaps group.

    Its paths may be absolute, or relative to the current folder or to the
    file's own, also with backslashes. Names of algorithms that differ in case
    only are one algorithm. The origins are those of absolute paths.
    An empty cell or a path of two origins is an `InputError`, as is a table
    that cannot be read or lacks a column.
    """
    table = score_table.read_table(path, COLUMNS, lambda name: True)
    if table.problems:
        raise InputError(f"{path}: {table.problems[0]}")
    origins: dict[str, Origin] = {}
    spellings: dict[str, str] = {}
    for row in table.rows:
        name, algorithm = (row.cells[column] for column in COLUMNS)
        if not name or not algorithm:
            raise InputError(
                f"{path}, line {row.line}: an empty path or algorithm"
            )
        algorithm = spellings.setdefault(algorithm.casefold(), algorithm)
        origin = Origin(algorithm, row.cells.get("group", ""))
        for place in _places(path.parent, name):
            if origins.setdefault(place, origin) != origin:
                raise InputError(
                    f"{path}, line {row.line}: {name} has two origins"
                )
    return origins


def by_table(names: Sequence[str], table: Mapping[str, Origin]) -> Origins:
    """Looks up rows in what `read_table` gave; `x.dcm#2` also as `x.dcm`."""
    found = {}
    for name in names:
        whole = os.path.abspath(name)
        origin = table.get(whole) or table.get(_FRAME.sub("", whole))
        if origin:
            found[name] = origin
    return Origins(
        found,
        f"by the table that was given ({len(found)} of {len(names)} images "
        "are in the table)",
    )


def by_paths(names: Sequence[str], known: Sequence[str] = ()) -> Origins:
    """Finds the origins of all images, or of none, by this module's rules.

    The model learned from data of the `known` algorithms.
    """
    paths = {name: pathlib.PurePath(name) for name in names}
    for rule, find in (
        ("by the names of the files", _called_so),
        ("by the names of the folders", _in_such_a_folder),
        ("by a part of the files' names", _holding_such_a_name),
    ):
        found = {name: find(path, known) for name, path in paths.items()}
        whole = {name: origin for name, origin in found.items() if origin}
        if names and len(whole) == len(found):
            return Origins(whole, rule)
    return _by_grid(paths)


def _places(folder: pathlib.Path, name: str) -> set[str]:
    """What a path of a table may stand for."""
    return {
        os.path.abspath(os.path.join(home, spelled))
        for home in ("", folder)
        for spelled in (name, name.replace("\\", "/"))
    }


def _called_so(path: pathlib.PurePath, known: Sequence[str]) -> Origin | None:
    """`case_7/pca.png`."""
    stem = path.stem
    return Origin(stem, str(path.parent)) if stem in known else None


def _in_such_a_folder(
    path: pathlib.PurePath, known: Sequence[str]
) -> Origin | None:
    """`pca/case_7.png`."""
    folder = path.parent.name
    return Origin(folder, path.stem) if folder in known else None


def _holding_such_a_name(
    path: pathlib.PurePath, known: Sequence[str]
) -> Origin | None:
    """`case_7_pca.png`; of several names the longest counts."""
    for name in sorted(known, key=len, reverse=True):
        match = re.search(rf"(?:^|_){re.escape(name)}(?:_|$)", path.stem)
        if match:
            return Origin(name, str(path.parent / path.stem[: match.start()]))
    return None


def _by_grid(paths: Mapping[str, pathlib.PurePath]) -> Origins:
    """Folders that hold the same names, of which one side is numbered."""
    unknown = Origins(
        {}, "not known: neither the paths nor a table identify them"
    )
    stems: dict[str, list[str]] = defaultdict(list)
    for path in paths.values():
        stems[str(path.parent)].append(path.stem)
    sets = {tuple(sorted(names)) for names in stems.values()}
    if len(stems) < 2 or len(sets) != 1:
        return unknown
    (names,) = sets
    folders = [pathlib.PurePath(folder).name for folder in stems]
    if len(names) < 2 or len(set(names)) < len(names):
        return unknown
    if _numbered(folders) and not _numbered(names):
        rule = "by the names of the files, which are the same in every folder"
        return Origins(
            {n: Origin(p.stem, str(p.parent)) for n, p in paths.items()}, rule
        )
    if _numbered(names) and not _numbered(folders):
        rule = "by the folders, which hold files of the same names"
        return Origins(
            {n: Origin(p.parent.name, p.stem) for n, p in paths.items()}, rule
        )
    return unknown


def _numbered(names: Sequence[str]) -> bool:
    """Whether names are a few words with many numbers."""
    shapes = {re.sub(r"\d+", "0", name) for name in names}
    return all("0" in shape for shape in shapes) and (
        2 * len(shapes) <= len(names)
    )
