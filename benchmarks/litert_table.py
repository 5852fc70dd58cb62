"""The table of all LiteRT variants of a run: size, exactness and speed.

    python -m benchmarks.litert_table --workdir=RUN --models=DIR --output=X.md

takes the files of `export.tflite --precision=all --output=DIR` and exports
those that are missing. The whole test part is scored (minutes) unless DIR
has the predictions already. --part=accuracy does not time, for a busy machine;
the table then has the timings of before, if there are any.
"""

import pathlib
from typing import TYPE_CHECKING

from absl import flags

from export.litert.conversion import PRECISIONS
from g2npan_tf.core import command
from g2npan_tf.core import config as config_module
from g2npan_tf.core import outputs
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import written_aside
from g2npan_tf.data import protocols
from g2npan_tf.scoring.model_facts import whose

if TYPE_CHECKING:
    from benchmarks.litert_accuracy import Accuracy
    from benchmarks.litert_timing import Timing

PARTS = ("all", "accuracy")
TIMING_FILE = "timing.json"
_KEPT_FOLDER = "predictions"
_MISSING = "not measured"
_HEADER = (
    "Variant",
    "MB",
    "of float32",
    "max \\|ΔMOS\\|",
    "mean \\|ΔMOS\\|",
    "mean ΔMOS",
    "ΔSRCC",
    "ΔPLCC",
    "1 thread, ms: median",
    "p95",
    "2 threads, ms: median",
    "p95",
    "1 thread: share of peak",
)


def rows(
    sizes: dict[str, int],
    accuracies: dict[str, "Accuracy"],
    timings: dict[str, dict[str, "Timing"]],
) -> list[list[str]]:
    """Makes the rows of the table.

    Args:
        sizes: Bytes of the file by precision.
        accuracies: By precision, what was measured of it.
        timings: By precision and number of threads.

    Returns:
        Cells, one row a precision, as many as `_HEADER` has.
    """
    return [
        [
            name,
            f"{size / 1e6:.2f}",
            f"{size / sizes['float32']:.1%}",
            *_accuracy_cells(accuracies.get(name)),
            *_timing_cells(name, timings.get(name, {})),
        ]
        for name, size in sizes.items()
    ]


def markdown(cells: list[list[str]]) -> str:
    """Draws the table in Markdown, with figures to the right."""
    rule = ["---", *["---:"] * (len(_HEADER) - 1)]
    lines = [list(_HEADER), rule, *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _accuracy_cells(found: "Accuracy | None") -> list[str]:
    """Five cells."""
    if found is None:
        return [_MISSING] * 5
    return [
        f"{found.largest:.4f}",
        f"{found.mean:.4f}",
        f"{found.bias:+.4f}",
        f"{found.srcc:+.4f}",
        f"{found.plcc:+.4f}",
    ]


def _timing_cells(name: str, found: dict[str, "Timing"]) -> list[str]:
    """Five cells; the share of the peak is one of floating point."""
    cells = []
    for threads in ("1", "2"):
        one = found.get(threads)
        cells += (
            [f"{one.median:.1f}", f"{one.p95:.1f}"] if one else [_MISSING] * 2
        )
    single = found.get("1")
    if name != "float32":
        return [*cells, ""]
    if single is None:
        return [*cells, _MISSING]
    return [*cells, f"{single.gflops / single.peak:.0%}"]


def _facts(workdir: pathlib.Path, machine: dict[str, str]) -> list[str]:
    """What every figure needs beside it."""
    config, facts = config_module.load(workdir / "config.json")
    lines = [
        f"Data: {facts['name']} ({whose(facts)}), "
        f"protocol {protocols.describe(config)}, preset {config.preset}, "
        f"{config.epochs} epochs.",
    ]
    if machine:
        told = "; ".join(f"{name}: {value}" for name, value in machine.items())
        lines.append(f"Timed on {told}.")
    return lines


def _export_missing(
    workdir: pathlib.Path, models: pathlib.Path
) -> dict[str, pathlib.Path]:
    """Files by precision; those that are not there are exported."""
    with command.quiet_stderr():
        from export import finished_run
        from export import tflite
    names = {name: tflite.file_name("g2npan", name) for name in PRECISIONS}
    paths = {name: models / file for name, file in names.items()}
    missing = [name for name, path in paths.items() if not path.is_file()]
    if missing:
        run = finished_run.load(workdir)
        probe = finished_run.probe_from_base(run)
        for name in missing:
            tflite.export(run, probe, models, precision=name)
    return paths


def _accuracies(
    workdir: pathlib.Path,
    models: pathlib.Path,
    paths: dict[str, pathlib.Path],
) -> tuple[dict[str, "Accuracy"], str]:
    """Measures on the test part; with a line on it."""
    with command.quiet_stderr():
        from benchmarks import litert_accuracy
        from export import finished_run
        from g2npan_tf.evaluation import statistics
    part = litert_accuracy.HeldOut(
        finished_run.load(workdir), workdir, models / _KEPT_FOLDER
    )
    found = {
        name: litert_accuracy.accuracy(
            part.readers, part.exact, part.predict(path)
        )
        for name, path in paths.items()
    }
    return found, (
        f"Test part: {len(part.readers)} images; scorer.keras has SRCC "
        f"{statistics.srcc(part.readers, part.exact):.4f}, PLCC "
        f"{statistics.plcc(part.readers, part.exact):.4f}."
    )


def main(argv: list[str]) -> None:
    """Measures what the command line asks for and writes the table."""
    values = flags.FLAGS
    if len(argv) > 1:
        raise InputError(f"unexpected argument {argv[1]}; expected flags only")
    if not values.workdir or not values.models:
        raise InputError("expected --workdir=RUN and --models=FOLDER")
    workdir, models = pathlib.Path(values.workdir), pathlib.Path(values.models)
    outputs.check(
        {"output": [values.output]},
        [
            *outputs.run_files(workdir),
            *(
                file
                for model in models.glob("*.tflite")
                for file in outputs.model_files(model)
            ),
        ],
    )
    config_module.load(workdir / "config.json")
    with command.quiet_stderr():
        from benchmarks import litert_timing
    paths = _export_missing(workdir, models)
    if values.part != "accuracy":
        timed = litert_timing.measure(paths, values.seconds)
        litert_timing.save(timed, models / TIMING_FILE)
    machine, timings = litert_timing.load(models / TIMING_FILE)
    accuracies, line = _accuracies(workdir, models, paths)
    sizes = {name: path.stat().st_size for name, path in paths.items()}
    table = markdown(rows(sizes, accuracies, timings))
    text = "\n".join([*_facts(workdir, machine), line, "", table])
    print(text)
    if values.output:
        with written_aside(pathlib.Path(values.output)) as aside:
            aside.write_text(text + "\n")


if __name__ == "__main__":
    flags.DEFINE_string("workdir", "", "Folder of the run. Required.")
    flags.DEFINE_string("models", "", "Folder of the exports. Required.")
    flags.DEFINE_string("output", "", "File that gets the table as well.")
    flags.DEFINE_enum("part", PARTS[0], PARTS, "What to measure anew.")
    flags.DEFINE_float(
        "seconds", 10.0, "Per file and number of threads.", lower_bound=0.0
    )
    command.run(main)
