r"""Trains and evaluates the folds of a protocol, and pools what they predict.

    python -m g2npan_tf.experiments.cross_validate --output=runs/cv \
        --data=fusion_quality/phantom --preset=compact [--seeds=0,1]

takes all flags of `train.py` but `--workdir`, `--fold` and `--seed`. Each run
has a folder `seed_S/fold_K` and resumes where it stopped; finished runs are not
repeated. The output folder gets `results.json`, `predictions.csv`, `table.md`,
plots and `report.html`.
"""

import concurrent.futures
import dataclasses
import importlib
import pathlib
import subprocess
import sys
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
from absl import flags

from g2npan_tf.core import command
from g2npan_tf.core import config as config_module
from g2npan_tf.core import config_flags
from g2npan_tf.core import outputs
from g2npan_tf.core import run_names
from g2npan_tf.core.config import METHOD
from g2npan_tf.core.config import NUM_FOLDS
from g2npan_tf.core.config import Config
from g2npan_tf.core.config import num_parts
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import written_aside
from g2npan_tf.core.folds import folder_of
from g2npan_tf.core.folds import predictions_of
from g2npan_tf.core.run_names import name_of
from g2npan_tf.data import protocols
from g2npan_tf.evaluation import figures
from g2npan_tf.evaluation import report
from g2npan_tf.evaluation import results as kept
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation import table as evaluation_table
from g2npan_tf.evaluation.results import CrossValidation
from g2npan_tf.evaluation.results import Judged
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.evaluation.results import Results
from g2npan_tf.report import plots
from g2npan_tf.scoring.assessor import Assessment
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.model_facts import whose

# What the output folder has beside the runs.
FILES = (
    "algorithms.png",
    "curves.png",
    "predictions.csv",
    "report.html",
    "results.json",
    "scatter.png",
    "table.md",
)
# Configuration of each run by seed and fold.
Runs = dict[tuple[int, int], Config]


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    config_flags.define_flags()
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
        command.fail("expected --output=FOLDER and flags of train.py, no words")
    for name in ("fold", "seed"):
        if options[name].present:
            command.fail(f"--{name}: expected --{name}s=..., a list")
    settings = config_flags.from_flags()
    config_module.expect_test_part(settings, "expected another --protocol")
    if not settings.epochs:
        command.fail("--epochs=0: train.py makes a dry run; expected 1 or more")
    output = pathlib.Path(options.output)
    outputs.check_settings(
        {"output": [output / name for name in FILES]}, settings
    )
    words = options.folds
    # The default, five folds, is wrong here: there are as many as modalities.
    if settings.protocol == "leave_modality_out" and (
        not options["folds"].present
    ):
        words = ["all"]
    folds = fold_numbers(settings, words)
    seeds = numbers("seeds", options.seeds, 2**32 - 1)
    if settings.protocol == "ratio" and len(folds) > 1:
        raise InputError(
            "--protocol=ratio: the draws have images in common and cannot be "
            "pooled; expected one number in --folds"
        )
    runs = runs_of(settings, seeds, folds)
    try:
        output.mkdir(parents=True, exist_ok=True)
        run_all(runs, output, options.jobs)
        results = collect(runs, output)
    except OSError as error:
        raise InputError(f"--output={output}: {error}") from error
    print(table(results))
    print(f"\nresults written to {output}")
    return 0


def fold_numbers(config: Config, words: list[str]) -> list[int]:
    """Test folds, or parts of the protocol, from a flag.

    Raises:
        InputError: If `all` is given and their number is not known, or if
            there are not so many.
    """
    count = num_parts(config.protocol)
    if words != ["all"]:
        return numbers("folds", words, count - 1)
    if config.protocol == "leave_modality_out":
        raise InputError(
            "--protocol=leave_modality_out: expected --folds=0,1,... with one "
            "number for each modality of the data set"
        )
    return list(range(count))


def numbers(name: str, words: list[str], highest: int) -> list[int]:
    """Distinct numbers up to the highest, from a flag, or an `InputError`."""
    good = all(w.isdecimal() and int(w) <= highest for w in words)
    if not words or not good or len(set(words)) < len(words):
        raise InputError(
            f"--{name}={','.join(words)}: expected different whole numbers "
            f"from 0 to {highest}"
        )
    return [int(word) for word in words]


def runs_of(config: Config, seeds: Iterable[int], folds: Sequence[int]) -> Runs:
    """A run for each fold with each seed."""
    return {
        (seed, fold): dataclasses.replace(config, seed=seed, fold=fold)
        for seed in seeds
        for fold in folds
    }


def run_all(runs: Runs, output: pathlib.Path, jobs: int) -> None:
    """Trains and evaluates runs in processes of their own, `jobs` at a time.

    Raises:
        InputError: If a run fails; its log says more. Runs that have started
            are finished first.
    """
    # `is_done` needs it, and stderr can only be silenced before threads start.
    with command.quiet_stderr():
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


def _run(config: Config, workdir: pathlib.Path) -> None:
    """Trains and evaluates one run; what it prints goes into its log."""
    if is_done(config, workdir):
        return
    workdir.parent.mkdir(parents=True, exist_ok=True)
    print(f"{workdir}: running", file=sys.stderr, flush=True)
    log = workdir.with_suffix(".log")
    for room, options in (
        ("training", config_flags.to_flags(config)),
        ("evaluation", []),
    ):
        module = f"g2npan_tf.{room}.command"
        with log.open("a") as file:
            done = subprocess.run(
                [
                    *(sys.executable, "-m", module),
                    f"--workdir={workdir}",
                    *options,
                ],
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            last = (log.read_text().strip().splitlines() or ["no message"])[-1]
            raise InputError(
                f"{workdir}: {room} ended with code {done.returncode}: {last}"
            )


def is_done(config: Config, workdir: pathlib.Path) -> bool:
    """Whether a run has ended and its whole test part was evaluated.

    Raises:
        InputError: If the folder holds a run of other settings.
    """
    from g2npan_tf.training import workdir as run_folder

    if not run_folder.has_ended(workdir, config):
        return False
    path = workdir / "evaluation" / "results.json"
    trained = (workdir / outputs.SUMMARY).stat().st_mtime
    return (
        path.exists()
        and path.stat().st_mtime >= trained
        and kept.read(path, Results).is_own_test
    )


def collect(runs: Runs, output: pathlib.Path) -> CrossValidation:
    """Pools the folds' predictions, judges them and writes the files.

    Choice: figures are over all folds' images together, the whole data set,
    and not means over folds of some twenty pairs each; the mean of the folds'
    SRCC stands below them (`figures.fold_means`).
    """
    rows = kept.pooled([_of_run(output, *key) for key in runs])
    first = next(iter(runs.values()))
    _, facts = config_module.load(
        folder_of(output, first.seed, first.fold) / "config.json"
    )
    folds = sorted({fold for _, fold in runs})
    protocol = protocols.describe(dataclasses.replace(first, fold=0))
    results = CrossValidation(
        data=facts,
        protocol=f"{protocol} and likewise the others; folds "
        f"{', '.join(map(str, folds))} pooled",
        preset=first.preset,
        changes=run_names.changes(first),
        settings=first.to_json(),
        seeds={
            str(seed): _judge(rows.where(seed=str(seed)), first)
            for seed in dict.fromkeys(seed for seed, _ in runs)
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
    _show(results, rows, runs, output)
    return results


def _of_run(output: pathlib.Path, seed: int, fold: int) -> Predictions:
    rows = kept.read_predictions(predictions_of(output, seed, fold))
    count = len(rows.predicted)
    return dataclasses.replace(
        rows, seed=np.full(count, str(seed)), fold=np.full(count, str(fold))
    )


def table(results: CrossValidation) -> str:
    """The pooled figures of each seed, and the spread over folds and seeds."""
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


def _judge(rows: Predictions, config: Config) -> Judged:
    """Figures of one seed's predictions."""
    judged = figures.judge(
        rows.split,
        {METHOD: rows.predicted, **rows.trivial},
        METHOD,
        rows.fold,
        rows.grades,
    )
    return dataclasses.replace(
        judged,
        network=name_of(config),
        inside=figures.inside(rows),
        outside=figures.outside(rows),
    )


def _srcc(rows: Predictions) -> float:
    return statistics.srcc(rows.split.mos, rows.predicted)


def _show(
    results: CrossValidation,
    rows: Predictions,
    runs: Runs,
    output: pathlib.Path,
) -> None:
    """Draws the plots and writes the report.

    Choice: the report has figures and plots for each seed, since a seed
    predicts every image once; single images are of the first seed.
    """
    logs = {
        f"seed {seed}, fold {fold}": folder_of(output, seed, fold) / "log.csv"
        for seed, fold in runs
    }
    label = f"{results.data['name']}, {whose(results.data)}"
    said = f"{len(rows.predicted):,} predictions, SRCC {_srcc(rows):.3f}"
    report.scatter(rows, f"{label}\n{said}").write(output / "scatter.png")
    report.algorithm_bars(rows, label).write(output / "algorithms.png")
    if curves := report.learning_curves(logs):
        plots.row(curves, label).write(output / "curves.png")
    report.write(
        output / report.FILE,
        results.of_seed(next(iter(results.seeds))),
        [
            report.Part(f"seed {seed}", judged, rows.where(seed=seed))
            for seed, judged in results.seeds.items()
        ],
        logs,
        lambda chosen: _explained(chosen, runs, output, results.data),
    )


def _explained(
    chosen: Predictions, runs: Runs, output: pathlib.Path, facts: kept.Facts
) -> list[tuple[np.ndarray, Assessment]]:
    """Pixels and maps of images, each by the model that predicted it."""
    found: dict[str, tuple[np.ndarray, Assessment]] = {}
    for (seed, fold), config in runs.items():
        mine = chosen.where(seed=str(seed), fold=str(fold)).image
        if not len(mine):
            continue
        pixels = _pixels(config, facts, mine)
        workdir = folder_of(output, seed, fold)
        assessor = Assessor.load(workdir, check_content=False)
        maps = assessor.explain([pixels[name] for name in mine])
        for name, one in zip(mine, maps, strict=True):
            found[name] = pixels[name], one
    return [found[name] for name in chosen.image]


def _pixels(
    config: Config, facts: kept.Facts, names: np.ndarray
) -> dict[str, np.ndarray]:
    """Some images of a data set by their names, `pair/algorithm`."""
    with command.quiet_stderr():
        from g2npan_tf.data import base

    builder = base.reopen(config, dict(facts))
    rows = base.judged(builder)
    there = np.isin(_names(rows), names)
    read = base.read(builder, rows["index"][there])
    return dict(zip(_names(read), read["image"], strict=True))


def _names(rows: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.char.add(np.char.add(rows["pair_id"], "/"), rows["algorithm"])


if __name__ == "__main__":
    define_flags()
    command.run(main)
