r"""Trains and evaluates the folds of a protocol, and pools what they predict.

    python -m g2npan_tf.experiments.cross_validate --output=runs/cv \
        --data=fusion_quality/phantom --preset=compact [--seeds=0,1]

takes all flags of `train.py` but `--workdir`, `--fold` and `--seed`. Each run
has a folder `seed_S/fold_K` and goes on where it stopped; finished ones are not
repeated. `OUTPUT` gets `results.json`, `predictions.csv`, `table.md`, plots and
`report.html`.
"""

import concurrent.futures
import dataclasses
import importlib
import json
import pathlib
import subprocess
import sys
from collections.abc import Sequence
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
from g2npan_tf.evaluation import figures
from g2npan_tf.evaluation import results as kept
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation import table as evaluation_table
from g2npan_tf.evaluation.results import Judged
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.evaluation.results import Results
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrossValidation(kept.Origin):
    """What results.json of cross-validated runs holds.

    Attributes:
        preset: Of the training.
        changes: Settings that are not the preset's.
        settings: All of them.
        seeds: Figures of the pooled folds by seed.
        folds: SRCC of each run by `(seed, fold)`.
    """

    preset: str
    changes: Sequence[str] | None = None
    settings: dict[str, Any]
    seeds: dict[str, Judged]
    folds: dict[str, float]

    def of_seed(self, seed: str) -> Results:
        """The figures of one seed, with what they were measured on."""
        return Results.of(
            self.seeds[seed],
            data=self.data,
            protocol=self.protocol,
            preset=self.preset,
            changes=self.changes,
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
) -> CrossValidation:
    """Pools the predictions of the folds, seed by seed, and judges them.

    Choice: figures are of all folds' images together, which are as many as
    the data set has, and not means over folds of some twenty pairs each; the
    mean of the folds' SRCC stands below them (`fold_means`).

    Args:
        runs: Configuration by seed and fold, all evaluated.
        output: Folder of all runs; gets the files.

    Returns:
        What `results.json` holds.
    """
    rows = kept.pooled(
        [
            _of_run(
                folder_of(output, seed, fold)
                / "evaluation"
                / "predictions.csv",
                seed,
                fold,
            )
            for seed, fold in runs
        ]
    )
    first = next(iter(runs.values()))
    _, facts = config_module.load(
        folder_of(output, first.seed, first.fold) / "config.json"
    )
    folds = sorted({fold for _, fold in runs})
    results = CrossValidation(
        data=facts,
        protocol=f"{protocols.describe(dataclasses.replace(first, fold=0))}"
        f" and likewise the others; folds {', '.join(map(str, folds))} pooled",
        preset=first.preset,
        changes=changes(first),
        settings=first.to_json(),
        seeds={
            seed: _judge(rows.where(seed=seed), first)
            for seed in dict.fromkeys(str(seed) for seed, _ in runs)
        },
        folds={
            f"({seed}, {fold})": _srcc(
                rows.where(seed=str(seed), fold=str(fold))
            )
            for seed, fold in runs
        },
    )
    kept.write(output / "results.json", results)
    with written_aside(output / "table.md") as aside:
        aside.write_text(table(results) + "\n")
    rows.write(output / "predictions.csv")
    label = f"{facts['name']}, {whose(facts)}"
    logs = {
        f"seed {seed}, fold {fold}": folder_of(output, seed, fold) / "log.csv"
        for seed, fold in runs
    }
    cross_validation_plots.draw(rows, logs, label, output)
    _report(results, rows, runs, output)
    return results


def _of_run(path: pathlib.Path, seed: int, fold: int) -> Predictions:
    rows = kept.read_predictions(path)
    count = len(rows.predicted)
    return dataclasses.replace(
        rows,
        seed=np.full(count, str(seed)),
        fold=np.full(count, str(fold)),
    )


def table(results: CrossValidation) -> str:
    """The pooled figures of each seed, and how far folds and seeds spread.

    Args:
        results: From `collect`.

    Returns:
        Markdown.
    """
    lines = []
    for seed in results.seeds:
        text = evaluation_table.table(results.of_seed(seed))
        lines += [f"Seed {seed}:", "", text, ""]
    values = np.array(list(results.folds.values()))
    lines.append(
        f"SRCC of single runs (seed, fold): mean {values.mean():.3f}, sd "
        f"{values.std(ddof=1) if len(values) > 1 else 0:.3f}; "
        + ", ".join(f"{k} {v:.3f}" for k, v in results.folds.items())
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


def _judge(rows: Predictions, config: Config) -> Judged:
    """Figures of one seed's predictions."""
    judged = figures.judge(
        rows.split,
        {METHOD: rows.predicted, **rows.trivial},
        METHOD,
        rows.fold,
        rows.grades,
    )
    return dataclasses.replace(judged, network=name_of(config))


def _srcc(rows: Predictions) -> float:
    return statistics.srcc(rows.split.mos, rows.predicted)


def _report(
    results: CrossValidation,
    rows: Predictions,
    runs: dict[tuple[int, int], Config],
    output: pathlib.Path,
) -> None:
    """Writes report.html; its maps need TensorFlow, which is loaded here."""
    with cli.quiet_stderr():
        from g2npan_tf.experiments import cross_validation_report
    folders = {key: folder_of(output, *key) for key in runs}
    by_seed = {seed: results.of_seed(seed) for seed in results.seeds}
    cross_validation_report.write(by_seed, rows, runs, folders, output)


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
    path = workdir / "evaluation" / "results.json"
    return (
        bool(run_folder.end_of(progress, config))
        and path.exists()
        and path.stat().st_mtime >= summary.stat().st_mtime
        and kept.read(path, Results).is_own_test
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
