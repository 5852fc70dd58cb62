"""Trains G2NPAN: flags -> Config -> training.run.

python train.py --workdir=runs/first --data=fusion_quality/phantom
"""

import pathlib
import shlex
import signal
import sys
from typing import Any

from absl import flags

from g2npan_tf.core import command as cli
from g2npan_tf.core import config
from g2npan_tf.core import outputs
from g2npan_tf.core.errors import WorkerLostError
from g2npan_tf.core.files import NO_SPACE
from g2npan_tf.scoring.model_facts import whose

config.define_flags()
flags.adopt_module_key_flags(config)
flags.DEFINE_string("workdir", None, "Folder of the run. Required.")


def main(argv: list[str]) -> int:
    """Trains as the flags say and returns the exit code."""
    return run(config.from_flags(), argv)


def run(settings: config.Config, argv: list[str]) -> int:
    """Trains and tells what came of it, as a command does.

    Args:
        settings: The experiment.
        argv: What is left of the command line; no argument is taken.

    Returns:
        Exit code.
    """
    if len(argv) > 1:
        cli.fail(f"unexpected argument {argv[1]}; all settings are flags")
    if not flags.FLAGS.workdir:
        cli.fail("--workdir is required: the folder of the run")
    outputs.check_settings(
        {"workdir": outputs.run_files(flags.FLAGS.workdir)}, settings
    )
    # A shell lets background jobs ignore SIGINT, but who sends it means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A preempted machine sends SIGTERM.
    signal.signal(signal.SIGTERM, cli.terminate)
    workdir = pathlib.Path(flags.FLAGS.workdir)
    with cli.quiet_stderr():
        from g2npan_tf.training import distribution
        from g2npan_tf.training import grace as preemption
        from g2npan_tf.training import run as training
    import datasets.fusion_quality.fusion_quality_dataset_builder  # noqa: F401

    grace = preemption.GracePeriod(settings.grace_seconds)
    signal.signal(signal.SIGTERM, grace.on_signal)
    try:
        with distribution.lost_worker_named(settings):
            summary = training.run(settings, workdir, [grace])
    except (
        KeyboardInterrupt,
        FloatingPointError,
        OSError,
        WorkerLostError,
    ) as error:
        return stopped(error, workdir)
    if not settings.epochs:
        from g2npan_tf.training import dry_run

        print(dry_run.table(summary))
        print("dry run: nothing was saved, nothing is trained")
        return 0
    print(report(summary, workdir))
    return 0


def stopped(error: BaseException, workdir: pathlib.Path) -> int:
    """Says in one line why a run stopped and what is saved.

    Args:
        error: What `training.run` raised.
        workdir: Folder of the run.

    Returns:
        Exit code.
    """
    if isinstance(error, OSError) and error.errno not in NO_SPACE:
        raise error
    if isinstance(error, FloatingPointError):
        print(f"error: {error}", file=sys.stderr)
        return 1
    if isinstance(error, OSError):
        # Without a name it was standard output.
        where = error.filename or "standard output"
        reason, code = f"error: {error.strerror}: {where}", 1
    elif isinstance(error, WorkerLostError):
        reason, code = f"error: {error}", cli.WORKER_LOST
    elif isinstance(error, cli.Terminated):
        reason, code = "stopped by SIGTERM", cli.TERMINATED
    else:
        reason, code = "\ninterrupted", cli.INTERRUPTED
    print(f"{reason}; {saved(workdir)}", file=sys.stderr)
    return code


def saved(workdir: pathlib.Path) -> str:
    """What of a stopped run is on the disk.

    Args:
        workdir: Folder of the run.

    Returns:
        Half a line.
    """
    from g2npan_tf.training import checkpoints

    newest = checkpoints.newest(workdir / "checkpoints")
    if newest is None:
        state = "no epoch was finished. The same command begins anew"
    else:
        epoch = int(newest.name.removeprefix("epoch_"))
        state = f"saved until epoch {epoch}. The same command goes on"
    return f"{state}: --workdir={workdir}"


def report(summary: dict[str, Any], workdir: pathlib.Path) -> str:
    """What a finished run says: figures, where everything is, what is next.

    Args:
        summary: Result of `training.run`.
        workdir: Folder of the run.

    Returns:
        Several lines; the commands can be pasted.
    """
    first, last = summary["quality_loss"]
    figure = summary["best_val_srcc"]
    best = (
        "no validation part: the last epoch is kept"
        if figure is None
        else f"best epoch {summary['best_epoch']}, SRCC {figure:.3f}"
    )
    facts = summary["data"]
    # Older runs do not say it.
    found = summary.get("calibration")
    scale = (
        f"scores calibrated on {found['images']} images: logit * "
        f"{found['scale']:.2f} {found['offset']:+.2f}\n"
        if found
        else ""
    )
    return (
        f"{facts['name']} ({whose(facts)}), "
        f"preset {summary['preset']}, {summary['protocol']}:\n"
        f"{summary['epochs']} epochs: quality loss (Eq. 7) {first:.3f} -> "
        f"{last:.3f}; {best}; ended: {summary['ended']}\n{scale}"
        f"{summary['wall_seconds']:.0f} s, "
        f"{summary['peak_memory_mib']:.0f} MiB of memory at most\n"
        f"run:        {workdir} (scorer.keras, log.csv, training.json, "
        "events, checkpoints)\n" + next_commands(workdir)
    )


def next_commands(workdir: pathlib.Path) -> str:
    """What to do with a finished run, a command a line."""
    # As it was called: python, python3, .venv/bin/python ...
    python = shlex.quote(sys.orig_argv[0])
    run = shlex.quote(str(workdir))
    models, samples = (
        shlex.quote(str(workdir / name)) for name in ("exported", "samples")
    )
    commands = {
        "curves": f"-m tensorboard.main --logdir={run}",
        "figures": f"evaluate.py --workdir={run}",
        "SavedModel": f"-m export.saved_model --workdir={run} "
        f"--output={models}",
        "LiteRT": f"-m export.tflite --workdir={run} --output={models}",
        "samples": f"-m datasets.samples --workdir={run} --output={samples}",
        "scores": f"-m g2npan_tf.scoring.score --model={run} {samples}",
    }
    return "\n".join(
        f"{name + ':':<11} {python} {command}"
        for name, command in commands.items()
    )


if __name__ == "__main__":
    cli.run(main)
