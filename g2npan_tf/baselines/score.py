"""A table of every fusion measure, from files: fused images and their sources.

python -m g2npan_tf.baselines.score --fused=FOLDER --a=FOLDER --b=FOLDER

A fused image and its two sources have one name, suffixes aside. Folders below
--fused are algorithms. Exit code: 0 if every fused image was measured, 1 if
some were not, 2 if nothing could be done.
"""

import math
import os
import sys
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
from absl import flags

from g2npan_tf.baselines import partners
from g2npan_tf.baselines import score_table
from g2npan_tf.baselines.columns import G2NPAN
from g2npan_tf.baselines.columns import MEASURES
from g2npan_tf.baselines.grey_levels import luminance
from g2npan_tf.baselines.partners import Triple
from g2npan_tf.baselines.score_formats import WRITERS
from g2npan_tf.baselines.score_table import Row
from g2npan_tf.core import command
from g2npan_tf.core import outputs
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.content import NO_CONTENT
from g2npan_tf.images.limits import DEFAULT_LIMITS
from g2npan_tf.images.limits import Limits
from g2npan_tf.images.limits import LoadedImage
from g2npan_tf.images.read import SQUEEZED
from g2npan_tf.images.read import load_image
from g2npan_tf.scoring import score
from g2npan_tf.scoring import shipped
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.assessor import is_outside
from g2npan_tf.scoring.rows import OK
from g2npan_tf.scoring.rows import OUTSIDE
from g2npan_tf.scoring.rows import printable


def table_command(
    fused: str,
    a: str,
    b: str,
    *,
    model: str | os.PathLike[str] = "",
    file_format: str = "text",
    output: str = "",
    limits: Limits = DEFAULT_LIMITS,
    follow_links: bool = False,
) -> int:
    """Runs the command (see its flags); returns 0 or `score.SOME_FAILED`.

    Raises:
        InputError: If nothing can be done: no images, no model, or a place
            that cannot be written to.
    """
    found = partners.find(fused, a, b, follow_links)
    model = shipped.resolve(model) if model else ""
    outputs.check(
        {"output": [output] if output else []},
        [*found.files, *(outputs.model_files(model) if model else ())],
        folders=outputs.model_folders(model) if model else (),
    )
    assessor = _load(model)
    for line in (*_remarks(model)[1:], *found.missing):
        print(f"note: {printable(line)}", file=sys.stderr)
    columns = [*MEASURES, *([G2NPAN] if assessor else [])]
    # Opened first, so that minutes of work are not lost.
    with score.opened(output) as stream:
        shown = _shown(found.triples)
        rows = [measured(triple, limits, assessor) for triple in shown]
        table = score_table.make(columns, rows, _remarks(model))
        stream.write(WRITERS[file_format](table))
    if not table.num_shared:
        print(
            "note: no means, as no pair was measured for every algorithm",
            file=sys.stderr,
        )
    failed = sum(row.status != OK for row in rows)
    if not failed:
        return 0
    print(f"{failed} of {len(rows)} failed", file=sys.stderr)
    return score.SOME_FAILED


def measured(
    triple: Triple, limits: Limits, assessor: Assessor | None = None
) -> Row:
    """Reads three files and measures them, or gives the reason in the row."""
    try:
        if triple.problem:
            raise InputError(triple.problem)
        images = [load_image(path, limits) for path in triple.paths]
        _check_sizes(triple, images)
    except InputError as error:
        return Row(triple.algorithm, triple.name, status=str(error))
    fused, a, b = (luminance(image.pixels) for image in images)
    values = {
        column: measure(a, b, fused) for column, measure in MEASURES.items()
    }
    notes = list(_notes(images, assessor is not None))
    if assessor:
        values[G2NPAN], caution = _scored(assessor, images[0])
        notes = [f"G2NPAN: {caution}", *notes] if caution else notes
    return Row(triple.algorithm, triple.name, values, notes=tuple(notes))


def _scored(assessor: Assessor, image: LoadedImage) -> tuple[float, str]:
    """The score, and why there is none or it may mean nothing."""
    found = assessor.numbers([image.pixels])
    mos = float(found["mos"][0])
    if not math.isfinite(mos):
        return mos, NO_CONTENT
    is_unlike = np.any(is_outside(found.get("distance")))
    return mos, OUTSIDE if is_unlike else ""


def _load(model: str | os.PathLike[str]) -> Assessor | None:
    """Loads the scorer, if one is named."""
    if not model:
        print(
            "note: G2NPAN's score is left out "
            f"(--model={shipped.DEFAULT} adds it)",
            file=sys.stderr,
        )
        return None
    with command.quiet_stderr():
        return Assessor.load(model)


def _remarks(model: str | os.PathLike[str]) -> list[str]:
    """How colour is treated, and whose scores a scorer gives."""
    remarks = ["Measured on the luminance (BT.601, 8 bits) of all images."]
    if model:
        name = printable(os.path.basename(model))
        sees = f"G2NPAN ({name}) sees the colours."
        remarks.append(" ".join(filter(None, [sees, shipped.note(model)])))
    return remarks


def _shown(triples: Sequence[Triple]) -> Iterable[Triple]:
    """Passes them on; on a terminal a bar shows how many are done."""
    if not sys.stderr.isatty():
        return triples
    import tqdm

    return tqdm.tqdm(triples, unit=" images", leave=False, dynamic_ncols=True)


def _check_sizes(triple: Triple, images: Sequence[LoadedImage]) -> None:
    """Refuses sources of another size than the fused image."""
    sizes = [image.pixels.shape[1::-1] for image in images]
    for path, size in zip(triple.paths, sizes, strict=True):
        if size != sizes[0]:
            raise InputError(
                f"{path}: {size[0]} x {size[1]} pixels; expected "
                f"{sizes[0][0]} x {sizes[0][1]}, as the fused image has"
            )


def _notes(images: Sequence[LoadedImage], scored: bool) -> Iterator[str]:
    """What was done to each of the three; only G2NPAN squeezes images."""
    for part, image in zip(("fused", "a", "b"), images, strict=True):
        for note in image.notes:
            if not note.endswith(SQUEEZED):
                yield f"{part}: {note}"
            elif scored and part == "fused":
                yield f"G2NPAN: {note}"


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    for name, text in {
        "fused": "Folder of fused images; folders in it are algorithms. "
        "Required.",
        "a": "Folder of the first sources, named as the fused images. "
        "Required.",
        "b": "Folder of the second sources, likewise. Required.",
        "model": "Scorer as g2npan-score takes it, for a column with G2NPAN's "
        "score.",
        "output": "File to write instead of printing.",
    }.items():
        flags.DEFINE_string(name, "", text)
    flags.DEFINE_enum("format", "text", list(WRITERS), "Output format.")
    flags.DEFINE_bool(
        "follow_links", False, "Follow links that lead out of a folder."
    )
    score.define_limits()


def main(argv: list[str]) -> int:
    """Measures what the command line names."""
    values = flags.FLAGS
    if len(argv) > 1:
        raise InputError(f"expected flags alone. Received: {argv[1]}")
    return table_command(
        values.fused,
        values.a,
        values.b,
        model=values.model,
        file_format=values.format,
        output=values.output,
        limits=score.limits_of_flags(),
        follow_links=values.follow_links,
    )


if __name__ == "__main__":
    define_flags()
    command.run(main, tidy=True)
