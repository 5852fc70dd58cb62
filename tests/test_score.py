import csv
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from g2npan_tf.errors import InputError
from g2npan_tf.score import score_command
from tests.artefacts import save_artefacts
from tests.artefacts import tiny_scorer

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artefacts")
    save_artefacts(tiny_scorer(), folder)
    return folder


@pytest.fixture
def model(artefacts):
    return str(artefacts / "scorer.tflite")


@pytest.fixture
def folder(tmp_path):
    """Two good images and a bad one; the tiny scorer gives 1.8 and 5.0."""
    images = tmp_path / "images é"
    (images / "sub").mkdir(parents=True)
    Image.new("L", (200, 200), 51).save(images / "dark 1.png")
    Image.new("RGB", (64, 128), "white").save(images / "sub" / "white.bmp")
    (images / "text.png").write_text("no image")
    return images


def run(*arguments):
    """Runs the command as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "g2npan_tf.score", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "artefact", ["scorer.keras", "saved_model", "scorer.tflite", ""]
)
def test_every_artefact_scores_a_folder(artefacts, folder, capsys, artefact):
    model = str(artefacts / artefact)
    assert score_command(model, [str(folder)], file_format="jsonl") == 1
    output, errors = capsys.readouterr()
    rows = list(map(json.loads, output.splitlines()))
    names = ["dark 1.png", "sub/white.bmp", "text.png"]
    assert [row["path"] for row in rows] == [str(folder / x) for x in names]
    mos = np.array([row["mos"] for row in rows[:2]])
    np.testing.assert_allclose(mos, [1.8, 5.0], atol=1e-5)
    assert rows[1]["notes"] == ["64 x 128 squeezed to a square"]
    assert rows[2]["mos"] is None
    assert rows[2]["status"].startswith("not a readable PNG")
    assert errors == "1 of 3 failed\n"


def test_success_is_exit_code_0(model, folder, capsys):
    assert score_command(model, [str(folder / "dark 1.png")]) == 0
    assert "1.80    0.200" in capsys.readouterr().out


def test_explain_writes_readable_pictures(model, folder, tmp_path, capsys):
    pictures = tmp_path / "new" / "pictures"
    arguments = [str(folder / "dark 1.png"), str(folder / "sub")]
    assert score_command(model, arguments, explain=str(pictures)) == 0
    kinds = ("cam", "nuance", "panel", "reference")
    assert sorted(path.name for path in pictures.iterdir()) == [
        f"{stem}_{kind}.png" for stem in ("dark 1", "white") for kind in kinds
    ]
    # The tiny scorer's reference is the negative of the image.
    reference = np.asarray(Image.open(pictures / "dark 1_reference.png"))
    assert np.unique(reference) == [204]
    for path in pictures.iterdir():
        Image.open(path).verify()


@pytest.mark.parametrize("explain", ["", "sub"])
def test_pictures_never_go_among_the_images(model, folder, explain):
    with pytest.raises(InputError, match="holds the input"):
        score_command(
            model, [str(folder)], explain=os.path.join(folder, explain)
        )
    assert len(list(folder.rglob("*.*"))) == 3


def test_output_is_a_file_and_nothing_is_printed(
    model, folder, tmp_path, capsys
):
    output = tmp_path / "scores.csv"
    options = {"file_format": "csv", "output": str(output)}
    assert score_command(model, [str(folder)], **options) == 1
    assert capsys.readouterr().out == ""
    with output.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["mos"] for row in rows] == ["1.8000", "5.0000", ""]
    assert rows[0]["path"] == str(folder / "dark 1.png")


def test_a_run_that_fails_leaves_no_output(model, folder, tmp_path):
    output = tmp_path / "scores.csv"
    pictures = tmp_path / "pictures"
    (pictures / "dark 1_panel.png").mkdir(parents=True)
    with pytest.raises(InputError, match="Is a directory"):
        score_command(
            model, [str(folder)], explain=str(pictures), output=str(output)
        )
    assert sorted(tmp_path.iterdir()) == sorted([folder, pictures])


def test_an_output_that_cannot_be_written_is_one_line(model, folder, tmp_path):
    with pytest.raises(InputError, match=r"--output=.*No such file"):
        score_command(
            model, [str(folder)], output=str(tmp_path / "missing" / "a.csv")
        )


def test_nothing_to_score_is_one_line(model, tmp_path):
    with pytest.raises(InputError, match="no PATH"):
        score_command(model, [])
    with pytest.raises(InputError, match=r"no \.png, \.jpg"):
        score_command(model, [str(tmp_path)])


def test_the_command_prints_a_table_and_is_quiet(model, folder):
    process = run(f"--model={model}", folder, "missing.png")
    assert process.returncode == 1
    assert process.stderr == "2 of 4 failed\n"
    lines = process.stdout.splitlines()
    assert lines[0].split() == ["MOS", "quality", "path", "status"]
    assert lines[1].startswith("1.80    0.200  ")
    assert lines[4].startswith("   -        -  missing.png ")


def test_the_depth_of_16_bit_grey_may_be_stated(model, tmp_path):
    path = tmp_path / "slice.png"
    Image.fromarray(np.full((20, 20), 4095 // 5, np.uint16)).save(path)
    without = run(f"--model={model}", path)
    assert without.returncode == 1
    assert "values up to 819 in 16 bits; expected" in without.stdout
    stated = run(f"--model={model}", "--grey_bits=12", path)
    assert stated.returncode == 0
    assert "1.80    0.200" in stated.stdout
    assert "range 0..4095 of --grey_bits" in stated.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--grey_bits=17", "x.png"], "flag --grey_bits=17"),
        (["x.png"], "--model=ARTEFACT is missing"),
        (["--model=missing.keras", "x.png"], "missing.keras: no such model"),
        (["--formt=csv", "x.png"], "Unknown command line flag 'formt'"),
        (["--format=xml", "x.png"], "flag --format=xml"),
        (["--batch_size=0", "x.png"], "flag --batch_size=0"),
    ],
)
def test_usage_errors_are_one_line_and_exit_code_2(arguments, message):
    process = run(*arguments)
    assert process.returncode == 2
    assert process.stdout == ""
    assert process.stderr.startswith(f"error: {message}")
    assert process.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "name",
    # TensorFlow takes seconds to start, and is loud about it.
    ["model.tflite", pytest.param("scorer.keras", marks=pytest.mark.slow)],
)
def test_a_damaged_model_is_one_line_and_exit_code_2(tmp_path, name):
    path = tmp_path / name
    path.write_text("damaged")
    process = run(f"--model={path}", "x.png")
    assert process.returncode == 2
    assert process.stderr.startswith(f"error: {path}: damaged")
    assert process.stderr.count("\n") == 1


def test_help_of_the_console_script_lists_the_flags():
    program = (
        "import sys; sys.argv = ['g2npan-score', '--help'];"
        "from g2npan_tf.score import run; run()"
    )
    process = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Usage: g2npan-score --model=ARTEFACT PATH..." in process.stdout
    for flag in ("model", "format", "explain", "output", "batch_size"):
        assert f"--{flag}:" in process.stdout
