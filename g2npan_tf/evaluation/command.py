r"""The evaluation command: scores images with a model, prints the figures.

    python -m g2npan_tf.evaluation.command --workdir=runs/first

is what `evaluate.py` of a checkout calls.
"""

import pathlib
from typing import TYPE_CHECKING

from absl import flags

from g2npan_tf.core import command
from g2npan_tf.core import config
from g2npan_tf.core import config_flags
from g2npan_tf.core import outputs
from g2npan_tf.scoring import shipped

if TYPE_CHECKING:
    from g2npan_tf.evaluation.run import Scored

FILES = ("results.json", "predictions.csv", "report.html", "model_card.md")
PLACES = ("data", "data_dir", "manual_dir")


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    config_flags.define_flags(PLACES)
    flags.DEFINE_string("workdir", None, "Folder of a training run.")
    flags.DEFINE_string(
        "model",
        None,
        "Instead of it, a model that comes with the package (fusion, ct) or an "
        "exported one, on the images of --data; needs --output.",
    )
    flags.DEFINE_string(
        "output", None, "Output folder. Default: in WORKDIR/evaluation."
    )
    flags.DEFINE_string(
        "split",
        "",
        "What is scored: test (the run's own test part; the default without "
        "--data), all (the default with it) or fold_0 .. fold_4.",
    )
    flags.DEFINE_enum(
        "group_by",
        "pair_id",
        ["pair_id", "case_id", "modality"],
        "Groups of the bootstrap and of the figures within a group.",
    )
    flags.DEFINE_list(
        "exclude",
        [],
        "Images to leave out, separated by commas: algorithm:NAME, "
        "modality:NAME, case_id:NAME, pair_id:NAME.",
    )


def main(argv: list[str]) -> None:
    """Evaluates a run or an artefact and writes a folder of figures."""
    options = flags.FLAGS
    if bool(options.workdir) == bool(options.model) or len(argv) > 1:
        command.fail(
            "expected --workdir=FOLDER of a run or --model=MODEL, one of them, "
            "and nothing else"
        )
    if options.model and not (options.data and options.output):
        command.fail(
            "--model goes with --data=DATA_SET, which it is to score, and "
            "--output=FOLDER"
        )
    workdir = pathlib.Path(options.workdir or "")
    _check_output(workdir)
    with command.quiet_stderr():
        from g2npan_tf.evaluation import run
        from g2npan_tf.evaluation.table import table
    choice = run.Choice(
        **{name: options[name].value or "" for name in PLACES},
        split=options.split,
        group_by=options.group_by,
        exclude=options.exclude,
    )
    if options.model:
        scored = run.score_artefact(options.model, choice)
    else:
        scored = run.score(workdir, choice)
    output = pathlib.Path(options.output or run.folder(workdir, scored.results))
    try:
        written = _write(scored, output)
    except OSError as error:
        command.fail(f"{output}: {error.strerror}")
    print(table(scored.results), end="\n\n")
    for name, path in written.items():
        print(f"{name + ':':<8} {path}")


def _write(scored: "Scored", output: pathlib.Path) -> dict[str, pathlib.Path]:
    """Writes the files, and a run's model card; gives them by what they hold.

    Raises:
        OSError: If the disk does not take them.
    """
    from g2npan_tf.evaluation import card
    from g2npan_tf.evaluation import report
    from g2npan_tf.evaluation import results
    from g2npan_tf.evaluation import run

    options = flags.FLAGS
    workdir = pathlib.Path(options.workdir or "")
    run.write(scored, output)
    written = {
        "figures": output / "results.json",
        "images": output / "predictions.csv",
        "report": output / report.FILE,
    }
    # As the file has them, whose digits are the readers' too.
    rows = results.read_predictions(written["images"])
    report.write(
        written["report"],
        scored.results,
        [report.Part("", scored.results, rows)],
        {"this run": workdir / "log.csv"} if options.workdir else {},
        scored.explain,
    )
    if options.workdir:
        place = output if options.output else None
        written["card"] = card.write(workdir, scored.assessor.size, place)
    return written


def _check_output(workdir: pathlib.Path) -> None:
    """Refuses an output that would overwrite what is read."""
    options = flags.FLAGS
    data_dir = options.data_dir or ""
    if options.model:
        model = shipped.resolve(options.model)
        files = outputs.model_files(model)
        folders = outputs.model_folders(model)
    else:
        settings, _ = config.load(workdir / "config.json")
        data_dir = data_dir or settings.data_dir
        files, folders = outputs.run_files(workdir), []
    written = FILES if options.output else ()
    outputs.check_settings(
        {"output": [pathlib.Path(options.output, name) for name in written]},
        config.Config(manual_dir=options.manual_dir or "", data_dir=data_dir),
        files,
        folders,
    )


if __name__ == "__main__":
    define_flags()
    command.run(main)
