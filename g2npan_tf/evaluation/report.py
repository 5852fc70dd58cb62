"""The HTML report of an evaluation: one file with figures, plots and maps."""

import pathlib
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from g2npan_tf.core.files import written_aside
from g2npan_tf.evaluation import extreme_images
from g2npan_tf.evaluation import plots
from g2npan_tf.evaluation import sections
from g2npan_tf.evaluation.extreme_images import KINDS
from g2npan_tf.evaluation.extreme_images import ONE_A_PAIR
from g2npan_tf.evaluation.extreme_images import Shown
from g2npan_tf.evaluation.results import Facts
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.evaluation.results import Results
from g2npan_tf.evaluation.results import read_predictions
from g2npan_tf.evaluation.run import Scored
from g2npan_tf.report import page
from g2npan_tf.report import pictures
from g2npan_tf.report.page import Html
from g2npan_tf.report.page import tag
from g2npan_tf.scoring.assessor import Assessment

FILE = "report.html"
# Longest side of a picture of an image in pixels.
_LONGEST = 256
_STYLE = """
.maps { display: grid; gap: 8px; margin-top: 8px;
  grid-template-columns: repeat(4, 1fr); }
.maps img { width: 100%; border-radius: 4px; }
.shown { margin-bottom: 16px; }
.shown h4 { margin: 0; font-size: .95rem; }
.ends { display: flex; justify-content: space-between; }
.scroll { margin-bottom: 12px; }
.scroll td.text { white-space: nowrap; min-width: 0; }
.scroll td.text:first-child { white-space: normal; overflow-wrap: normal; }
.scroll th, .scroll td { padding: 6px 7px; }
.keys { display: grid; gap: 16px; max-width: 560px; margin: 0 0 16px;
  grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); }
@media (max-width: 600px) { .maps { grid-template-columns: 1fr 1fr; } }
"""


def write(
    scored: Scored, workdir: pathlib.Path, output: pathlib.Path
) -> pathlib.Path:
    """Writes the report of one run, replaced whole.

    Args:
        scored: From `model_evaluation.score`.
        workdir: Folder of the run; its log is drawn.
        output: Folder with the predictions.csv of these scores.

    Returns:
        The file.

    Raises:
        OSError: If the disk does not take it.
    """

    def explain(
        numbers: Sequence[int],
    ) -> list[tuple[np.ndarray, Assessment]]:
        images = [scored.rows["image"][i] for i in numbers]
        return list(zip(images, scored.assessor.explain(images), strict=True))

    rows = read_predictions(output / "predictions.csv")
    shown = extreme_images.show(rows, explain)
    results = scored.results
    body = [
        *head(results),
        page.section(
            "Figures", sections.figures(results, results.baselines or {})
        ),
        page.section("Agreement", plots.agreement(rows)),
        details(rows),
        learning({"this run": workdir / "log.csv"}),
        images(shown),
    ]
    return save(results.data, body, output / FILE)


def save(
    facts: Facts, body: Sequence[object], path: pathlib.Path
) -> pathlib.Path:
    """Writes a report, replaced whole.

    Args:
        facts: Of the base that was scored.
        body: What the page shows.
        path: The file.

    Returns:
        The file.

    Raises:
        OSError: If the disk does not take it.
    """
    title = sections.title_of(facts)
    with written_aside(path) as aside:
        aside.write_text(page.document(title, *body, styles=(_STYLE,)))
    return path


def head(results: Results) -> list[Html]:
    """Heading, whose scores, what was measured, what differs from training."""
    facts = results.data
    measured: dict[str, object] = {
        "Data": facts["name"],
        "Protocol": results.protocol,
        "Images": f"{results.images} of {results.pairs} pairs, "
        f"{results.cases} cases",
        "Preset": results.preset_words,
    }
    if results.trained_on:
        measured["Trained on"] = results.trained_on["name"]
    if results.group_by:
        measured["Groups"] = results.group_by
    if results.excluded:
        measured["Left out"] = ", ".join(results.excluded)
    parts = [
        page.heading(
            sections.title_of(facts),
            "Blind quality assessment of fused medical images (G2NPAN)",
        ),
        sections.origin(facts),
        page.definitions(measured),
    ]
    if results.differs:
        lines = [tag("li", line) for line in results.differs]
        parts.append(
            page.section("What differs from training", tag("ul", *lines))
        )
    return parts


def details(rows: Predictions) -> Html:
    """Figures by algorithm and by modality."""
    return page.section(
        "By algorithm and modality",
        sections.shares(rows, "algorithm"),
        sections.shares(rows, "modality"),
    )


def learning(logs: Mapping[str, pathlib.Path]) -> Html:
    """Learning curves of the runs."""
    return page.section("Learning curves", plots.learning_curves(logs))


def images(shown: Mapping[str, Sequence[Shown]]) -> Html:
    """The most extreme images with their maps, by kind.

    Args:
        shown: From `extreme_images.show`.
    """
    has_nuance = any(
        one.assessment.nuance is not None
        for members in shown.values()
        for one in members
    )
    parts: list[object] = [_keys(has_nuance)]
    for kind, members in shown.items():
        rule = f"Rule: {KINDS[kind].rule}; {ONE_A_PAIR}."
        parts += [
            tag("h3", KINDS[kind].title),
            tag("p", rule, class_="note"),
            tag("div", *map(_card, members), class_="grid"),
        ]
    if "disputed" not in shown:
        note = "The base has no grades of single readers that differ."
        parts.append(tag("p", note, class_="note"))
    return page.section("Single images and what the model sees", *parts)


def _keys(has_nuance: bool) -> Html:
    """What the colours mean, for all images together."""
    cam = "local quality (CAM), 1 = good"
    nuance = "nuance |reference - image|, to its largest value"
    bars = [page.colour_bar(pictures.VIRIDIS, "0", "1", cam)]
    if has_nuance:
        bars.insert(0, page.colour_bar(pictures.MAGMA, "0", "largest", nuance))
    return tag("div", *bars, class_="keys")


def _card(shown: Shown) -> Html:
    """One image: scores above, pictures below."""
    row = shown.row
    text = (
        f"{row.split.modality[0]}; MOS {row.split.mos[0]:.2f}, predicted "
        f"{row.predicted[0]:.2f}"
    )
    if row.spread is not None and np.isfinite(row.spread[0]):
        text += f"; sd of readers {row.spread[0]:.2f}"
    name_of_image = row.image[0]
    figures = [
        tag(
            "figure",
            page.picture(pixels, f"{name} of {name_of_image}", _LONGEST),
            tag("figcaption", name),
        )
        for name, pixels in _views(shown)
    ]
    return tag(
        "div",
        tag("h4", name_of_image),
        tag("div", text, class_="note"),
        tag("div", *figures, class_="maps"),
        class_="card shown",
    )


def _views(shown: Shown) -> list[tuple[str, np.ndarray]]:
    """The pictures that the model has of an image, with their names."""
    assessment = shown.assessment
    views = [("image", shown.pixels)]
    if assessment.reference is not None:
        views.append(("generated reference", assessment.reference))
    if assessment.nuance is not None:
        drawn, high = pictures.nuance_colours(assessment.nuance)
        views.append((f"nuance, largest {high:.2f}", drawn))
    if assessment.cam is not None:
        drawn = pictures.overlay(assessment.cam, shown.pixels)
        views.append(("local quality (CAM)", drawn))
    return views
