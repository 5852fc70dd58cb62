"""Writes the report of a run: pages as the rows come, the group at the end."""

import csv
import dataclasses
import datetime
import json
import pathlib
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

import g2npan_tf
from g2npan_tf.report import pictures
from g2npan_tf.report.page import Html
from g2npan_tf.scoring.assessor import Assessment
from g2npan_tf.scoring.report import group_figures
from g2npan_tf.scoring.report import group_page
from g2npan_tf.scoring.report import image_page
from g2npan_tf.scoring.report import model_card
from g2npan_tf.scoring.report import origins
from g2npan_tf.scoring.report.folder import FORMAT
from g2npan_tf.scoring.report.folder import INDEX
from g2npan_tf.scoring.report.folder import PAGES
from g2npan_tf.scoring.report.folder import SCORES
from g2npan_tf.scoring.report.folder import SUMMARY
from g2npan_tf.scoring.report.folder import page_name
from g2npan_tf.scoring.report.group_page import Entry
from g2npan_tf.scoring.report.group_page import Group
from g2npan_tf.scoring.rows import COLUMNS
from g2npan_tf.scoring.rows import OK
from g2npan_tf.scoring.rows import ScoreRow
from g2npan_tf.scoring.rows import csv_cells

_THUMBNAILS = ".thumbnails"


@dataclasses.dataclass(frozen=True)
class _Waiting:
    """An image whose page is written once the next one is known."""

    number: int
    row: ScoreRow
    assessment: Assessment
    pixels: np.ndarray


class Report:
    """Takes the rows of a run one by one; memory holds no picture of them.

    Example:
    >>> with Report(folder, facts, model) as report:  # doctest: +SKIP
    ...     for image in score_files(assessor, paths, maps=True):
    ...         report.add(image.row, image.assessment, image.pixels)
    ...     report.finish()
    """

    def __init__(
        self,
        folder: pathlib.Path,
        model: str,
        facts: Mapping[str, Any],
        table: Mapping[str, origins.Origin] | None = None,
    ):
        """Begins a report.

        Args:
            folder: Existing and empty.
            model: The artefact, as it was named.
            facts: What its side file says, from `model_facts.read`.
            table: Origins by path, from `origins.read_table`; None: the paths
                may tell.
        """
        self._folder = folder
        self._facts = facts
        self._table = table
        self._card = model_card.render(model, facts)
        self._warning = model_card.warning(facts)
        self._entries: list[Entry] = []
        self._failed: list[tuple[str, str]] = []
        self._waiting: _Waiting | None = None
        self._places: dict[str, tuple[int, int]] = {}
        (folder / PAGES).mkdir()
        self._thumbnails = open(folder / _THUMBNAILS, "w+b")
        self._scores = open(
            folder / SCORES,
            "w",
            encoding="utf-8",
            errors="backslashreplace",
            newline="",
        )
        self._writer = csv.writer(self._scores, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def __enter__(self) -> "Report":
        """Returns itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Closes the files."""
        self._thumbnails.close()
        self._scores.close()

    def add(
        self,
        row: ScoreRow,
        assessment: Assessment | None,
        pixels: np.ndarray | None,
    ) -> None:
        """Takes the next row, with its maps and image if it has a score.

        Args:
            row: As it is printed.
            assessment: With the maps that the model has.
            pixels: The image. uint8 `[height, width, 3]`, RGB.

        Raises:
            OSError: If the disk does not take it.
        """
        self._writer.writerow(csv_cells(row))
        if row.status != OK or assessment is None or pixels is None:
            self._failed.append((row.path, row.status))
            return
        number = len(self._entries) + 1
        entry = Entry(
            row.path,
            assessment.mos,
            "; ".join(row.notes),
            f"{PAGES}/{page_name(number)}",
        )
        self._entries.append(entry)
        self._write_page(page_name(number))
        self._waiting = _Waiting(number, row, assessment, pixels)
        self._keep_thumbnail(entry.page, pixels)

    def finish(self) -> str:
        """Writes the group's page and the summary.

        Returns:
            How the algorithms became known.

        Raises:
            OSError: If the disk does not take it.
        """
        self._write_page("")
        self._scores.flush()
        group = self._group()
        thumbnails = (self._thumbnail(entry.page) for entry in group.entries)
        with open(self._folder / INDEX, "w", encoding="utf-8") as file:
            file.writelines(group_page.parts(group, thumbnails))
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
        return group.origins_rule

    def _write_page(self, following: str) -> None:
        """Writes the page of the image that waits, if there is one."""
        waiting, self._waiting = self._waiting, None
        if not waiting:
            return
        number = waiting.number
        links = image_page.Links(
            f"../{INDEX}",
            page_name(number - 1) if number > 1 else "",
            following,
        )
        content = image_page.render(
            waiting.row,
            waiting.assessment,
            waiting.pixels,
            self._card,
            self._warning,
            links,
        )
        path = self._folder / PAGES / page_name(number)
        path.write_text(content, encoding="utf-8")

    def _keep_thumbnail(self, name: str, pixels: np.ndarray) -> None:
        """Puts a small picture on the disk until the group's page is made."""
        small = pictures.shrunk(pixels, pictures.THUMBNAIL)
        data = pictures.data_uri(small, max_png_bytes=0).encode()
        self._places[name] = (self._thumbnails.tell(), len(data))
        self._thumbnails.write(data)

    def _thumbnail(self, name: str) -> Html:
        """Reads a small picture again."""
        start, length = self._places[name]
        self._thumbnails.seek(start)
        address = self._thumbnails.read(length).decode()
        return Html(f'<img src="{address}" alt="">')

    def _group(self) -> Group:
        """Everything that the group's page shows."""
        found = self._origins()
        none = origins.Origin("")
        known = [found.by_name.get(entry.name, none) for entry in self._entries]
        away = group_figures.deviations(
            [entry.mos for entry in self._entries],
            [origin.algorithm for origin in known],
        )
        entries = [
            dataclasses.replace(
                entry,
                deviation=deviation,
                algorithm=origin.algorithm,
                group=origin.group,
            )
            for entry, origin, deviation in zip(
                self._entries, known, away, strict=True
            )
        ]
        entries.sort(key=lambda entry: -abs(entry.deviation or 0.0))
        now = datetime.datetime.now(datetime.UTC)
        return Group(
            entries,
            self._failed,
            _ranks(entries),
            found.rule,
            self._card,
            self._warning,
            f"Made by g2npan-score {g2npan_tf.__version__} on "
            f"{now:%Y-%m-%d at %H:%M} UTC",
            SCORES,
        )

    def _origins(self) -> origins.Origins:
        """Which algorithm made which image."""
        names = [entry.name for entry in self._entries]
        if self._table is not None:
            return origins.by_table(names, self._table)
        known = self._facts.get("algorithms") or ()
        found = origins.by_paths(names, known)
        if found.by_name:
            return found
        # A file that failed may be what a folder lacks.
        return origins.by_paths(
            names + [name for name, _ in self._failed], known
        )


def _ranks(entries: list[Entry]) -> list[group_figures.Rank]:
    """The ranking, if there are at least two algorithms."""
    scores: dict[str, dict[str, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for entry in entries:
        if entry.algorithm:
            scores[entry.algorithm][entry.group].append(entry.mos)
    return group_figures.ranking(scores) if len(scores) > 1 else []
