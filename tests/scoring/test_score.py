import csv
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from g2npan_tf.core.errors import InputError
from g2npan_tf.images import content
from g2npan_tf.scoring.score import score_command
from tests.artefacts import save_artefacts
from tests.artefacts import tiny_scorer
from tests.pictures import NO_CONTENT
from tests.pictures import shades

ROOT = pathlib.Path(__file__).parents[2]


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
    """Two good images and a bad one; the tiny scorer gives 1.8 and 4.2."""
    images = tmp_path / "images é"
    (images / "sub").mkdir(parents=True)
    shades(51, (256, 256)).save(images / "dark 1.png")
    shades(204, (128, 64)).save(images / "sub" / "bright.bmp")
    (images / "text.png").write_text("no image")
    return images


def run(*arguments):
    """Runs the command as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "g2npan_tf.scoring.score", *map(str, arguments)],
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
    names = ["dark 1.png", "sub/bright.bmp", "text.png"]
    assert [row["path"] for row in rows] == [str(folder / x) for x in names]
    mos = np.array([row["mos"] for row in rows[:2]])
    np.testing.assert_allclose(mos, [1.8, 4.2], atol=2e-5)
    assert rows[1]["notes"] == ["128 x 64 squeezed to a square"]
    assert rows[2]["mos"] is None
    assert rows[2]["status"].startswith("not a readable PNG")
    assert errors == "1 of 3 failed\n"


@pytest.mark.parametrize("artefact", ["scorer.keras", "saved_model", ""])
def test_nothing_is_said_and_drawn_of_what_shows_nothing(
    artefacts, folder, tmp_path, capsys, artefact
):
    for name, pixels in NO_CONTENT.items():
        Image.fromarray(pixels).save(folder / "sub" / f"{name}.png")
    pictures, report = tmp_path / "pictures", tmp_path / "report"
    code = score_command(
        str(artefacts / artefact),
        [str(folder / "sub")],
        file_format="jsonl",
        explain=str(pictures),
        report=str(report),
    )
    output, errors = capsys.readouterr()
    assert code == 1
    count = len(NO_CONTENT)
    assert f"{count} of {count + 1} failed\n" in errors
    rows = {row["path"]: row for row in map(json.loads, output.splitlines())}
    scored = rows.pop(str(folder / "sub" / "bright.bmp"))
    assert scored["mos"] == pytest.approx(4.2, abs=1e-4)
    for row in rows.values():
        assert row["status"] == content.NO_CONTENT
        assert row["mos"] is row["quality"] is None
    assert {path.stem.split("_")[0] for path in pictures.iterdir()} == {
        "bright"
    }
    page = (report / "index.html").read_text()
    assert page.count(content.NO_CONTENT) == count


def test_success_is_exit_code_0(model, folder, capsys):
    assert score_command(model, [str(folder / "dark 1.png")]) == 0
    assert "1.80    0.200" in capsys.readouterr().out


def test_explain_writes_readable_pictures(model, folder, tmp_path, capsys):
    pictures = tmp_path / "new" / "pictures"
    arguments = [str(folder / "dark 1.png"), str(folder / "sub")]
    assert score_command(model, arguments, explain=str(pictures)) == 0
    kinds = ("cam", "nuance", "panel", "reference")
    assert sorted(path.name for path in pictures.iterdir()) == [
        f"{stem}_{kind}.png" for stem in ("bright", "dark 1") for kind in kinds
    ]
    # The tiny scorer's reference is the negative of the image.
    reference = np.asarray(Image.open(pictures / "dark 1_reference.png"))
    sent = np.asarray(Image.open(folder / "dark 1.png"))[::2, ::2]
    assert np.abs(reference[..., 0] + sent.astype(int) - 255).max() <= 4
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
    assert [row["mos"] for row in rows] == ["1.8000", "4.2000", ""]
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
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    Image.fromarray(values).save(path)
    without = run(f"--model={model}", path)
    assert without.returncode == 1
    assert "values up to 4095 in 16 bits; expected" in without.stdout
    stated = run(f"--model={model}", "--grey_bits=12", path)
    assert stated.returncode == 0
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
        "from g2npan_tf.scoring.score import run; run()"
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
