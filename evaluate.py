"""Scores the test fold of a run and prints the protocol's figures.

python evaluate.py --workdir=runs/first
"""

import pathlib
from typing import Any

from absl import flags

from g2npan_tf import cli
from g2npan_tf import config
from g2npan_tf.evaluation_table import METHOD
from g2npan_tf.evaluation_table import table
from g2npan_tf.evaluation_table import write_predictions
from g2npan_tf.evaluation_table import write_results

flags.DEFINE_string("workdir", None, "Folder of a run of train.py. Required.")


def main(argv: list[str]) -> None:
    """Evaluates a run and writes `W/evaluation/`."""
    if not flags.FLAGS.workdir or len(argv) > 1:
        cli.fail("expected --workdir=FOLDER of a run, and nothing else")
    workdir = pathlib.Path(flags.FLAGS.workdir)
    settings, facts = config.load(workdir / "config.json")
    with cli.quiet_stderr():
        from g2npan_tf import data
        from g2npan_tf import evaluation
        from g2npan_tf import protocols
        from g2npan_tf.assessor import Assessor
    import datasets.fusion_quality.fusion_quality_dataset_builder  # noqa: F401

    builder = data.reopen(settings, facts)
    parts = data.divide(builder, settings)
    test = data.read(builder, parts.test)
    train = data.read(builder, parts.known)
    splits = {
        name: evaluation.Split(
            rows["pair_id"], rows["algorithm"], rows["modality"], rows["mos"]
        )
        for name, rows in (("train", train), ("test", test))
    }
    predictions = {
        METHOD: Assessor.load(workdir).score(list(test["image"])),
        **evaluation.trivial_baselines(splits["train"], splits["test"]),
    }
    results = {
        "data": data.facts(builder),
        "protocol": protocols.describe(settings),
        "preset": settings.preset,
        "images": len(test["mos"]),
        "pairs": len(set(test["pair_id"])),
        "cases": len(set(test["case_id"])),
        **evaluation.compare(splits["test"], predictions, METHOD),
    }
    try:
        _write(workdir / "evaluation", results, test, predictions)
    except OSError as error:
        cli.fail(f"{workdir / 'evaluation'}: {error.strerror}")
    print(table(results))
    print(f"\nfigures: {workdir / 'evaluation' / 'results.json'}")
    print(f"images:  {workdir / 'evaluation' / 'predictions.csv'}")


def _write(
    directory: pathlib.Path,
    results: dict[str, Any],
    test: dict[str, Any],
    predictions: dict[str, Any],
) -> None:
    """Writes results.json and predictions.csv, each replaced whole."""
    directory.mkdir(exist_ok=True)
    write_results(directory / "results.json", results)
    more = {
        "case": test["case_id"],
        **{
            name: [f"{value:.4f}" for value in values]
            for name, values in predictions.items()
            if name != METHOD
        },
    }
    write_predictions(
        directory / "predictions.csv", test, predictions[METHOD], more
    )


if __name__ == "__main__":
    cli.run(main)
