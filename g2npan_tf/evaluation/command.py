r"""The evaluation command: scores a run's model and prints the figures.

    python -m g2npan_tf.evaluation.command --workdir=runs/first

is what `evaluate.py` of a checkout calls.
"""

import dataclasses
import pathlib

from absl import flags

from g2npan_tf.core import command
from g2npan_tf.core import config
from g2npan_tf.core import outputs

FILES = ("results.json", "predictions.csv", "report.html", "model_card.md")
PLACES = ("data", "data_dir", "manual_dir")


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    config.define_flags(PLACES)
    flags.DEFINE_string("workdir", None, "Folder of a training run. Required.")
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
    """Evaluates a run and writes a folder of figures."""
    options = flags.FLAGS
    if not options.workdir or len(argv) > 1:
        command.fail("expected --workdir=FOLDER of a run, and nothing else")
    workdir = pathlib.Path(options.workdir)
    settings, _ = config.load(workdir / "config.json")
    written = FILES if options.output else ()
    outputs.check_settings(
        {"output": [pathlib.Path(options.output, name) for name in written]},
        dataclasses.replace(
            settings,
            manual_dir=options.manual_dir or "",
            data_dir=options.data_dir or settings.data_dir,
        ),
        outputs.run_files(workdir),
    )
    with command.quiet_stderr():
        from g2npan_tf.evaluation import card as model_card
        from g2npan_tf.evaluation import report
        from g2npan_tf.evaluation import results
        from g2npan_tf.evaluation import run
        from g2npan_tf.evaluation.table import table
    choice = run.Choice(
        **{name: options[name].value or "" for name in PLACES},
        split=options.split,
        group_by=options.group_by,
        exclude=options.exclude,
    )
    scored = run.score(workdir, choice)
    output = pathlib.Path(options.output or run.folder(workdir, scored.results))
    try:
        run.write(scored, output)
        # As the file has them, whose digits are the readers' too.
        rows = results.read_predictions(output / "predictions.csv")
        report.write(
            output / report.FILE,
            scored.results,
            [report.Part("", scored.results, rows)],
            {"this run": workdir / "log.csv"},
            scored.explain,
        )
        card = model_card.write(
            workdir, scored.assessor.size, output if options.output else None
        )
    except OSError as error:
        command.fail(f"{output}: {error.strerror}")
    print(table(scored.results))
    print(f"\nfigures: {output / 'results.json'}")
    print(f"images:  {output / 'predictions.csv'}")
    print(f"report:  {output / 'report.html'}")
    print(f"card:    {card}")


if __name__ == "__main__":
    define_flags()
    command.run(main)
