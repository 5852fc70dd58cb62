"""What the export commands share: flags, their checks, the closing lines."""

import dataclasses
import pathlib
import re
import sys
from collections.abc import Callable
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from export.parity import Differences
from export.parity import ParityError
from g2npan_tf.core import command
from g2npan_tf.core import config
from g2npan_tf.core import folds
from g2npan_tf.core import outputs
from g2npan_tf.core.errors import InputError
from g2npan_tf.scoring.model_facts import learned_from

if TYPE_CHECKING:
    from export.finished_run import FinishedRun
    from export.finished_run import Probe

PARITY_FAILED = 1


@dataclasses.dataclass(frozen=True)
class Exported:
    """A finished artefact.

    Attributes:
        path: What `g2npan_tf.scoring.score --model` takes.
        differences: To the Keras scorer, by output.
        notes: What else a person should know, one line each.
    """

    path: pathlib.Path
    differences: Differences
    notes: tuple[str, ...] = ()


# Exports a run to a folder under a name, compared on the probe.
_Export = Callable[["FinishedRun", "Probe", pathlib.Path, str], Exported]


def define_flags() -> None:
    """Defines the flags that every export command has."""
    flags.DEFINE_string(
        "workdir",
        "",
        "Folder of the run; or of a finished cross-validation, whose runs are "
        "packed as one: mean outputs, and mos_spread between their MOS. "
        "Required.",
    )
    flags.DEFINE_string("output", "", "Folder to export to. Required.")
    flags.DEFINE_string("name", "g2npan", "Name of the model.")
    flags.DEFINE_string(
        "images",
        "",
        "Folder of images to compare with scorer.keras on. Default: the test "
        "part of the run's data set.",
    )


def run(
    exports: Sequence[_Export], argv: list[str], files: Sequence[str] = ()
) -> int:
    """Runs an export command.

    Args:
        exports: Each writes an artefact; raises ParityError if it differs.
        argv: Arguments that are not flags; only the first is allowed.
        files: Names in --output that may be replaced.

    Returns:
        The exit code: 0, or 1 if an artefact differs from the scorer; earlier
        ones are then written, later ones are not made.
    """
    values = flags.FLAGS
    _check_flags(argv)
    workdir, output = pathlib.Path(values.workdir), pathlib.Path(values.output)
    # Checked before TensorFlow, which takes seconds to load.
    runs = _runs(workdir)
    outputs.check(
        {"output": [output / name for name in files]},
        [file for folder in runs for file in outputs.run_files(folder)],
    )
    config.load(runs[0] / "config.json")
    with command.quiet_stderr():
        from export import finished_run
    finished = finished_run.load(workdir)
    probe = (
        finished_run.probe_from_folder(
            pathlib.Path(values.images), finished.scorer.input_shape[1]
        )
        if values.images
        else finished_run.probe_from_base(finished)
    )
    try:
        for export in exports:
            exported = export(finished, probe, output, values.name)
            _print_summary(exported, finished, probe)
    except ParityError as error:
        print(f"error: {error}", file=sys.stderr)
        return PARITY_FAILED
    except OSError as error:
        raise InputError(f"--output={output}: {error}") from error
    return 0


def _runs(workdir: pathlib.Path) -> list[pathlib.Path]:
    """The folders of the runs that are exported."""
    if folds.is_cross_validation(workdir):
        return [one.folder for one in folds.finished(workdir)]
    return [workdir]


def _check_flags(argv: list[str]) -> None:
    """Checks what needs no look at the run."""
    values = flags.FLAGS
    if len(argv) > 1:
        raise InputError(
            f"unexpected argument {argv[1]}; all settings are flags"
        )
    if not pathlib.Path(values.workdir or "-").is_dir():
        raise InputError(
            f"--workdir={values.workdir}: expected the folder of a run of "
            "train.py, or of a cross-validation"
        )
    if not values.output:
        raise InputError("--output is required: the folder to export to")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", values.name):
        raise InputError(
            f"--name={values.name}: expected letters, digits, '_', '-', '.'"
        )


def _print_summary(
    exported: Exported, finished: "FinishedRun", probe: "Probe"
) -> None:
    """Prints where the artefact is, how exact it is, and what comes next."""
    worst = ", ".join(
        f"{name} {found['max']:.1e}"
        for name, found in exported.differences.items()
    )
    if finished.members > 1:
        print(f"packed: {finished.members} models as one, with mos_spread")
    for note in exported.notes:
        print(f"note:   {note}")
    print(
        f"model:  {exported.path} ({_megabytes(exported.path):.1f} MB)\n"
        f"data:   {learned_from(finished.facts)}\n"
        f"parity: largest difference to scorer.keras on {len(probe.images)} "
        f"images ({probe.source}):\n"
        f"        {worst}\n"
        "next:   python -m g2npan_tf.scoring.score "
        f"--model={exported.path} IMAGES"
    )


def _megabytes(path: pathlib.Path) -> float:
    """Size of a file, or of the files in a folder, in 10^6 bytes."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files) / 1e6
