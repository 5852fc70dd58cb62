"""The command that counts what is outside."""

import dataclasses
import types

import numpy as np
import pytest

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.data import base
from g2npan_tf.experiments import foreign
from g2npan_tf.experiments import scope
from tests import cross_validations
from tests.tiny import TINY
from tests.tiny import run_python

# Of the run's own images, or made of them.
OWN = ("training", "test part")


@pytest.fixture(scope="module")
def settings(data_dir):
    return Config(data_dir=data_dir, protocol="group", **TINY)


@pytest.fixture(scope="module")
def counted(settings):
    facts = base.facts(base.open_base(settings))
    other = settings.data
    found = {}
    for kind, is_outside in scope.examine(settings, facts, [other]):
        assert is_outside.dtype == bool
        found[kind] = [*found.get(kind, []), *is_outside]
    return found


def test_photographs_text_and_noise_are_outside_and_unseen_heads_are_not(
    counted,
):
    strange = {*foreign.FILES} - {"CT, MR and nuclear medicine of one source"}
    strange |= {"drawn text pages", "noise", "inverted", "colour map jet"}
    assert strange <= counted.keys()
    flags = np.concatenate([counted[kind] for kind in strange])
    assert flags.mean() >= 0.95
    assert np.mean(counted["training part"]) <= 0.1
    assert np.mean(counted["test part"]) < 0.5


def test_every_test_image_is_counted_once(settings, counted):
    parts = base.divide(base.open_base(settings), settings)
    assert len(counted["test part"]) == len(parts.test)
    by_modality = [x for k, x in counted.items() if "test part, " in k]
    left_out = counted["test part, by an algorithm that did not train"]
    assert len(left_out) == len(parts.test)
    assert sum(map(len, by_modality)) == 2 * len(parts.test)
    other = [x for k, x in counted.items() if k.startswith(settings.data)]
    assert sum(map(len, other)) == 30


def test_runs_of_a_cross_validation_are_counted_together(
    tmp_path, monkeypatch, capsys
):
    folder = cross_validations.write(tmp_path)
    options = types.SimpleNamespace(workdir=str(folder), other=[])
    monkeypatch.setattr(scope, "flags", types.SimpleNamespace(FLAGS=options))
    monkeypatch.setattr(
        scope,
        "examine",
        lambda config, *_: [("noise", np.arange(config.fold + 1) > 0)],
    )
    scope.main(["scope"])
    # 1 to 5 images, of which each fold's first is inside.
    assert capsys.readouterr().out.endswith("| noise | 15 | 10 (66.7%) |\n")


def test_the_command_prints_a_table_or_a_line(settings, tmp_path):
    facts = base.facts(base.open_base(settings))
    config_module.save(settings, facts, tmp_path / "config.json")
    flags = [f"--workdir={tmp_path}"]
    done = run_python("-m", "g2npan_tf.experiments.scope", *flags)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["| kind | images | outside |", "|---|---|---|"]
    assert lines[2].startswith("| training part | 2")
    done = run_python("-m", "g2npan_tf.experiments.scope")
    assert done.returncode == 2
    assert "expected --workdir=FOLDER" in done.stderr
    every = dataclasses.replace(settings, protocol="all", epochs=1)
    config_module.save(every, facts, tmp_path / "config.json")
    done = run_python("-m", "g2npan_tf.experiments.scope", *flags)
    assert done.returncode == 2
    assert "expected another run" in done.stderr
