"""Scores the test fold of a run and prints the protocol's figures.

python evaluate.py --workdir=runs/first
"""

import csv
import json
import math
import pathlib
from typing import Any

import numpy as np
from absl import flags

from g2npan_tf import cli
from g2npan_tf import config
from g2npan_tf.atomic_file import written_aside

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
        "g2npan": Assessor.load(workdir).score(list(test["image"])),
        **evaluation.trivial_baselines(splits["train"], splits["test"]),
    }
    results = {
        "data": data.facts(builder),
        "protocol": protocols.describe(settings),
        "preset": settings.preset,
        "images": len(test["mos"]),
        "pairs": len(set(test["pair_id"])),
        "cases": len(set(test["case_id"])),
        "methods": {
            name: evaluation.assess(splits["test"], values)
            for name, values in predictions.items()
        },
        "gains": {
            name: evaluation.difference(
                splits["test"], predictions["g2npan"], values
            )
            for name, values in predictions.items()
            # A constant ranks nothing.
            if np.ptp(values) > 0 and name != "g2npan"
        },
    }
    try:
        _write(workdir / "evaluation", results, test, predictions["g2npan"])
    except OSError as error:
        cli.fail(f"{workdir / 'evaluation'}: {error.strerror}")
    print(table(results))
    print(f"\nfigures: {workdir / 'evaluation' / 'results.json'}")
    print(f"images:  {workdir / 'evaluation' / 'predictions.csv'}")


def table(results: dict[str, Any]) -> str:
    """The figures as a Markdown table with what they were measured on.

    Args:
        results: The content of `results.json`.

    Returns:
        Several lines.
    """
    facts = results["data"]
    lines = [
        f"Data: {facts['name']} ({facts.get('scores', 'unknown')} scores); "
        f"protocol: {results['protocol']}; preset: {results['preset']}; "
        f"{results['images']} images of {results['pairs']} pairs, "
        f"{results['cases']} cases.",
        "",
        "| method | PLCC | SRCC (95 % interval) | KRCC | KRCC rounded | "
        "RMSE [0, 1] | PLCC mapped | SRCC in pair | best found |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, figures in results["methods"].items():
        raw, inside = figures["raw"], figures["within_group"]
        limits = figures["interval"]["srcc"]
        lines.append(
            f"| {name} | {_number(raw['plcc'])} | {_number(raw['srcc'])} "
            f"({_number(limits['low'])} to {_number(limits['high'])}) | "
            f"{_number(raw['krcc'])} | {_number(figures['rounded_krcc'])} | "
            f"{_number(raw['rmse'])} | "
            f"{_number(figures['mapped']['plcc'])} | "
            f"{_number(inside['srcc'])} | {_number(inside['top1'])} |"
        )
    for name, gains in results["gains"].items():
        lines += [
            "",
            f"Against {name} (paired bootstrap by pair, 1000 resamples, 95 % "
            "interval):",
            f"- SRCC over all images is {_verdict(gains['all'])}",
            f"- SRCC within a pair is {_verdict(gains['within_group'])}",
        ]
    return "\n".join(lines)


def _verdict(gain: dict[str, float]) -> str:
    """Whether a method is better than another, in words."""
    if gain["low"] > 0:
        word = "above"
    elif gain["high"] < 0:
        word = "BELOW"
    else:
        word = "NOT clearly above"
    return (
        f"{word}: {gain['difference']:+.3f} "
        f"({_number(gain['low'])} to {_number(gain['high'])})"
    )


def _number(value: float) -> str:
    """Three decimals, or a dash where a figure is not defined."""
    return f"{value:.3f}" if math.isfinite(value) else "-"


def _write(
    directory: pathlib.Path,
    results: dict[str, Any],
    test: dict[str, Any],
    predicted_mos: Any,
) -> None:
    """Writes results.json and predictions.csv, each replaced whole."""
    directory.mkdir(exist_ok=True)
    # NaN is no JSON: an undefined figure is null.
    text = json.dumps(_without_nan(results), indent=2, allow_nan=False)
    with written_aside(directory / "results.json") as aside:
        aside.write_text(text + "\n")
    with (
        written_aside(directory / "predictions.csv") as aside,
        aside.open("w", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(
            ["id", "pair", "algorithm", "modality", "mos", "predicted_mos"]
        )
        for index, predicted in enumerate(predicted_mos):
            pair, algorithm, modality = (
                test[name][index]
                for name in ("pair_id", "algorithm", "modality")
            )
            row = [f"{pair}/{algorithm}", pair, algorithm, modality]
            scores = [f"{test['mos'][index]:.4f}", f"{predicted:.4f}"]
            writer.writerow([*row, *scores])


def _without_nan(value: Any) -> Any:
    """The same with None for every NaN."""
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


if __name__ == "__main__":
    cli.run(main)
