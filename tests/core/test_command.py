"""Commands end with one line and an exit code, whatever happens."""

import contextlib
import csv
import os
import re
import shlex
import subprocess
import sys
import zipfile

import pytest

from g2npan_tf.core import command as cli
from g2npan_tf.core import config
from g2npan_tf.core.errors import InputError
from g2npan_tf.scoring import assessor
from tests.artefacts import tiny_scorer
from tests.pictures import shades
from tests.tiny import REPOSITORY
from tests.tiny import run_python

SCRIPT = """
import sys
from absl import flags
from g2npan_tf.core import command as cli
from g2npan_tf.core.errors import InputError
flags.DEFINE_integer("number", 3, "A number.")
def main(argv):
    if flags.FLAGS.number == 1:
        raise InputError("one\\nline")
    if flags.FLAGS.number == 2:
        raise KeyboardInterrupt
    if flags.FLAGS.number == 4:
        raise RuntimeError("defect")
    if flags.FLAGS.number == 5:
        open("/missing/file")
    if flags.FLAGS.number == 6:
        print("\\u533b \\udcff")
    if flags.FLAGS.number == 7:
        print("x" * 100_000)
    print("fine")
cli.run(main)
"""


def run(*arguments):
    return run_python("-c", SCRIPT, *arguments)


@pytest.mark.parametrize(
    ("flag", "code", "err"),
    [
        ("--number=3", 0, r""),
        ("--number=1", 2, r"error: one line\n"),
        ("--nummer=3", 2, r"error: .*\(--help lists the flags\)\n"),
        ("--number=x", 2, r"error: .*\n"),
        ("--number=2", 130, r"interrupted\n"),
        # A defect keeps its traceback.
        ("--number=4", 1, r"Traceback(.|\n)*RuntimeError: defect\n"),
    ],
)
def test_a_command_ends_with_one_line_and_a_code(flag, code, err):
    done = run(flag)
    assert done.returncode == code
    assert re.fullmatch(err, done.stderr), done.stderr
    assert done.stdout == ("fine\n" if not code else "")


ENDED = """
import os
import pathlib
import signal
import time
from g2npan_tf.core import command as cli
from g2npan_tf.core.files import written_aside
def main(argv):
    with cli.quiet_stderr(), written_aside(pathlib.Path(argv[1])) as aside:
        aside.write_text("half")
        os.write(2, b"a greeting")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
cli.run(main, tidy=True)
"""


def test_a_tidy_command_that_gets_sigterm_leaves_all_as_it_was(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("before")
    done = run_python("-c", ENDED, str(path))
    assert done.returncode == 143
    assert done.stderr == "stopped by SIGTERM\n"
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "before"


def run_command(command, folder, sitecustomize, **environment):
    """Runs a command on an unreadable run; Python loads the file first."""
    config.save(config.Config(), {"name": "a/1.0.0"}, folder / "config.json")
    with zipfile.ZipFile(folder / "scorer.keras", "w") as archive:
        for name in assessor.MEMBERS:
            archive.writestr(name, "{}")
    (folder / "sitecustomize.py").write_text(sitecustomize)
    inherited = {
        name: text
        for name, text in os.environ.items()
        if name not in cli.ENVIRONMENT
    }
    path = f"{folder}{os.pathsep}{REPOSITORY}"
    return run_python(
        *command.format(folder).split(),
        env={**inherited, "PYTHONPATH": path, **environment},
    )


@pytest.mark.parametrize(
    "command",
    [
        "train.py --workdir={0}",
        "evaluate.py --workdir={0}",
        "-m export.tflite --workdir={0} --output={0}",
        "-m g2npan_tf.experiments.cross_validate --output={0}",
        "-m g2npan_tf.scoring.score --model={0} {0}/a.png",
    ],
)
def test_a_command_without_its_packages_says_what_to_install(command, tmp_path):
    # None makes every import of the name fail.
    done = run_command(
        command,
        tmp_path,
        "import sys\n"
        "names = 'keras', 'scipy', 'tensorflow', 'tensorflow_datasets'\n"
        "sys.modules.update(dict.fromkeys(names))\n",
    )
    assert done.returncode == 2
    assert done.stderr.endswith(
        " is not installed; needs pip install 'g2npan-tf[train]'\n"
    )
    assert done.stderr.count("\n") == 1


# Tells the switch at the import of TensorFlow and ends the process.
TELL_SWITCH = """
import importlib.abc, os, sys
class Teller(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "tensorflow":
            os.write(1, os.environ.get("TF_ENABLE_ONEDNN_OPTS", "-").encode())
            os._exit(7)
sys.meta_path.insert(0, Teller())
"""


@pytest.mark.parametrize(
    "command",
    [
        "train.py --workdir={0}",
        "evaluate.py --workdir={0}",
        "-m g2npan_tf.training.command --workdir={0}/a",
        "-m export.saved_model --workdir={0} --output={0}/b",
        "-m export.tflite --workdir={0} --output={0}/b",
        "-m g2npan_tf.experiments.cross_validate --output={0}/c",
        "-m g2npan_tf.experiments.tables --table=1 --output={0}/d",
        "-m g2npan_tf.experiments.diagnose --workdir={0}",
        "-m g2npan_tf.experiments.scope --workdir={0}",
        "-m g2npan_tf.baselines.run --method=hossny --output={0}/e",
        "-m g2npan_tf.scoring.score --model={0} setup.cfg",
        "-m g2npan_tf.scoring.score --model={0} --serve",
        "-m g2npan_tf.scoring.beam --model={0} --input=a --output={0}/f.csv",
        "-m datasets.samples --workdir={0} --output={0}/g",
        "-m benchmarks.bench",
    ],
)
def test_a_command_turns_onednn_on_before_tensorflow(command, tmp_path):
    done = run_command(command, tmp_path, TELL_SWITCH)
    assert (done.returncode, done.stdout[-1:]) == (7, "1"), done.stderr


@pytest.mark.parametrize(
    ("program", "switch"),
    [
        ("from g2npan_tf import Assessor; Assessor.load(model)", "-"),
        ("from g2npan_tf.core import command; import tensorflow", "-"),
        # A worker of Beam, which may inherit nothing of the command.
        (
            "from g2npan_tf.scoring.beam import LineScorer; "
            "LineScorer(model).load()",
            "1",
        ),
    ],
)
def test_the_library_leaves_the_environment(program, switch, tmp_path):
    text = f"import sys; model = sys.argv[1]; {program}"
    (tmp_path / "program.py").write_text(text)
    done = run_command("{0}/program.py {0}", tmp_path, TELL_SWITCH)
    assert (done.returncode, done.stdout) == (7, switch), done.stderr


@pytest.mark.parametrize("given", [{}, {"TF_ENABLE_ONEDNN_OPTS": "0"}])
def test_a_command_runs_onednn_kernels_unless_told_otherwise(given, tmp_path):
    scorer = tmp_path / "tiny.keras"
    tiny_scorer().save(scorer)
    shades(99, (128, 128)).save(tmp_path / "a.png")
    done = run_command(
        f"-m g2npan_tf.scoring.score --model={scorer} {{0}}/a.png",
        tmp_path,
        "",
        ONEDNN_VERBOSE="1",
        **given,
    )
    assert done.returncode == 0, done.stderr
    # Eigen's products use the library too, whatever the switch says.
    kernels = {
        fields[5]
        for fields in csv.reader(done.stdout.splitlines())
        if fields[:4] == ["onednn_verbose", "v1", "primitive", "exec"]
    }
    assert ("convolution" in kernels) is not bool(given)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("{} > /dev/full", "standard output: No space left on device"),
        ("{} --number=7 > /dev/full", "standard output: No space left on"),
        ("{} --number=1 > /dev/full", "one line"),
        ("{} --help > /dev/full", "standard output: No space left on device"),
        ("{} >&-", "standard output is closed"),
        ("{} --number=5", "/missing/file: No such file or directory"),
        (
            "mkdir x; cd x; rmdir ../x; {}",
            "the current folder has been deleted",
        ),
    ],
)
def test_what_the_system_refuses_is_one_line_and_code_two(
    tmp_path, command, line
):
    program = shlex.join([sys.executable, "-c", SCRIPT])
    done = subprocess.run(
        ["sh", "-c", command.format(program)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {line}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("ascii", b"\\u533b \\udcff"), ("utf-8", b"\xe5\x8c\xbb \\udcff")],
)
def test_signs_that_the_terminal_lacks_are_escaped(encoding, expected):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "--number=6"],
        capture_output=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(expected)


def test_help_is_no_failure():
    done = run("--help")
    assert done.returncode == 0
    assert "A number." in done.stdout


def test_flagfile_works(tmp_path):
    path = tmp_path / "flags"
    path.write_text("--number=1\n")
    assert run(f"--flagfile={path}").returncode == 2


@pytest.mark.parametrize(
    ("error", "shown"),
    [(None, ""), (InputError, ""), (RuntimeError, "greeting")],
)
def test_quiet_stderr_shows_what_libraries_print_after_a_defect_only(
    capfd, error, shown
):
    with contextlib.suppress(InputError, RuntimeError), cli.quiet_stderr():
        os.write(2, b"greeting")
        if error:
            raise error
    assert capfd.readouterr().err == shown
