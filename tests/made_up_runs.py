"""A trainer that is made up, for tests of what is done with many runs."""

import json
import pathlib
import types

import numpy as np

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.presets import PRESETS
from g2npan_tf.evaluation import results
from g2npan_tf.experiments import table_runs
from g2npan_tf.experiments import tables
from g2npan_tf.experiments.paper_tables import TABLES
from g2npan_tf.training.workdir import Summary

FACTS = {"name": "fusion_quality/phantom/1.1.0", "scores": "simulated"}
PAIRS, ALGORITHMS = 4, 3
TRAIN = "g2npan_tf.training.command"
EVALUATE = "g2npan_tf.evaluation.command"
COMMANDS = {"this": "THIS COMMAND", "full": "FULL COMMAND"}


class Trainer:
    """Leaves what training, evaluation and the compared methods would leave.

    Attributes:
        commands: Words behind `python -m` of each call of `subprocess.run`;
            of a compared method its name and file.
        noise: Standard deviation of the predictions' error in MOS, by a word
            of the command; else 1.
        facts: Of the data set.
        fail: A word of the commands that fail, with code 2.
        error: What a compared method raises if it fails.
    """

    def __init__(self):
        self.commands = []
        self.facts = FACTS
        self.fail = ""
        self.error = InputError("no sources here")
        self.noise = {}

    def run(self, command, **_):
        """Stands for `subprocess.run`."""
        words = [str(word) for word in command[2:]]
        self.commands.append(words)
        code = 2 if self.fail in words else 0
        if not code:
            {TRAIN: self._train, EVALUATE: self._evaluate}[words[0]](words)
        return types.SimpleNamespace(returncode=code)

    def measure(self, name, settings, pooled, output):
        """Stands for `baselines.run.measure`."""
        self.commands.append([name, output.name])
        if self.fail == name:
            raise self.error
        folds = range(5) if pooled else [settings.fold]
        write_predictions(output, folds, self._noise([name]), 1000)

    @property
    def names(self):
        """Modules and methods so far."""
        return [words[0] for words in self.commands]

    def _train(self, words):
        flags = values(words)
        workdir = pathlib.Path(flags["workdir"])
        workdir.mkdir(parents=True)
        config = Config.from_json(
            {
                field: type(default)(flags[field])
                for field, default in Config().to_json().items()
                if isinstance(default, (int, float, str))
                and not isinstance(default, bool)
            }
        )
        config_module.save(config, self.facts, workdir / "config.json")
        write_summary(workdir, config.epochs)
        (workdir / "noise").write_text(str(self._noise(words)))

    def _evaluate(self, words):
        workdir = pathlib.Path(values(words)["workdir"])
        config, _ = config_module.load(workdir / "config.json")
        noise = float((workdir / "noise").read_text())
        (workdir / "evaluation").mkdir()
        write_predictions(
            workdir / "evaluation" / "predictions.csv",
            [config.fold],
            noise,
            10 * config.seed + config.fold + 1,
        )
        results.write(workdir / "evaluation" / "results.json", judged())

    def _noise(self, words):
        found = [x for flag, x in self.noise.items() if flag in words]
        return found[0] if found else 1.0


def write_summary(workdir, epochs, best_epoch=1):
    """What is left of training."""
    Summary(
        data=FACTS,
        protocol="group",
        preset="compact",
        changes=[],
        epochs=epochs,
        best_epoch=best_epoch,
        best_val_srcc=0.5,
        ended="all epochs",
        calibration=None,
        interval=None,
        scope=None,
        images_per_second=10.0,
        wall_seconds=1.0,
        peak_memory_mib=1.0,
        quality_loss=[0.6, 0.5],
    ).write(workdir)


def values(words):
    """Flags of a command by name."""
    return dict(w[2:].split("=", 1) for w in words if w.startswith("--"))


def write_predictions(path, folds, noise, seed):
    """Predictions of some folds, near scores that are always the same."""
    count = PAIRS * ALGORITHMS
    parts = [np.random.default_rng(fold).uniform(1, 5, count) for fold in folds]
    places = np.arange(count)
    pairs = [f"pair_{fold}_{i // ALGORITHMS}" for fold in folds for i in places]
    split = results.Split(
        np.array(pairs),
        np.array([f"method_{i % ALGORITHMS}" for _ in folds for i in places]),
        np.array(["CT-MRI"] * len(pairs)),
        np.concatenate(parts),
        np.array(pairs),
    )
    error = np.random.default_rng(seed).normal(0, noise, len(pairs))
    trivial = {
        "mean": np.full(len(pairs), 3.0),
        "algorithm_modality_mean": np.array(
            [2.0 + i % 3 for _ in folds for i in places]
        ),
    }
    results.Predictions(split.image, split, split.mos + error, trivial).write(
        path
    )


def judged(**more):
    """What results.json of the whole test part of a run holds."""
    return results.Results(
        data=FACTS,
        protocol="group",
        images=PAIRS * ALGORITHMS,
        pairs=PAIRS,
        methods={},
        gains={},
        **more,
    )


def request(output, table="1", seeds=(0,), folds=(0,), facts=None, **settings):
    """A table that is asked for, compact, two epochs."""
    compact = {**PRESETS["compact"], "preset": "compact", "epochs": 2}
    rows = settings.pop("rows", [row.name for row in TABLES[table].rows])
    return table_runs.Request(
        name=table,
        base=Config(**{**compact, **settings}),
        facts=facts or FACTS,
        folds=tuple(folds),
        seeds=seeds,
        rows=tuple(rows),
        output=output,
        commands=COMMANDS,
    )


def fill(wanted, capsys, only_finished=False):
    """Fills a table; gives what is printed."""
    tables.fill(wanted, only_finished)
    return capsys.readouterr().out


def results_of(output):
    """The figures of the one table in a folder."""
    (path,) = output.glob("*/results.json")
    return json.loads(path.read_text())
