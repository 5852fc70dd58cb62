"""Exports the scorer of a run as a LiteRT file, for workstations.

python -m export.tflite --workdir=runs/first --output=exported

writes exported/g2npan.tflite (float32, one image at a time, built-in
operations only), compared with scorer.keras before it appears there, and
beside it g2npan.json (what it is) and g2npan.parity.json (how exact it is).
--precision=float16, dynamic or int8 writes g2npan.float16.tflite and so on;
--precision=all writes all four. docs/export.md says which to choose.
"""

import functools
import json
import os
import pathlib
import tempfile
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from export import command
from export import parity
from export.litert import card as litert_card
from export.litert.conversion import PRECISIONS
from export.litert.conversion import SIGNATURE
from export.litert.conversion import calibration
from export.litert.conversion import convert
from g2npan_tf.core import command as cli
from g2npan_tf.core import files

if TYPE_CHECKING:
    from export.finished_run import FinishedRun
    from export.finished_run import Probe

ALL = "all"
# Which difference is limited, and its limits. float32: XNNPACK's kernels sum in
# another order than TensorFlow's, in some forty layers; a reader sees two
# decimals of the MOS, one level of an 8-bit picture is 4e-3, and where training
# images lie densest half a percentile is a thousandth of the distance. The
# others: a multiple of what trained models showed (docs/export.md). In int8
# single pixels at steep edges may be far off, so the mean counts.
_OUTPUTS = (
    "mos",
    "quality",
    "cam",
    "reference",
    "nuance",
    "mos_spread",
    "distance",
)
_TOLERANCES = {
    "float32": ("max", (1e-3, 2.5e-4, 1e-3, 1e-3, 1e-3, 2e-3, 0.5)),
    "float16": ("max", (1e-2, 2.5e-3, 1e-2, 5e-2, 5e-2, 2e-2, 2.0)),
    "dynamic": ("mean", (0.05, 0.0125, 0.025, 0.025, 0.025, 0.05, 0.5)),
    "int8": ("mean", (0.1, 0.025, 0.05, 0.05, 0.05, 0.1, 0.5)),
}


def export(
    run: "FinishedRun",
    probe: "Probe",
    output: pathlib.Path,
    name: str = "g2npan",
    precision: str = "float32",
) -> command.Exported:
    """Writes a `.tflite` file and its two side files, or nothing.

    Files of the same name and precision are replaced.

    Raises:
        ParityError: If the reloaded file differs from the scorer.
        InputError: If int8 is wanted and the run's data set no longer exists.
        OSError: If the folder cannot be written.
    """
    is_int8 = precision == "int8"
    images, facts = calibration(run) if is_int8 else (None, None)
    model = convert(run.scorer, precision, images)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=output) as aside:
        path = pathlib.Path(aside, file_name(name, precision))
        path.write_bytes(model)
        outputs = run_file(path, probe.images[:1])
        card = litert_card.card(run, precision, outputs, facts)
        described = litert_card.description(run, precision)
        path.write_bytes(litert_card.add(model, described, card))
        differences = _compare(run, probe, path, precision)
        side_file = litert_card.side_file(path, card)
        text = json.dumps(side_file, indent=2) + "\n"
        path.with_suffix(".json").write_text(text)
        move(path, output)
    return command.Exported(output / path.name, differences)


def move(path: pathlib.Path, output: pathlib.Path) -> None:
    """Replaces the files of an earlier export.

    Wherever this is stopped, no side file is left that describes another
    model: a model without side files is accepted, one whose card has another
    SHA-256 is refused.
    """
    model, *side_files = files_of(path)
    for side_file in side_files:
        (output / side_file.name).unlink(missing_ok=True)
    for made in (model, *side_files):
        files.move(made, output / made.name)


def files_of(path: pathlib.Path) -> list[pathlib.Path]:
    """A `.tflite` file and those beside it."""
    return [path.with_suffix(s) for s in (".tflite", ".json", ".parity.json")]


def file_name(name: str, precision: str) -> str:
    """The name of a file; only float32 has no mark."""
    mark = "" if precision == PRECISIONS[0] else f".{precision}"
    return f"{name}{mark}.tflite"


def _compare(
    run: "FinishedRun", probe: "Probe", path: pathlib.Path, precision: str
) -> parity.Differences:
    """Compares a file with the scorer and writes what was found beside it."""
    expected = run.scorer.predict(
        probe.images, batch_size=parity.BATCH_SIZE, verbose=0
    )
    statistic, limits = _TOLERANCES[precision]
    tolerances = dict(zip(_OUTPUTS, limits, strict=True))
    differences = parity.compare(
        expected,
        run_file(path, probe.images),
        tolerances | dict.fromkeys(("mos_low", "mos_high"), tolerances["mos"]),
    )
    parity.check(differences, statistic, path.name)
    report = path.with_suffix(".parity.json")
    parity.write(report, differences, run, probe, tolerance_of=statistic)
    return differences


def run_file(path: pathlib.Path, images: np.ndarray) -> parity.Outputs:
    """Runs an exported file with LiteRT, which has built-in operations only."""
    from ai_edge_litert.interpreter import Interpreter

    with cli.quiet_stderr():
        interpreter = Interpreter(str(path), num_threads=os.cpu_count())
        runner = interpreter.get_signature_runner(SIGNATURE)
        return parity.run_in_batches(
            lambda batch: runner(image=batch), images, batch_size=1
        )


def main(argv: list[str]) -> int:
    """Exports what the command line names."""
    wanted = flags.FLAGS.precision
    chosen = PRECISIONS if wanted == ALL else (wanted,)
    names = [file_name(flags.FLAGS.name, one) for one in chosen]
    return command.run(
        [functools.partial(export, precision=one) for one in chosen],
        argv,
        [file.name for name in names for file in files_of(pathlib.Path(name))],
    )


if __name__ == "__main__":
    command.define_flags()
    flags.adopt_module_key_flags(command)
    flags.DEFINE_enum(
        "precision",
        PRECISIONS[0],
        [*PRECISIONS, ALL],
        "Precision of weights and computation.",
    )
    cli.run(main, tidy=True)
