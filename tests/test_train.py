"""What `train.py` says at the end, and with which exit code."""

import errno
import pathlib
import shlex
import signal
import subprocess
import sys
import types

import pytest

import train
from g2npan_tf.core import command as cli
from g2npan_tf.training import checkpoints
from tests.tiny import REPOSITORY
from tests.training.test_run import TINY

SUMMARY = {
    "data": {"name": "fusion_quality/phantom/1.1.0", "scores": "simulated"},
    "preset": "compact",
    "protocol": "fold 0 left out",
    "epochs": 7,
    "best_epoch": 4,
    "best_val_srcc": 0.512,
    "ended": "early stopping: no better validation SRCC in 3 epochs",
    "quality_loss": [0.7, 0.5],
    "wall_seconds": 12.0,
    "peak_memory_mib": 900.0,
}


def commands(text):
    """The commands of a report, by name."""
    python = shlex.quote(sys.orig_argv[0])
    return {
        line.partition(":")[0]: shlex.split(line.partition(":")[2])
        for line in text.splitlines()
        if f" {python} " in line
    }


def test_the_report_says_why_it_ended_and_what_was_kept():
    text = train.report(SUMMARY, pathlib.Path("runs/first"))
    assert "best epoch 4, SRCC 0.512; ended: early stopping" in text
    assert "run:        runs/first (scorer.keras" in text


def test_the_report_does_not_invent_a_figure_without_validation():
    summary = {**SUMMARY, "best_val_srcc": None, "ended": "all epochs"}
    text = train.report(summary, pathlib.Path("run"))
    assert "no validation part: the last epoch is kept" in text


def test_the_report_says_how_scores_were_calibrated():
    assert "calibrated" not in train.report(SUMMARY, pathlib.Path("run"))
    found = {"scale": 2.511, "offset": -0.2, "images": 192}
    summary = {**SUMMARY, "calibration": found}
    text = train.report(summary, pathlib.Path("run"))
    assert "calibrated on 192 images: logit * 2.51 -0.20\n" in text


def test_commands_can_be_pasted_for_any_folder():
    found = commands(train.report(SUMMARY, pathlib.Path("my runs/a'b")))
    assert set(found) == {
        "curves",
        "figures",
        "SavedModel",
        "LiteRT",
        "samples",
        "scores",
    }
    assert found["figures"][1:] == ["evaluate.py", "--workdir=my runs/a'b"]


@pytest.fixture
def run_main(monkeypatch, tmp_path):
    """Calls main with a run that was replaced."""

    def call(run):
        monkeypatch.setattr("g2npan_tf.training.run.run", run)
        settings = types.SimpleNamespace(
            epochs=1, grace_seconds=30, data_dir="", manual_dir=""
        )
        monkeypatch.setattr(train.config, "from_flags", lambda: settings)
        monkeypatch.setattr(
            train.flags, "FLAGS", types.SimpleNamespace(workdir=str(tmp_path))
        )
        handlers = [
            signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)
        ]
        try:
            return train.main(["train.py"])
        finally:
            signal.signal(signal.SIGINT, handlers[0])
            signal.signal(signal.SIGTERM, handlers[1])

    return call


def test_a_non_finite_loss_is_one_line_and_code_one(run_main, capsys):
    def run(*_):
        raise FloatingPointError("epoch 1, step 2: cam_loss is nan")

    assert run_main(run) == 1
    err = capsys.readouterr().err
    assert err == "error: epoch 1, step 2: cam_loss is nan\n"


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
    def run(*_):
        raise error

    assert run_main(run) == code
    assert capsys.readouterr().err == (
        f"{reason}no epoch was finished. The same command begins anew: "
        f"--workdir={tmp_path}\n"
    )
    files = dict.fromkeys(
        (checkpoints.STATE, checkpoints.BEST, checkpoints.SCORER), b"x"
    )
    checkpoints.save(files, checkpoints.Progress(7), tmp_path / "checkpoints")
    assert run_main(run) == code
    assert capsys.readouterr().err == (
        f"{reason}saved until epoch 7. The same command goes on: "
        f"--workdir={tmp_path}\n"
    )


def test_another_error_of_the_system_is_a_defect(run_main):
    def run(*_):
        raise FileNotFoundError(errno.ENOENT, "No such file")

    with pytest.raises(FileNotFoundError):
        run_main(run)


def test_a_run_is_not_written_over_the_one_that_it_starts_from(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    done = subprocess.run(
        [
            sys.executable,
            "train.py",
            f"--workdir={tmp_path}",
            f"--init_from={tmp_path}",
        ],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: --workdir would overwrite")
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "config.json").read_text() == "{}"


def test_a_finished_run_is_reported_with_code_zero(run_main, capsys):
    assert run_main(lambda *_: SUMMARY) == 0
    assert "7 epochs: quality loss" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("use_gan", ["true", "false"])
def test_every_command_of_the_report_works_when_pasted(
    use_gan, data_dir, tmp_path
):
    flags = {**TINY, "epochs": 1, "use_gan": use_gan, "data_dir": data_dir}
    done = subprocess.run(
        [
            sys.executable,
            "train.py",
            f"--workdir={tmp_path}/a run",
            *(
                f"--{name}="
                + (",".join(map(str, v)) if isinstance(v, tuple) else str(v))
                for name, v in flags.items()
            ),
        ],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [x for x in done.stdout.splitlines() if sys.executable in x]
    assert len(lines) == 6
    for line in lines:
        command = line.partition(":")[2]
        if "tensorboard" in command:
            # It would serve for ever.
            command = command.replace("--logdir", "--inspect --logdir")
        pasted = subprocess.run(
            command,
            shell=True,
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            check=False,
        )
        assert pasted.returncode == 0, f"{command}: {pasted.stderr}"
