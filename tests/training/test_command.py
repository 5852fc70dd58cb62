"""What the training command says at the end, and with which exit code."""

import dataclasses
import errno
import json
import pathlib
import shlex
import signal
import subprocess
import sys
import types
from unittest import mock

import cv2
import pytest

from datasets.pretraining.groups import SCORES
from datasets.pretraining.slices import draw_slice
from g2npan_tf.core import command as cli
from g2npan_tf.core import config as config_module
from g2npan_tf.core import config_flags
from g2npan_tf.core.config import Config
from g2npan_tf.evaluation.conformal import Interval
from g2npan_tf.training import checkpoints
from g2npan_tf.training import command as training
from g2npan_tf.training import run
from g2npan_tf.training.calibration import Calibration
from tests.tiny import REPOSITORY
from tests.tiny import SUMMARY
from tests.tiny import TINY
from tests.tiny import run_python

PLAIN = {**TINY, "use_gan": False, "use_local_contrast": True}


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({}, "best epoch 4, SRCC 0.512; ended: early stopping"),
        ({}, "run:        runs/first (scorer.keras"),
        (
            {"best_val_srcc": None},
            "no validation figure: the last epoch is kept",
        ),
        ({"quality_loss": []}, "7 epochs: only the generator was trained; "),
        (
            {"calibration": Calibration(2.511, -0.2, 192)},
            "calibrated on 192 images: logit * 2.51 -0.20\n",
        ),
        (
            {"interval": Interval(0.754, 0.9, 48, 2)},
            "interval of 90%: MOS +- 0.75, from 48 images of 2 cases that",
        ),
    ],
)
def test_the_report_says_what_was_kept_and_why_it_ended(changed, line):
    text = training.report(
        dataclasses.replace(SUMMARY, **changed), pathlib.Path("runs/first")
    )
    assert line in text
    assert ("calibrated" in text) == ("calibration" in changed)


def test_commands_can_be_pasted_for_any_folder():
    text = training.report(SUMMARY, pathlib.Path("my runs/a'b"))
    found = {
        line.partition(":")[0]: shlex.split(line.partition(":")[2])
        for line in text.splitlines()
        if f" {shlex.quote(sys.orig_argv[0])} " in line
    }
    kinds = "curves figures SavedModel LiteRT samples scores"
    assert set(found) == set(kinds.split())
    expected = ["g2npan_tf.evaluation.command", "--workdir=my runs/a'b"]
    assert found["figures"][2:] == expected


@pytest.fixture
def run_main(monkeypatch, tmp_path):
    """Calls main with a run that returns or raises something."""

    def call(outcome):
        settings = types.SimpleNamespace(
            epochs=1,
            grace_seconds=30,
            data_dir="",
            manual_dir="",
            protocol="group",
        )
        monkeypatch.setattr(training, "_settings", lambda: settings)
        given = types.SimpleNamespace(workdir=str(tmp_path))
        monkeypatch.setattr(training.flags, "FLAGS", given)
        handlers = {
            n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)
        }
        with mock.patch.object(run, "run", side_effect=[outcome]):
            try:
                return training.main(["train.py"])
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)

    return call


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (KeyboardInterrupt(), 130, "\ninterrupted; "),
        (cli.Terminated(), 143, "stopped by SIGTERM; "),
        (
            OSError(errno.ENOSPC, "No space left", "/run/log.csv"),
            1,
            "error: No space left: /run/log.csv; ",
        ),
    ],
)
def test_a_stopped_run_says_why_and_what_is_saved(
    run_main, tmp_path, capsys, error, code, reason
):
    assert run_main(error) == code
    assert capsys.readouterr().err == (
        f"{reason}no epoch completed; rerunning starts from scratch: "
        f"--workdir={tmp_path}\n"
    )
    files = dict.fromkeys(
        (checkpoints.STATE, checkpoints.BEST, checkpoints.SCORER), b"x"
    )
    checkpoints.save(files, checkpoints.Progress(7), tmp_path / "checkpoints")
    assert run_main(error) == code
    assert capsys.readouterr().err == (
        f"{reason}saved up to epoch 7; rerun the same command to resume: "
        f"--workdir={tmp_path}\n"
    )


def test_other_ends_have_their_code_and_a_defect_its_traceback(
    run_main, capsys
):
    assert run_main(FloatingPointError("step 2: cam_loss is nan")) == 1
    assert capsys.readouterr().err == "error: step 2: cam_loss is nan\n"
    assert run_main(SUMMARY) == 0
    assert "7 epochs: quality loss" in capsys.readouterr().out
    with pytest.raises(FileNotFoundError):
        run_main(FileNotFoundError(errno.ENOENT, "No such file"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--fold=7", "fold must be at most 4 with protocol=group. Received: 7"),
        ("--preset=big", "should be one of <compact|paper>"),
        ("--epoch=3", "Unknown command line flag 'epoch'"),
        ("--up_filters=4,x", "--up_filters must be whole numbers"),
        ("--batch_size=0", "batch_size must be at least 1. Received: 0"),
        ("--data=no/base", "--data=no/base: no such data set"),
        ("--init_from={}", "error: --workdir would overwrite"),
        ("--workdir=", "--workdir is required"),
        ("slices", "unexpected argument slices"),
    ],
)
def test_bad_words_are_one_line_and_code_two(words, message, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    done = run_python(
        "train.py", f"--workdir={tmp_path}", words.format(tmp_path)
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
    assert (tmp_path / "config.json").read_text() == "{}"


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A finished pretraining on five slices, and what it said."""
    folder = tmp_path_factory.mktemp("pre")
    for case in range(5):
        (folder / "slices" / str(case)).mkdir(parents=True)
        pixels = draw_slice(case, 256, 0, "MR")
        cv2.imwrite(str(folder / "slices" / str(case) / "0.png"), pixels)
    settings = Config(
        **{**PLAIN, "epochs": 1, "crops_per_image": 1},
        data="fusion_quality/distortions",
        data_dir=str(folder / "tfds"),
        manual_dir=str(folder / "slices"),
    )
    flags = config_flags.to_flags(settings)
    done = run_python("train.py", f"--workdir={folder / 'run'}", *flags)
    assert done.returncode == 0, done.stderr
    return folder / "run", done.stdout


def test_every_place_says_that_no_reader_scored(pretrained):
    workdir, stdout = pretrained
    assert f"(scores of {SCORES})" in stdout
    _, facts = config_module.load(workdir / "config.json")
    assert facts["scores"] == SCORES
    assert facts["source"] == "slices"
    summary = json.loads((workdir / "training.json").read_text())
    assert summary["data"]["scores"] == SCORES


def test_the_last_line_is_the_command_that_starts_from_it(pretrained):
    workdir, stdout = pretrained
    words = shlex.split(stdout.splitlines()[-1].partition(":")[2])
    start = ["train.py", f"--init_from={workdir}", "--preset=paper"]
    assert words[1:4] == start
    assert "--use_gan=False" in words
    assert "--vgg_width=0.0625" in words
    assert not any(word.startswith("--learning_rate") for word in words)


@pytest.mark.slow
@pytest.mark.parametrize("use_gan", [True, False])
def test_every_command_of_the_report_works_when_pasted(
    use_gan, data_dir, tmp_path
):
    changed = {**TINY, "epochs": 1, "use_gan": use_gan, "data_dir": data_dir}
    flags = config_flags.to_flags(Config(**changed))
    done = run_python("train.py", f"--workdir={tmp_path}/a run", *flags)
    assert done.returncode == 0, done.stderr
    lines = [x for x in done.stdout.splitlines() if sys.executable in x]
    assert len(lines) == 6
    for line in lines:
        pasted = line.partition(":")[2]
        if "tensorboard" in pasted:
            # It would serve for ever.
            pasted = pasted.replace("--logdir", "--inspect --logdir")
        done = subprocess.run(
            pasted,
            shell=True,
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            check=False,
        )
        assert done.returncode == 0, f"{pasted}: {done.stderr}"
