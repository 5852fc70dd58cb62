r"""The training command: flags -> Config -> training.run -> what to do next.

    python -m g2npan_tf.training.command --workdir=runs/first \
        --data=fusion_quality/phantom

is what `train.py` of a checkout calls.
"""

import itertools
import pathlib
import shlex
import signal
import sys
from typing import TYPE_CHECKING

from absl import flags

from g2npan_tf.core import command
from g2npan_tf.core import config
from g2npan_tf.core import config_flags
from g2npan_tf.core import outputs
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.errors import WorkerLostError
from g2npan_tf.core.files import NO_SPACE
from g2npan_tf.scoring.model_facts import extra_words
from g2npan_tf.scoring.model_facts import has_no_readers
from g2npan_tf.scoring.model_facts import whose

if TYPE_CHECKING:
    from g2npan_tf.training.calibration import Calibration
    from g2npan_tf.training.workdir import Summary


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    config_flags.define_flags()
    flags.DEFINE_string("workdir", None, "Folder of the run. Required.")


def main(argv: list[str]) -> int:
    """Trains as the flags say and returns the exit code."""
    if len(argv) > 1:
        command.fail(f"unexpected argument {argv[1]}; all settings are flags")
    if not flags.FLAGS.workdir:
        command.fail("--workdir is required: the folder of the run")
    settings = _settings()
    outputs.check_settings(
        {"workdir": outputs.run_files(flags.FLAGS.workdir)}, settings
    )
    # A shell lets background jobs ignore SIGINT, but who sends it means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A preempted machine sends SIGTERM.
    signal.signal(signal.SIGTERM, command.terminate)
    workdir = pathlib.Path(flags.FLAGS.workdir)
    with command.quiet_stderr():
        from g2npan_tf.training import distribution
        from g2npan_tf.training import run
        from g2npan_tf.training.grace import GracePeriod

    grace = GracePeriod(settings.grace_seconds)
    signal.signal(signal.SIGTERM, grace.on_signal)
    try:
        with distribution.lost_worker_named(settings):
            if not settings.epochs:
                print(run.measure(settings, workdir))
                print("dry run: nothing was saved, nothing is trained")
                return 0
            summary = run.run(settings, workdir, [grace])
    except (
        KeyboardInterrupt,
        FloatingPointError,
        OSError,
        WorkerLostError,
    ) as error:
        return stopped(error, workdir)
    print(report(summary, workdir, settings.protocol != config.ALL))
    if has_no_readers(summary.data):
        print(start_command(settings, workdir))
    return 0


def _settings() -> config.Config:
    """What the flags say; what none says is the preset's, or that of --like."""
    like = flags.FLAGS["like"].value
    if not like:
        settings = config_flags.from_flags()
        is_all = settings.protocol == config.ALL
        if is_all and not flags.FLAGS["epochs"].present:
            raise InputError(
                f"--protocol={config.ALL} has no validation part to choose "
                "the last epoch by; expected --like=CV_FOLDER, or --epochs "
                "and --nocalibrate_scores"
            )
        return settings
    with command.quiet_stderr():
        from g2npan_tf.training import like as others

    settings = config_flags.from_flags(others.settings(pathlib.Path(like)))
    others.check(settings)
    return settings


def stopped(error: BaseException, workdir: pathlib.Path) -> int:
    """Says in one line why a run stopped and what is saved; the exit code."""
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
        reason, code = f"error: {error}", command.WORKER_LOST
    elif isinstance(error, command.Terminated):
        reason, code = "stopped by SIGTERM", command.TERMINATED
    else:
        reason, code = "\ninterrupted", command.INTERRUPTED
    print(f"{reason}; {saved(workdir)}", file=sys.stderr)
    return code


def saved(workdir: pathlib.Path) -> str:
    """What of a stopped run is on the disk, as half a line."""
    from g2npan_tf.training import checkpoints

    newest = checkpoints.newest(workdir / "checkpoints")
    if newest is None:
        state = "no epoch completed; rerunning starts from scratch"
    else:
        epoch = int(newest.name.removeprefix("epoch_"))
        state = f"saved up to epoch {epoch}; rerun the same command to resume"
    return f"{state}: --workdir={workdir}"


def report(
    summary: "Summary", workdir: pathlib.Path, has_test_part: bool = True
) -> str:
    """What a finished run says: figures, where everything is, what is next."""
    losses = "only the generator was trained"
    if summary.quality_loss:
        first, last = summary.quality_loss
        losses = f"quality loss (Eq. 7) {first:.3f} -> {last:.3f}"
    best = "no validation figure: the last epoch is kept"
    if summary.best_val_srcc is not None:
        best = (
            f"best epoch {summary.best_epoch}, SRCC {summary.best_val_srcc:.3f}"
        )
    found, scale = summary.calibration, ""
    if found:
        scale = (
            f"scores calibrated on {found.images} images{_last(found)}: "
            f"{found}\n"
        )
    if around := summary.interval:
        scale += (
            f"interval of {around.coverage:.0%}: MOS +- "
            f"{around.half_width:.2f}, from {around.images} images of "
            f"{around.cases} cases that did not train\n"
        )
    if known := summary.scope:
        scale += (
            f"scope: distance from {known.images} training images of "
            f"{known.cases} cases\n"
        )
    said = extra_words(summary.data)
    extra = f"extra data: {said}\n" if said else ""
    return (
        f"{summary.data['name']} ({whose(summary.data)}), "
        f"preset {summary.preset}, {summary.protocol}:\n{extra}"
        f"{summary.epochs} epochs: {losses}; {best}; "
        f"ended: {summary.ended}\n{scale}"
        f"{summary.wall_seconds:.0f} s, "
        f"{summary.peak_memory_mib:.0f} MiB of memory at most\n"
        f"run:        {workdir} (scorer.keras, log.csv, training.json, "
        "events, checkpoints)\n" + next_commands(workdir, has_test_part)
    )


def _last(found: "Calibration") -> str:
    """What a calibration has beside the run's own images, in words."""
    if not found.unseen:
        return ""
    return f", then on {found.unseen.images} that other runs tested"


def next_commands(workdir: pathlib.Path, has_test_part: bool = True) -> str:
    """What to do with a finished run, a command a line."""
    from g2npan_tf.evaluation import card as model_card

    # As it was called: python, python3, .venv/bin/python ...
    python = shlex.quote(sys.orig_argv[0])
    run, models, samples = (
        shlex.quote(str(path))
        for path in (workdir, workdir / "exported", workdir / "samples")
    )
    commands = {
        "curves": f"tensorboard.main --logdir={run}",
        "figures": f"g2npan_tf.evaluation.command --workdir={run}",
        "SavedModel": f"export.saved_model --workdir={run} --output={models}",
        "LiteRT": f"export.tflite --workdir={run} --output={models}",
        "samples": f"datasets.samples --workdir={run} --output={samples}",
        "scores": f"g2npan_tf.scoring.score --model={run} {samples}",
    }
    lines = {name: f"{python} -m {line}" for name, line in commands.items()}
    if not has_test_part:
        card = shlex.quote(str(workdir / model_card.FILE))
        lines["figures"] = f"none of its own; {card} has what is known"
    return "\n".join(f"{name + ':':<11} {x}" for name, x in lines.items())


def start_command(settings: config.Config, workdir: pathlib.Path) -> str:
    """How a run on scored images starts from this one; one line to fill in."""
    from g2npan_tf.training import start_weights

    called = itertools.takewhile(
        lambda word: not word.startswith("--"), sys.orig_argv
    )
    flags_in_common = start_weights.flags_of_networks(settings)
    line = shlex.join([*called, f"--init_from={workdir}", *flags_in_common])
    return f"train on:   {line} --data=DATA_SET --workdir=FOLDER"


if __name__ == "__main__":
    define_flags()
    command.run(main)
