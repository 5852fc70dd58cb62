"""Commands end with one line and an exit code, whatever happens."""

import os
import subprocess
import sys
import zipfile

import pytest

from g2npan_tf import cli
from g2npan_tf import config
from g2npan_tf import keras_archive
from g2npan_tf.errors import InputError
from tests.tiny import REPOSITORY

SCRIPT = """
import sys
from absl import flags
from g2npan_tf import cli
from g2npan_tf import config
from g2npan_tf import keras_archive
from g2npan_tf.errors import InputError
flags.DEFINE_integer("number", 3, "A number.")
def main(argv):
    if flags.FLAGS.number == 1:
        raise InputError("one\\nline")
    if flags.FLAGS.number == 2:
        raise KeyboardInterrupt
    if flags.FLAGS.number == 4:
        raise RuntimeError("defect")
    print("fine")
cli.run(main)
"""


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )


def test_success_prints_and_exits_with_zero():
    done = run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")


def test_bad_input_is_one_line_and_code_two():
    done = run("--number=1")
    assert (done.returncode, done.stderr) == (2, "error: one line\n")


@pytest.mark.parametrize("flag", ["--nummer=3", "--number=x"])
def test_mistyped_flags_are_one_line_and_code_two(flag):
    done = run(flag)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_ctrl_c_is_code_130_without_traceback():
    done = run("--number=2")
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_a_defect_keeps_its_traceback():
    done = run("--number=4")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "train.py --workdir={0}",
        "evaluate.py --workdir={0}",
        "-m export.tflite --workdir={0} --output={0}",
        "-m g2npan_tf.experiments.cross_validate --output={0}",
        "-m g2npan_tf.score --model={0} {0}/a.png",
    ],
)
def test_a_command_without_its_packages_says_what_to_install(command, tmp_path):
    config.save(config.Config(), {"name": "a/1.0.0"}, tmp_path / "config.json")
    with zipfile.ZipFile(tmp_path / "scorer.keras", "w") as archive:
        for name in keras_archive.MEMBERS:
            archive.writestr(name, "{}")
    # Python loads this first; None makes every import of the name fail.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "names = 'keras', 'scipy', 'tensorflow', 'tensorflow_datasets'\n"
        "sys.modules.update(dict.fromkeys(names))\n"
    )
    done = subprocess.run(
        [sys.executable, *command.format(tmp_path).split()],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.endswith(
        " is not installed; needs pip install 'g2npan-tf[train]'\n"
    )
    assert done.stderr.count("\n") == 1


def test_help_is_no_failure():
    done = run("--help")
    assert done.returncode == 0
    assert "A number." in done.stdout


def test_flagfile_works(tmp_path):
    path = tmp_path / "flags"
    path.write_text("--number=1\n")
    assert run(f"--flagfile={path}").returncode == 2


def test_quiet_stderr_holds_back_what_libraries_print(capfd):
    with cli.quiet_stderr():
        os.write(2, b"greeting")
    assert capfd.readouterr().err == ""


def load_and_fail(text, error):
    with cli.quiet_stderr():
        os.write(2, text)
        raise error


def test_quiet_stderr_prints_it_after_a_defect(capfd):
    with pytest.raises(RuntimeError):
        load_and_fail(b"reason", RuntimeError())
    assert capfd.readouterr().err == "reason"


def test_quiet_stderr_stays_quiet_for_bad_input(capfd):
    with pytest.raises(InputError):
        load_and_fail(b"greeting", InputError())
    assert capfd.readouterr().err == ""
