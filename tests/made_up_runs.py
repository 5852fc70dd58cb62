"""A trainer that is made up, for tests of what is done with many runs."""

import json
import pathlib

import numpy as np

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import PRESETS
from g2npan_tf.core.config import Config
from g2npan_tf.evaluation import results
from g2npan_tf.experiments import table_jobs
from g2npan_tf.experiments import tables
from g2npan_tf.experiments.paper_tables import TABLES

FACTS = {"name": "fusion_quality/phantom/1.1.0", "scores": "simulated"}
PAIRS, ALGORITHMS = 4, 3
COMMANDS = {"this": "THIS COMMAND", "full": "FULL COMMAND"}


class Trainer:
    """Stands for `subprocess.run`: leaves what the commands would leave.

    Attributes:
        commands: Each call's words behind the interpreter.
        noise: Standard deviation of the predictions' error in MOS; by the
            text of a flag in the command, else 1.
        facts: Of the data set.
        fail: A word of the commands that fail, with code 2.
        step: What a dry run of training prints.
    """

    def __init__(self, facts=None, fail="no such word", noise=None):
        self.commands = []
        self.facts = facts or FACTS
        self.fail = fail
        self.noise = noise or {}
        self.step = ""

    def __call__(self, command, stdout=None, **_):
        words = [str(word) for word in command[1:]]
        self.commands.append(words)
        done = type("Done", (), {"returncode": 0, "stdout": "", "stderr": ""})
        if self.fail in words:
            done.returncode, done.stderr = 2, "error: no sources here\n"
            return done
        if "--epochs=0" in words:
            done.stdout = self.step
        elif words[0].endswith("train.py"):
            self._train(words)
        elif words[0].endswith("evaluate.py"):
            self._evaluate(words)
        else:
            self._measure(words)
        return done

    @property
    def names(self):
        """Names of the commands so far."""
        return [
            words[1] if words[0] == "-m" else pathlib.Path(words[0]).name
            for words in self.commands
        ]

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
        ended = {"epochs": config.epochs, "best_epoch": 1}
        (workdir / "training.json").write_text(
            json.dumps(
                ended | {"best_val_srcc": 0.5, "images_per_second": 10.0}
            )
        )
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

    def _measure(self, words):
        flags = values(words)
        pooled = flags["split"] == "all"
        folds = range(5) if pooled else [int(flags["fold"])]
        path = pathlib.Path(flags["output"])
        write_predictions(path, folds, self._noise(words), 1000)

    def _noise(self, words):
        found = [x for flag, x in self.noise.items() if flag in words]
        return found[0] if found else 1.0


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
    names = settings.pop("names", [row.name for row in TABLES[table].rows])
    return table_jobs.Request(
        table=table,
        base=Config(**{**compact, **settings}),
        facts=facts or FACTS,
        folds=folds,
        seeds=seeds,
        names=tuple(names),
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
