import csv
import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from g2npan_tf.core.errors import InputError
from g2npan_tf.images import content
from g2npan_tf.scoring import score
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.score import score_command
from tests.artefacts import save_litert
from tests.pictures import NO_CONTENT
from tests.pictures import shades
from tests.score_reports import SIMULATED
from tests.score_reports import brightness
from tests.score_reports import save_images
from tests.tiny import run_python


@pytest.fixture
def folder(tmp_path):
    """Two good images and a bad one; the tiny scorer gives 1.8 and 4.2."""
    images = tmp_path / "images é"
    (images / "sub").mkdir(parents=True)
    shades(51, (256, 256)).save(images / "dark 1.png")
    shades(204, (128, 64)).save(images / "sub" / "bright.bmp")
    (images / "text.png").write_text("no image")
    return images


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A model of one line, with a side file beside it."""
    monkeypatch.setattr(
        score, "load_quietly", lambda *options: Assessor(brightness)
    )
    path = tmp_path / "model.tflite"
    path.with_suffix(".json").write_text(json.dumps({"data": SIMULATED}))
    return str(path)


@pytest.fixture
def images(tmp_path):
    return save_images(tmp_path / "images", ("a", "b"), 2)[0].parents[1]


def run(*arguments):
    """Runs the command as a person does."""
    return run_python("-m", "g2npan_tf.scoring.score", *arguments)


def test_nothing_is_said_and_drawn_of_what_shows_nothing(
    model, images, tmp_path, capsys
):
    for name, pixels in NO_CONTENT.items():
        Image.fromarray(pixels).save(images / f"{name}.png")
    explain, report = tmp_path / "pictures", tmp_path / "report"
    options = {"explain": str(explain), "report": str(report)}
    options["file_format"] = "jsonl"
    assert score_command(model, [str(images)], **options) == 1
    output, errors = capsys.readouterr()
    count = len(NO_CONTENT)
    assert f"{count} of {count + 4} failed\n" in errors
    rows = {
        pathlib.Path(row["path"]).stem: row
        for row in map(json.loads, output.splitlines())
    }
    for name in NO_CONTENT:
        assert rows[name]["status"] == content.NO_CONTENT
        assert rows[name]["mos"] is rows[name]["quality"] is None
    assert {path.stem[0] for path in explain.iterdir()} == {"a", "b"}
    page = (report / "index.html").read_text()
    assert page.count(content.NO_CONTENT) == count


@pytest.mark.parametrize("explain", ["", "sub"])
def test_pictures_never_go_among_the_images(model, folder, explain):
    with pytest.raises(InputError, match="holds the input"):
        score_command(model, [str(folder)], explain=str(folder / explain))
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
    assert [bool(row["mos"]) for row in rows] == [True, True, False]
    assert rows[0]["path"] == str(folder / "dark 1.png")


def test_a_model_that_cannot_be_loaded_leaves_nothing(folder, tmp_path):
    before = sorted(tmp_path.iterdir())
    options = {"report": str(tmp_path / "new" / "report")}
    options["output"] = str(tmp_path / "all.csv")
    with pytest.raises(InputError, match="no such model"):
        score_command("missing.tflite", [str(folder)], **options)
    assert sorted(tmp_path.iterdir()) == before


def test_a_run_that_fails_leaves_no_output(model, folder, tmp_path):
    options = {"output": str(tmp_path / "all.csv")}
    options["explain"] = str(tmp_path / "pictures")
    (tmp_path / "pictures" / "dark 1_panel.png").mkdir(parents=True)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match="Is a directory"):
        score_command(model, [str(folder)], **options)
    assert sorted(tmp_path.iterdir()) == before
    options["output"] = str(tmp_path / "missing" / "a.csv")
    with pytest.raises(InputError, match=r"--output=.*No such file"):
        score_command(model, [str(folder)], **options)


@pytest.mark.parametrize(
    ("paths", "message"), [([], "no PATH"), (["."], r"no \.png, \.jpg")]
)
def test_nothing_to_score_is_one_line(
    model, tmp_path, monkeypatch, paths, message
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        score_command(model, paths)


def test_the_command_prints_a_table_and_is_quiet(folder, tmp_path):
    artefact = save_litert(tmp_path)
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    Image.fromarray(values).save(folder / "sub" / "slice.png")
    arguments = [f"--model={artefact}", folder, "missing.png"]
    process = run(*arguments)
    assert process.returncode == 1
    assert process.stderr == "3 of 5 failed\n"
    lines = process.stdout.splitlines()
    assert lines[0].split() == ["MOS", "quality", "path", "status"]
    assert lines[1].startswith("1.80    0.200  ")
    assert "values up to 4095 in 16 bits; expected" in lines[3]
    assert lines[5].startswith("   -        -  missing.png ")
    process = run("--grey_bits=12", arguments[0], folder / "sub")
    assert process.returncode == 0
    assert "range 0..4095 of --grey_bits" in process.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--grey_bits=17", "x.png"], "flag --grey_bits=17"),
        (["--model=missing.keras", "x.png"], "missing.keras: no such model"),
        (["--formt=csv", "x.png"], "Unknown command line flag 'formt'"),
        (["--format=xml", "x.png"], "flag --format=xml"),
        (["--batch_size=0", "x.png"], "flag --batch_size=0"),
        (["--model={}/a.tflite", "x.png"], "{}/a.tflite: damaged"),
        # TensorFlow takes seconds to start, and is loud about it.
        pytest.param(
            ["--model={}/a.keras", "x.png"],
            "{}/a.keras: damaged",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_errors_are_one_line_and_exit_code_2(tmp_path, arguments, message):
    for name in ("a.tflite", "a.keras"):
        (tmp_path / name).write_text("damaged")
    process = run(*(argument.format(tmp_path) for argument in arguments))
    assert process.returncode == 2
    assert process.stdout == ""
    assert process.stderr.startswith(f"error: {message.format(tmp_path)}")
    assert process.stderr.count("\n") == 1


def test_help_of_the_console_script_lists_the_flags():
    program = (
        "import sys; sys.argv = ['g2npan-score', '--help'];"
        "from g2npan_tf.scoring.score import run; run()"
    )
    shown = run_python("-c", program).stdout
    assert "Usage: g2npan-score [--model=MODEL] PATH..." in shown
    for flag in ("model", "format", "explain", "output", "batch_size"):
        assert f"--{flag}:" in shown


def test_a_report_is_made_and_named(model, images, tmp_path, capsys):
    report = tmp_path / "new" / "report"
    assert score_command(model, [str(images)], report=str(report)) == 0
    output, errors = capsys.readouterr()
    assert output.count("\n") == 5
    note, report_line = errors.splitlines()
    assert note.startswith("note: This model predicts simulated readers, not")
    assert note.endswith("Research use only.")
    assert report_line == f"report: {report / 'index.html'}"
    assert len(list((report / "images").iterdir())) == 4
    # An earlier one is replaced, with pictures drawn in the same go.
    options = {"report": str(report), "explain": str(tmp_path / "e")}
    assert score_command(model, [str(images / "pair_1")] * 2, **options) == 0
    assert len(list((report / "images").iterdir())) == 2
    assert len(list((tmp_path / "e").glob("*_panel.png"))) == 2


def test_the_report_says_under_which_name_pictures_are(model, images, tmp_path):
    options = {"report": str(tmp_path / "r"), "explain": str(tmp_path / "e")}
    score_command(model, [str(images)], **options)
    page = (tmp_path / "r" / "images" / "00003.html").read_text()
    assert "pictures named a_2" in page


def test_readers_that_are_not_simulated_are_not_called_so(
    model, images, capsys
):
    side = pathlib.Path(model).with_suffix(".json")
    side.write_text(json.dumps({"data": {"scores": "five radiologists"}}))
    score_command(model, [str(images)])
    assert capsys.readouterr().err == ""


def test_a_table_of_algorithms_is_used(model, images, tmp_path, capsys):
    table = tmp_path / "algorithms.csv"
    lines = [f"{images}/pair_{n}/{x}.png,{x}x" for n in (1, 2) for x in "ab"]
    table.write_text("\n".join(["path,algorithm", *lines]))
    options = {"report": str(tmp_path / "r"), "algorithms": str(table)}
    score_command(model, [str(images)], **options)
    summary = json.loads((tmp_path / "r" / "report.json").read_text())
    assert [x["algorithm"] for x in summary["algorithms"]] == ["bx", "ax"]
    assert "4 of 4 images are in the table" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"report": "images"}, "--report=.* holds the input"),
        ({"algorithms": "x.csv"}, "--algorithms is for --report"),
        ({"report": "r", "algorithms": "x.csv"}, "x.csv: no such file"),
        ({"report": "full"}, "holds notes.txt; expected a new"),
        ({"report": "r", "output": "r/all.csv"}, "--output=.* lies in --repo"),
        ({"report": "r", "explain": "r"}, "--explain=r lies in --report=r"),
    ],
)
def test_what_cannot_be_reported_is_one_line(
    model, images, tmp_path, monkeypatch, options, message
):
    monkeypatch.chdir(tmp_path)
    # Nothing is loaded before.
    monkeypatch.setattr(score, "load_quietly", None)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    with pytest.raises(InputError, match=message) as caught:
        score_command(model, [str(images)], **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("flag", ["--open", "--port=80"])
def test_what_is_for_the_page_needs_the_page(flag):
    done = run("--model=model.tflite", flag, "x.png")
    name = flag.split("=")[0]
    assert done.stderr == f"error: {name} is for --serve, which is missing\n"
    assert done.returncode == 2


@pytest.mark.parametrize(
    "output",
    [
        *("images/pair_1/a.png", "model.tflite", "model.json"),
        *("algorithms.csv", "list.txt"),
    ],
)
def test_no_input_is_overwritten(model, images, tmp_path, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.tflite").touch()
    (tmp_path / "algorithms.csv").write_text("path,algorithm\nx.png,pca\n")
    (tmp_path / "list.txt").write_text("images\n")
    monkeypatch.setattr(score, "load_quietly", None)
    options = {"report": "r", "algorithms": "algorithms.csv"}
    with pytest.raises(InputError, match="--output would overwrite"):
        score_command(model, ["@list.txt"], output=output, **options)


@pytest.mark.parametrize(
    ("file_format", "in_sight", "seen"),
    [("table", True, True), ("csv", False, True), ("csv", True, False)],
)
def test_progress_is_for_terminals_and_never_amid_the_rows(
    model, images, monkeypatch, capsys, file_format, in_sight, seen
):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: in_sight)
    score_command(model, [str(images)], file_format=file_format)
    output, errors = capsys.readouterr()
    assert ("0/4" in errors) == seen
    # The line is wiped in the end.
    assert not errors.splitlines()[-1].strip()[:1].isdigit()
    assert "0/4" not in output


def test_links_that_are_left_out_are_counted(model, images, capsys):
    outside = images.parent / "outside.png"
    (images / "pair_1" / "a.png").rename(outside)
    (images / "pair_1" / "a.png").symlink_to(outside)
    score_command(model, [str(images)])
    output, errors = capsys.readouterr()
    assert output.count("  ok") == 3
    assert "links that are not followed: 1 (--follow_links" in errors
    score_command(model, [str(images)], follow_links=True)
    assert capsys.readouterr().out.count("  ok") == 4
