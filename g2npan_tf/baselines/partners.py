"""Which files belong together: fused images and their sources, by name."""

import dataclasses
import os
import pathlib
from collections import Counter
from collections import defaultdict
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

from g2npan_tf.core.errors import InputError
from g2npan_tf.core.outputs import SUFFIXES
from g2npan_tf.images.paths import find_images
from g2npan_tf.images.paths import why_no_file

# Sources without partners that one line names; a fused image has a row instead.
_MOST_NAMES = 10


@dataclasses.dataclass(frozen=True)
class Triple:
    """A fused image with its sources.

    Attributes:
        algorithm: The folder below `--fused` that it is in, or that folder's
            own name.
        name: The file's name without its suffix.
        paths: Fused image, source A, source B; fewer if there is a problem.
        problem: Why it has no sources, in one line; empty if it has them.
    """

    algorithm: str
    name: str
    paths: tuple[pathlib.Path, ...]
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class Partners:
    """What three folders hold.

    Attributes:
        triples: All fused images, by algorithm and name.
        missing: Lines about sources without partners.
        files: Everything that was found, with or without partners.
    """

    triples: tuple[Triple, ...]
    missing: tuple[str, ...]
    files: tuple[pathlib.Path, ...]


def find(fused: str, a: str, b: str, follow_links: bool = False) -> Partners:
    """Pairs files of three folders by their names without suffixes.

    Folders are searched with their subfolders. Nothing in a source folder
    counts as a fused image, so `fused` may contain the source folders.

    Raises:
        InputError: If a folder is missing or has no images, or the two source
            folders are one.
    """
    flags = {"fused": fused, "a": a, "b": b}
    found = {
        flag: _images(flag, folder, follow_links)
        for flag, folder in flags.items()
    }
    if os.path.samefile(a, b):
        raise InputError(f"--a and --b are one folder, {a}; expected two")
    sources = {flag: _by_name(found[flag]) for flag in ("a", "b")}
    taken = {os.path.abspath(p) for f in ("a", "b") for p in found[f]}
    images = [p for p in found["fused"] if os.path.abspath(p) not in taken]
    if not images:
        raise InputError(f"--fused={fused}: no images but those of --a and --b")
    home = pathlib.Path(fused)
    keys = [(_algorithm(path, home), _stem(path)) for path in images]
    counts = Counter(keys)
    triples = tuple(
        _triple(path, key, counts[key], sources, flags)
        for path, key in zip(images, keys, strict=True)
    )
    files = tuple(path for paths in found.values() for path in paths)
    return Partners(triples, tuple(_missing(keys, sources)), files)


def _images(
    flag: str, folder: str, follow_links: bool
) -> tuple[pathlib.Path, ...]:
    """The image files of a folder; there must be some."""
    if not folder or not os.path.isdir(folder):
        raise InputError(f"--{flag}={folder}: no such folder")
    # With a separator at its end the name is never taken for a list of paths.
    paths = find_images(
        [os.path.join(folder, "")], follow_links=follow_links
    ).paths
    for path in paths:
        if reason := why_no_file(path):
            raise InputError(f"--{flag}: {path}: {reason}")
    return paths


def _stem(path: pathlib.Path) -> str:
    """A file's name without the suffix, which may be `.nii.gz`."""
    lower = path.name.lower()
    suffix = max(
        (s for s in SUFFIXES if lower.endswith(s)), key=len, default=""
    )
    return path.name[: len(path.name) - len(suffix)]


def _algorithm(path: pathlib.Path, home: pathlib.Path) -> str:
    """The folders between `--fused` and a file, or the name of `--fused`."""
    below = path.parent.relative_to(home).as_posix()
    return pathlib.Path(os.path.abspath(home)).name if below == "." else below


def _by_name(
    paths: Sequence[pathlib.Path],
) -> dict[str, list[pathlib.Path]]:
    """Source files by their stems."""
    named = defaultdict(list)
    for path in paths:
        named[_stem(path)].append(path)
    return named


def _triple(
    path: pathlib.Path,
    key: tuple[str, str],
    count: int,
    sources: Mapping[str, Mapping[str, list[pathlib.Path]]],
    flags: Mapping[str, str],
) -> Triple:
    """A fused image with its sources, or with the reason why it has none."""
    algorithm, name = key
    if count > 1:
        problem = f"{path}: one of {count} files of this name; expected one"
        return Triple(algorithm, name, (path,), problem)
    problems = []
    for flag, named in sources.items():
        number = len(named.get(name, ()))
        if number != 1:
            words = f"{number} files" if number else "no file"
            problems.append(f"{words} of this name in --{flag}={flags[flag]}")
    if problems:
        problem = f"{path}: {' and '.join(problems)}; expected one"
        return Triple(algorithm, name, (path,), problem)
    partners = (named[name][0] for named in sources.values())
    return Triple(algorithm, name, (path, *partners))


def _missing(
    keys: Sequence[tuple[str, str]],
    sources: Mapping[str, Mapping[str, list[pathlib.Path]]],
) -> Iterator[str]:
    """Lines about sources without a partner, and pairs that are not fused."""
    in_a, in_b = (set(sources[flag]) for flag in ("a", "b"))
    made = {name for _, name in keys}
    for flag, names in (("a", in_a - in_b), ("b", in_b - in_a)):
        yield from _line(f"in --{flag} alone", names - made)
    yield from _line("not fused", (in_a & in_b) - made)
    for algorithm in dict.fromkeys(algorithm for algorithm, _ in keys):
        own = {name for of, name in keys if of == algorithm}
        yield from _line(
            f"not fused by {algorithm}", (in_a & in_b & made) - own
        )


def _line(what: str, names: set[str]) -> Iterator[str]:
    """A line that names some of them, if there are any."""
    if names:
        shown = ", ".join(sorted(names)[:_MOST_NAMES])
        more = len(names) - _MOST_NAMES
        yield f"{what}: {shown}{f' and {more} more' if more > 0 else ''}"
