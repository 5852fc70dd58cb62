import types

import cv2
import pytest
from absl import flags

from export import command
from export import parity
from g2npan_tf.core.errors import InputError
from tests.finished_runs import finished_run
from tests.finished_runs import random_images
from tests.finished_runs import save_run
from tests.tiny import run_python


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A run and a folder of images."""
    workdir = save_run(finished_run(False), tmp_path_factory.mktemp("run"))
    images = tmp_path_factory.mktemp("images")
    for index, image in enumerate(random_images(3)):
        cv2.imwrite(str(images / f"{index}.png"), image)
    return workdir, images


@pytest.fixture
def values(folders, tmp_path, monkeypatch):
    """Flags that fit."""
    workdir, images = map(str, folders)
    values = types.SimpleNamespace(
        workdir=workdir,
        output=str(tmp_path / "out"),
        name="g2npan",
        images=images,
    )
    monkeypatch.setattr(flags, "FLAGS", values)
    return values


def pretend_to_export(run, probe, output, name):
    path = output / name
    path.mkdir(parents=True)
    (path / "model").write_bytes(bytes(2_500_000))
    found = {"max": 2e-6, "mean": 1e-6, "tolerance": 1e-4}
    return command.Exported(path, {"mos": found})


def test_the_summary_says_what_was_made_and_what_comes_next(values, capsys):
    assert command.run([pretend_to_export], ["export"]) == 0
    printed = capsys.readouterr().out
    path = f"{values.output}/g2npan"
    assert f"model:  {path} (2.5 MB)" in printed
    assert "tiny_fusion/1.0.0 (simulated scores)" in printed
    assert "on 3 images" in printed
    assert "mos 2.0e-06" in printed
    assert f"python -m g2npan_tf.scoring.score --model={path} IMAGES" in printed


def test_an_artefact_that_differs_is_one_line_and_exit_code_1(values, capsys):
    def differ(*arguments):
        raise parity.ParityError("the artefact differs")

    assert command.run([differ], ["export"]) == 1
    assert capsys.readouterr().err == "error: the artefact differs\n"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("workdir", "", "--workdir=: expected the folder of a run"),
        ("workdir", "/nowhere", "--workdir=/nowhere: expected the folder"),
        ("workdir", "/", r"/config\.json: not found"),
        ("output", "", "--output is required"),
        ("output", "/dev/null/x", "--output=/dev/null/x: .*[Nn]ot a directory"),
        ("name", "../x", r"--name=\.\./x: expected letters"),
        ("images", "/nowhere", "--images=/nowhere: expected a folder"),
    ],
)
def test_a_flag_that_does_not_fit_is_an_error(values, name, value, reason):
    setattr(values, name, value)
    with pytest.raises(InputError, match=reason):
        command.run([pretend_to_export], ["export"])


def test_an_argument_that_is_no_flag_is_an_error(values):
    with pytest.raises(InputError, match="unexpected argument more"):
        command.run([pretend_to_export], ["export", "more"])


@pytest.mark.parametrize("module", ["export.saved_model", "export.tflite"])
def test_bad_input_is_one_line_and_exit_code_2(module, tmp_path):
    done = run_python("-m", module, f"--workdir={tmp_path}", "--output=x")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "config.json: not found" in done.stderr
    assert done.stderr.count("\n") == 1
