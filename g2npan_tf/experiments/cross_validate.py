r"""Trains and evaluates the folds of a protocol, and pools what they predict.

    python -m g2npan_tf.experiments.cross_validate --output=runs/cv \
        --data=fusion_quality/phantom --preset=compact [--seeds=0,1]

takes all flags of `train.py` but `--workdir`, `--fold` and `--seed`. Each run
has a folder `seed_S/fold_K` and goes on where it stopped; finished ones are not
repeated. `OUTPUT` gets `results.json`, `predictions.csv`, `table.md`, plots and
`report.html`.
"""

import concurrent.futures
import csv
import dataclasses
import importlib
import json
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
from absl import flags

from g2npan_tf.core import command as cli
from g2npan_tf.core import config as config_module
from g2npan_tf.core import outputs
from g2npan_tf.core.config import METHOD
from g2npan_tf.core.config import NUM_FOLDS
from g2npan_tf.core.config import Config
from g2npan_tf.core.config import changes
from g2npan_tf.core.config import name_of
from g2npan_tf.core.config import num_parts
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import written_aside
from g2npan_tf.data import protocols
from g2npan_tf.evaluation import figures as evaluation
from g2npan_tf.evaluation import fold_means
from g2npan_tf.evaluation import results as evaluation_table
from g2npan_tf.evaluation import single_reader
from g2npan_tf.evaluation import statistics
from g2npan_tf.experiments import cross_validation_plots
from g2npan_tf.scoring.model_facts import whose

# What the output has beside the runs.
FILES = (
    "algorithms.png",
    "curves.png",
    "predictions.csv",
    "report.html",
    "results.json",
    "scatter.png",
    "table.md",
)
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
_OWN = ("fold", "seed")


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    config_module.define_flags()
    flags.DEFINE_string("output", None, "Folder of all runs. Required.")
    flags.DEFINE_list(
        "folds",
        [str(k) for k in range(NUM_FOLDS)],
        "Folds to run, or parts of the protocol; `all`.",
    )
    flags.DEFINE_list("seeds", ["0"], "Seeds to run, each over all folds.")
    flags.DEFINE_integer("jobs", 1, "Runs at a time.", lower_bound=1)


def main(argv: list[str]) -> int:
    """Runs what is not finished, then prints the pooled figures."""
    options = flags.FLAGS
    if not options.output or len(argv) > 1:
        cli.fail("expected --output=FOLDER and flags of train.py, no words")
    for name in _OWN:
        if options[name].present:
            cli.fail(f"--{name}: expected --{name}s=..., a list")
    settings = config_module.from_flags()
    output = pathlib.Path(options.output)
    outputs.check_settings(
        {"output": [output / name for name in FILES]}, settings
    )
    parts = num_parts(settings.protocol)
    words = (
        options.folds if options.folds != ["all"] else map(str, range(parts))
    )
    folds = numbers("folds", list(words), parts - 1)
    seeds = numbers("seeds", options.seeds, 2**32 - 1)
    given = options["folds"].present and options.folds != ["all"]
    _check_folds(settings, bool(given), folds)
    runs = {
        (seed, fold): dataclasses.replace(settings, seed=seed, fold=fold)
        for seed in seeds
        for fold in folds
    }
    try:
        output.mkdir(parents=True, exist_ok=True)
        run_all(runs, output, options.jobs)
        results = collect(runs, output)
    except OSError as error:
        raise InputError(f"--output={output}: {error}") from error
    print(table(results))
    print(f"\nall of it: {output}")
    return 0


def folder_of(output: pathlib.Path, seed: int, fold: int) -> pathlib.Path:
    """Where a run of train.py is."""
    return output / f"seed_{seed}" / f"fold_{fold}"


def run_all(
    runs: dict[tuple[int, int], Config], output: pathlib.Path, jobs: int
) -> None:
    """Trains and evaluates each run in processes of their own.

    Args:
        runs: Configuration by seed and fold.
        output: Folder of all runs.
        jobs: Runs at a time.

    Raises:
        InputError: If a run fails; its log says more. Runs that have begun
            are finished first.
    """
    # Before there are threads: being quiet is a matter of the whole process.
    with cli.quiet_stderr():
        importlib.import_module("g2npan_tf.training.workdir")
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        waiting = [
            pool.submit(_run, config, folder_of(output, *key))
            for key, config in runs.items()
        ]
        try:
            for done in concurrent.futures.as_completed(waiting):
                done.result()
        except (InputError, KeyboardInterrupt):
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def collect(
    runs: dict[tuple[int, int], Config], output: pathlib.Path
) -> dict[str, Any]:
    """Pools the predictions of the folds, seed by seed, and judges them.

    Choice: figures are of all folds' images together, which are as many as
    the data set has, and not means over folds of some twenty pairs each; the
    mean of the folds' SRCC stands below them (`fold_means`).

    Args:
        runs: Configuration by seed and fold, all evaluated.
        output: Folder of all runs; gets the files.

    Returns:
        What `results.json` holds: `data`, `protocol`, `preset`, `settings`
        and, by seed, what `evaluation.compare` returns; `folds`, the SRCC of
        each run.
    """
    rows = [
        {**row, "seed": str(seed), "fold": str(fold)}
        for seed, fold in runs
        for row in evaluation_table.read_predictions(
            folder_of(output, seed, fold) / "evaluation" / "predictions.csv"
        )
    ]
    # Folds evaluated by an earlier version may lack columns of later ones.
    common = [name for name in rows[0] if all(name in row for row in rows)]
    rows = [{name: row[name] for name in common} for row in rows]
    first = next(iter(runs.values()))
    _, facts = config_module.load(
        folder_of(output, first.seed, first.fold) / "config.json"
    )
    by_seed = {
        seed: [row for row in rows if row["seed"] == str(seed)]
        for seed in dict.fromkeys(seed for seed, _ in runs)
    }
    folds = sorted({fold for _, fold in runs})
    results = {
        "data": facts,
        "protocol": f"{protocols.describe(dataclasses.replace(first, fold=0))}"
        f" and likewise the others; folds {', '.join(map(str, folds))} pooled",
        "preset": first.preset,
        "changes": changes(first),
        "settings": first.to_json(),
        "seeds": {
            str(seed): _judge(members, first)
            for seed, members in by_seed.items()
        },
        "folds": _fold_figures(rows),
    }
    evaluation_table.write_results(output / "results.json", results)
    with written_aside(output / "table.md") as aside:
        aside.write_text(table(results) + "\n")
    _write_rows(output / "predictions.csv", rows)
    label = f"{facts['name']}, {whose(facts)}"
    cross_validation_plots.draw_scatter(rows, label, output / "scatter.png")
    cross_validation_plots.draw_algorithms(
        rows, label, output / "algorithms.png"
    )
    logs = {key: folder_of(output, *key) / "log.csv" for key in runs}
    cross_validation_plots.draw_curves(logs, label, output / "curves.png")
    _report(results, rows, runs, output)
    return results


def table(results: dict[str, Any]) -> str:
    """The pooled figures of each seed, and how far folds and seeds spread.

    Args:
        results: From `collect`.

    Returns:
        Markdown.
    """
    kept = ("data", "protocol", "preset", "changes")
    shown = {name: results[name] for name in kept if name in results}
    lines = []
    for seed, judged in results["seeds"].items():
        lines += [
            f"Seed {seed}:",
            "",
            evaluation_table.table({**shown, **judged}),
            "",
        ]
    values = np.array(list(results["folds"].values()))
    lines.append(
        f"SRCC of single runs (seed, fold): mean {values.mean():.3f}, sd "
        f"{values.std(ddof=1) if len(values) > 1 else 0:.3f}; "
        + ", ".join(f"{k} {v:.3f}" for k, v in results["folds"].items())
    )
    return "\n".join(lines)


def _run(config: Config, workdir: pathlib.Path) -> None:
    """Trains and evaluates one run; what it prints goes into its log."""
    if is_done(config, workdir):
        return
    workdir.parent.mkdir(parents=True, exist_ok=True)
    where = f"--workdir={workdir}"
    commands = (
        ["train.py", where, *config_module.to_flags(config)],
        ["evaluate.py", where],
    )
    print(f"{workdir}: running", file=sys.stderr, flush=True)
    log = workdir.with_suffix(".log")
    with log.open("a") as file:
        for command in commands:
            code = subprocess.run(
                [sys.executable, str(REPOSITORY / command[0]), *command[1:]],
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
            if code:
                raise InputError(
                    f"{workdir}: {command[0]} ended with code {code}: "
                    f"{_last_line(log)}"
                )


def _judge(rows: list[dict[str, str]], config: Config) -> dict[str, Any]:
    """Figures of one seed's predictions."""
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    split = evaluation.Split(
        columns["pair"],
        columns["algorithm"],
        columns["modality"],
        columns["mos"].astype(float),
        columns["case"],
    )
    predictions = {METHOD: columns["predicted_mos"].astype(float)}
    for name in evaluation.BASELINES:
        if name in columns:
            predictions[name] = columns[name].astype(float)
    return {
        "network": name_of(config),
        "images": len(rows),
        "pairs": len(set(columns["pair"])),
        "cases": len(set(columns["case"])),
        **evaluation.compare(split, predictions, METHOD),
        "mean_of_folds": fold_means.judge(split, columns["fold"], predictions),
        "readers": single_reader.judge(split, single_reader.from_rows(rows)),
    }


def _fold_figures(rows: list[dict[str, str]]) -> dict[str, float]:
    """SRCC of each run."""
    figures = {}
    for key in dict.fromkeys((row["seed"], row["fold"]) for row in rows):
        members = [row for row in rows if (row["seed"], row["fold"]) == key]
        true, predicted = (
            np.array([float(row[name]) for row in members])
            for name in ("mos", "predicted_mos")
        )
        figures[f"({key[0]}, {key[1]})"] = statistics.srcc(true, predicted)
    return figures


def _report(
    results: dict[str, Any],
    rows: list[dict[str, str]],
    runs: dict[tuple[int, int], Config],
    output: pathlib.Path,
) -> None:
    """Writes report.html; its maps need TensorFlow, which is loaded here."""
    with cli.quiet_stderr():
        from g2npan_tf.experiments import cross_validation_report
    folders = {key: folder_of(output, *key) for key in runs}
    cross_validation_report.write(results, rows, runs, folders, output)


def _write_rows(path: pathlib.Path, rows: list[dict[str, str]]) -> None:
    """Writes the predictions of all runs; replaced whole."""
    with (
        written_aside(path) as aside,
        aside.open("w", newline="") as file,
    ):
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def is_done(config: Config, workdir: pathlib.Path) -> bool:
    """Whether a run has ended and its whole test part was evaluated.

    Args:
        config: Of the run.
        workdir: Its folder; need not exist.

    Returns:
        True if there is nothing to do.

    Raises:
        InputError: If a run of other settings is there.
    """
    from g2npan_tf.training import workdir as run_folder
    from g2npan_tf.training.checkpoints import Progress

    run_folder.earlier_facts(workdir, config_module.with_whole_paths(config))
    summary = workdir / run_folder.SUMMARY
    if not summary.exists():
        return False
    ended = json.loads(summary.read_text())
    progress = Progress(
        ended["epochs"], ended["best_epoch"], ended["best_val_srcc"] or 0.0
    )
    figures = workdir / "evaluation" / "results.json"
    return (
        bool(run_folder.end_of(progress, config))
        and figures.exists()
        and figures.stat().st_mtime >= summary.stat().st_mtime
        and evaluation_table.is_own_test(json.loads(figures.read_text()))
    )


def _check_folds(config: Config, given: bool, folds: list[int]) -> None:
    """Refuses what would fail after hours, or pool one image several times."""
    if config.protocol == "leave_modality_out" and not given:
        raise InputError(
            "--protocol=leave_modality_out: expected --folds=0,1,... with one "
            "number for each modality of the data set"
        )
    if config.protocol == "ratio" and len(folds) > 1:
        raise InputError(
            "--protocol=ratio: the draws have images in common and cannot be "
            "pooled; expected one number in --folds"
        )


def _last_line(log: pathlib.Path) -> str:
    """What a failed command said last."""
    return (log.read_text().strip().splitlines() or ["no message"])[-1]


def numbers(name: str, words: list[str], highest: int) -> list[int]:
    """Reads a list of distinct numbers.

    Args:
        name: Of the flag.
        words: As they were given.
        highest: The highest number that is allowed.

    Returns:
        The numbers, in their order.

    Raises:
        InputError: If a word is no such number, or one comes twice.
    """
    good = all(w.isdecimal() and int(w) <= highest for w in words)
    if not words or not good or len(set(words)) < len(words):
        raise InputError(
            f"--{name}={','.join(words)}: expected different whole numbers "
            f"from 0 to {highest}"
        )
    return [int(word) for word in words]


if __name__ == "__main__":
    define_flags()
    cli.run(main)
