"""Writes the report of a run: pages as the rows come, the group at the end.

Its folder appears whole or not, in place of an earlier one. What is in an
earlier folder is deleted, so it must be a report beyond doubt: its summary
says so, and nothing is in it that a report does not have.
"""

import contextlib
import dataclasses
import datetime
import functools
import json
import os
import pathlib
import re
import shutil
from collections import defaultdict
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

import g2npan_tf
from g2npan_tf.core import plain_json
from g2npan_tf.core.errors import InputError
from g2npan_tf.report import pictures
from g2npan_tf.scoring import model_facts
from g2npan_tf.scoring import rows
from g2npan_tf.scoring.report import origins
from g2npan_tf.scoring.report import pages
from g2npan_tf.scoring.report import ranking
from g2npan_tf.scoring.report.pages import Entry

INDEX = "index.html"
SCORES = "scores.csv"
SUMMARY = "report.json"
PAGES = "images"
# What the summary calls itself, by which a report is known.
FORMAT = {"format": "g2npan-score report"}
_PAGE = re.compile(r"[0-9]{5,}\.html")
_EXPECTED = "expected a new or empty folder, or an earlier report"
_THUMBNAILS = ".thumbnails"


class Report:
    """Takes the rows of a run one by one; memory holds no picture of them.

    Attributes:
        rule: How the algorithms became known; once it is finished.

    What the disk does not take is an OSError.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        model: str | os.PathLike[str],
        facts: Mapping[str, Any],
        table: Mapping[str, origins.Origin] | None,
        files: contextlib.ExitStack,
        further: Sequence[str] = (),
    ):
        """Starts a report in an empty folder; see `reported`."""
        self.rule = ""
        self._folder = folder
        self._facts = facts
        self._table = table
        self._model = pages.Model(
            model_facts.describe(model, dict(facts)), model_facts.caution(facts)
        )
        self._entries: list[Entry] = []
        self._failed: list[tuple[str, str]] = []
        # Makes the page of the latest image once the next one is known.
        self._waiting: Callable[[pages.Links], str] | None = None
        self._places: dict[str, tuple[int, int]] = {}
        (folder / PAGES).mkdir()
        thumbnails = open(folder / _THUMBNAILS, "w+b")
        self._thumbnails = files.enter_context(thumbnails)
        self._scores = files.enter_context(rows.open_text(folder / SCORES))
        self._further = further
        self._scores.write(rows.csv_header(further))

    def add(self, image: rows.ScoredImage) -> None:
        """Takes the next row, with its maps and pixels if it has a score."""
        row, assessment, pixels = image.row, image.assessment, image.pixels
        self._scores.write(rows.csv_line(row, self._further))
        if row.status != rows.OK or assessment is None or pixels is None:
            self._failed.append((row.path, row.status))
            return
        following = page_name(len(self._entries) + 1)
        self._write_page(following)
        self._waiting = functools.partial(
            pages.image_page, row, assessment, pixels, self._model
        )
        notes = "; ".join(row.notes)
        name = f"{PAGES}/{following}"
        entry = Entry(
            row.path,
            assessment.mos,
            notes,
            name,
            low=row.mos_low,
            high=row.mos_high,
            outside=rows.OUTSIDE in row.notes,
        )
        self._entries.append(entry)
        self._keep_thumbnail(entry.page, pixels)

    def finish(self) -> None:
        """Writes the group's page and the summary."""
        self._write_page("")
        self._scores.flush()
        group = self._group()
        self.rule = group.rule
        thumbnails = (self._thumbnail(entry.page) for entry in group.entries)
        with open(self._folder / INDEX, "w", encoding="utf-8") as file:
            file.writelines(pages.group_page(group, thumbnails, SCORES))
        self._thumbnails.close()
        (self._folder / _THUMBNAILS).unlink()
        summary = FORMAT | {
            "made": group.made,
            "num_scored": len(group.entries),
            "num_failed": len(group.failed),
            "model": dict(self._facts),
            "algorithms": [dataclasses.asdict(rank) for rank in group.ranks],
        }
        (self._folder / SUMMARY).write_text(
            json.dumps(summary, indent=2) + "\n"
        )

    def _write_page(self, following: str) -> None:
        """Writes the page of the image that waits, if there is one."""
        if not self._waiting:
            return
        number = len(self._entries)
        previous = page_name(number - 1) if number > 1 else ""
        links = pages.Links(f"../{INDEX}", previous, following)
        path = self._folder / PAGES / page_name(number)
        path.write_text(self._waiting(links), encoding="utf-8")
        self._waiting = None

    def _keep_thumbnail(self, name: str, pixels: np.ndarray) -> None:
        """Puts a small picture on the disk until the group's page is made."""
        small = pictures.shrunk(pixels, pictures.THUMBNAIL)
        data = pictures.data_uri(small, max_png_bytes=0).encode()
        self._places[name] = (self._thumbnails.tell(), len(data))
        self._thumbnails.write(data)

    def _thumbnail(self, name: str) -> Markup:
        """Reads a small picture again; it is an ornament beside its name."""
        start, length = self._places[name]
        self._thumbnails.seek(start)
        address = self._thumbnails.read(length).decode()
        return Markup('<img src="{}" alt="">').format(address)

    def _group(self) -> pages.Group:
        found = self._origins()
        none = origins.Origin("")
        known = [found.by_name.get(entry.name, none) for entry in self._entries]
        away = ranking.deviations(
            [entry.mos for entry in self._entries],
            [origin.algorithm for origin in known],
        )
        entries = [
            dataclasses.replace(
                entry, deviation=x, algorithm=its.algorithm, pair=its.group
            )
            for entry, its, x in zip(self._entries, known, away, strict=True)
        ]
        entries.sort(key=lambda entry: -abs(entry.deviation or 0.0))
        now = datetime.datetime.now(datetime.UTC)
        return pages.Group(
            entries,
            self._failed,
            _ranks(entries),
            found.rule,
            self._model,
            f"Made by g2npan-score {g2npan_tf.__version__} on "
            f"{now:%Y-%m-%d at %H:%M} UTC",
        )

    def _origins(self) -> origins.Origins:
        names = [entry.name for entry in self._entries]
        if self._table is not None:
            return origins.by_table(names, self._table)
        known = self._facts.get("algorithms") or ()
        found = origins.by_paths(names, known)
        if found.by_name:
            return found
        # A file that failed may be what a folder lacks.
        failed = [name for name, _ in self._failed]
        return origins.by_paths(names + failed, known)


@contextlib.contextmanager
def reported(
    directory: pathlib.Path,
    model: str | os.PathLike[str],
    facts: Mapping[str, Any],
    table: Mapping[str, origins.Origin] | None = None,
    further: Sequence[str] = (),
) -> Iterator[Report]:
    """Yields a report, which is finished if the block succeeds.

    Errors are those of `written_aside`; without `origins.read_table`'s table
    the paths may say which algorithms there are. `further` names the numbers
    that the model gives beside the score.
    """
    with written_aside(directory) as aside, contextlib.ExitStack() as files:
        report = Report(aside, model, facts, table, files, further)
        yield report
        report.finish()


def page_name(number: int) -> str:
    """File of an image's page; names of images may be anything."""
    return f"{number:05d}.html"


@contextlib.contextmanager
def written_aside(directory: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields an empty folder that becomes `directory` if the block succeeds.

    Folders above it are made too. If the block fails, an earlier `directory`
    stays as it was.

    Raises:
        InputError: If it is neither missing, empty nor an earlier report,
            before the block or after it.
        OSError: If it cannot be written.
    """
    directory = pathlib.Path(os.path.realpath(directory))
    check(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    aside = directory.with_name(f".{os.getpid()}-{directory.name}")
    aside.mkdir()
    try:
        yield aside
        _swap(aside, directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check(directory: pathlib.Path, moved: pathlib.Path | None = None) -> None:
    """Refuses what is neither a report nor empty (`moved`: where it is now)."""
    place = moved or directory
    try:
        foreign = min(_foreign(place), default="")
        empty = not os.listdir(place)
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        raise InputError(f"{directory}: a file; {_EXPECTED}") from error
    except OSError as error:
        raise InputError(f"{directory}: {error.strerror}") from error
    if foreign:
        raise InputError(f"{directory} holds {foreign}; {_EXPECTED}")
    if not empty and not _is_summary(place / SUMMARY):
        raise InputError(
            f"{directory} holds no {SUMMARY} of a report; {_EXPECTED}"
        )


def _ranks(entries: list[Entry]) -> list[ranking.Rank]:
    """The ranking, if there are at least two algorithms."""
    scores: dict[str, dict[str, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for entry in entries:
        if entry.algorithm:
            scores[entry.algorithm][entry.pair].append(entry.mos)
    return ranking.ranking(scores) if len(scores) > 1 else []


def _foreign(directory: pathlib.Path) -> Iterator[str]:
    """Names of what no report has."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name == PAGES and entry.is_dir(follow_symlinks=False):
                with os.scandir(entry) as inner:
                    for file in inner:
                        if not _is_file(file, _PAGE.fullmatch(file.name)):
                            yield f"{PAGES}/{file.name}"
            elif not _is_file(entry, entry.name in (INDEX, SCORES, SUMMARY)):
                yield entry.name


def _is_file(entry: os.DirEntry[str], is_expected: object) -> bool:
    """Whether an entry is a file, no link, of an expected name."""
    return bool(is_expected) and entry.is_file(follow_symlinks=False)


def _is_summary(path: pathlib.Path) -> bool:
    try:
        summary = plain_json.parse(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(summary, dict) and summary.items() >= FORMAT.items()


def _swap(aside: pathlib.Path, directory: pathlib.Path) -> None:
    """Moves the new folder to its place, and the earlier one away."""
    before = aside.with_name(f"{aside.name}-before")
    with contextlib.suppress(FileNotFoundError):
        os.rename(directory, before)
    try:
        # The run was long, and what is moved away gets nothing more.
        check(directory, before)
        os.rename(aside, directory)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.rename(before, directory)
        raise
    shutil.rmtree(before, ignore_errors=True)
