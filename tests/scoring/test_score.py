import csv
import io
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from g2npan_tf.core import outputs
from g2npan_tf.core.errors import InputError
from g2npan_tf.images import content
from g2npan_tf.scoring import score
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.score import score_command
from tests.artefacts import save_artefacts
from tests.artefacts import tiny_scorer
from tests.pictures import NO_CONTENT
from tests.pictures import shades
from tests.score_reports import SIMULATED
from tests.score_reports import brightness
from tests.score_reports import save_images

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


@pytest.fixture
def bright(tmp_path, monkeypatch):
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


def test_a_report_is_made_and_named(bright, images, tmp_path, capsys):
    report = tmp_path / "new" / "report"
    assert score_command(bright, [str(images)], report=str(report)) == 0
    output, errors = capsys.readouterr()
    assert output.count("\n") == 5
    note, report_line = errors.splitlines()
    assert note.startswith("note: This model predicts simulated readers, not")
    assert note.endswith("Research use only.")
    assert report_line == f"report: {report / 'index.html'}"
    assert (report / "index.html").is_file()
    assert len(list((report / "images").iterdir())) == 4


def test_readers_that_are_not_simulated_are_not_called_so(
    bright, images, capsys
):
    side = pathlib.Path(bright).with_suffix(".json")
    side.write_text(json.dumps({"data": {"scores": "five radiologists"}}))
    score_command(bright, [str(images)])
    assert capsys.readouterr().err == ""


def test_pictures_and_report_are_made_in_one_go(bright, images, tmp_path):
    options = {"report": str(tmp_path / "r"), "explain": str(tmp_path / "e")}
    assert score_command(bright, [str(images)], **options) == 0
    assert len(list((tmp_path / "e").glob("*_panel.png"))) == 4
    content = (tmp_path / "r" / "images" / "00003.html").read_text()
    assert "pictures named a_2" in content


def test_a_table_of_algorithms_is_used(bright, images, tmp_path, capsys):
    table = tmp_path / "algorithms.csv"
    lines = [f"{images}/pair_{n}/{x}.png,{x}x" for n in (1, 2) for x in "ab"]
    table.write_text("\n".join(["path,algorithm", *lines]))
    report = tmp_path / "r"
    options = {"report": str(report), "algorithms": str(table)}
    score_command(bright, [str(images)], **options)
    summary = json.loads((report / "report.json").read_text())
    assert [x["algorithm"] for x in summary["algorithms"]] == ["bx", "ax"]
    assert "4 of 4 images are in the table" in capsys.readouterr().err
    table.write_text("path,algorithm\nelsewhere.png,x\n")
    score_command(bright, [str(images)], **options)
    assert "0 of 4 images are in the table" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"report": "images"}, "--report=.* holds the input"),
        ({"algorithms": "x.csv"}, "--algorithms is for --report"),
        ({"report": "r", "algorithms": "x.csv"}, "x.csv: no such file"),
        ({"report": "full"}, "holds notes.txt; expected a new"),
        ({"report": "file/r"}, "a file; expected a new"),
        ({"report": "r", "output": "r/all.csv"}, "--output=.* lies in --repo"),
        ({"report": "r", "output": "l/r"}, "--output=l/r lies in --report=r"),
        ({"report": "r", "explain": "r"}, "--explain=r lies in --report=r"),
        ({"report": "l/r", "explain": "r/images/x"}, "--explain=.* lies in"),
    ],
)
def test_what_cannot_be_reported_is_one_line(
    bright, images, tmp_path, monkeypatch, options, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    (tmp_path / "file").touch()
    (tmp_path / "l").symlink_to(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        score_command(bright, [str(images)], **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    "output",
    [
        "images/pair_1/a.png",
        "link.png",
        "hard.png",
        "images/../images/pair_2/b.png",
        "model.tflite",
        "model.json",
        "algorithms.csv",
        "list.txt",
    ],
)
def test_no_input_is_overwritten(bright, images, tmp_path, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.png").symlink_to(images / "pair_1" / "a.png")
    (tmp_path / "hard.png").hardlink_to(images / "pair_1" / "a.png")
    (tmp_path / "model.tflite").touch()
    (tmp_path / "algorithms.csv").write_text("path,algorithm\nx.png,pca\n")
    (tmp_path / "list.txt").write_text("images\n")
    before = (tmp_path / output).read_bytes()
    # Nothing is loaded before.
    monkeypatch.setattr(score, "load_quietly", None)
    options = {"report": "r", "algorithms": "algorithms.csv"}
    with pytest.raises(InputError, match="--output would overwrite") as caught:
        score_command(bright, ["@list.txt"], output=output, **options)
    assert "\n" not in str(caught.value)
    assert (tmp_path / output).read_bytes() == before


def test_an_earlier_report_is_replaced(bright, images, tmp_path):
    report = tmp_path / "r"
    score_command(bright, [str(images)], report=str(report))
    score_command(bright, [str(images / "pair_1")], report=str(report))
    assert len(list((report / "images").iterdir())) == 2


def test_a_data_set_with_the_names_of_a_report_is_kept(
    bright, images, tmp_path
):
    data = tmp_path / "data"
    other = save_images(data / "images", ("a",), 1)[0]
    (data / "scores.csv").write_text("image,mos")
    with pytest.raises(InputError, match="data holds images/pair_1; expected"):
        score_command(bright, [str(images)], report=str(data))
    assert other.exists()
    assert (data / "scores.csv").read_text() == "image,mos"


def test_what_lands_in_a_report_by_a_detour_is_kept(
    bright, images, tmp_path, monkeypatch
):
    report = tmp_path / "r"
    score_command(bright, [str(images)], report=str(report))
    # As a mount does, by which a folder has two real names.
    monkeypatch.setattr(outputs, "_is_in", lambda *names: False)
    options = {"report": str(report), "output": str(report / "all.csv")}
    with pytest.raises(InputError, match=r"r holds all\.csv; expected"):
        score_command(bright, [str(images / "pair_1")], **options)
    assert (report / "all.csv").read_text().count("  ok") == 2
    assert len(list((report / "images").iterdir())) == 4
    assert not list(tmp_path.glob(".*"))


def test_a_run_that_fails_leaves_the_earlier_report(
    bright, images, tmp_path, monkeypatch
):
    report = tmp_path / "r"
    score_command(bright, [str(images)], report=str(report))
    before = (report / "index.html").read_bytes()

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Assessor, "explain", interrupted)
    with pytest.raises(KeyboardInterrupt):
        score_command(bright, [str(images)], report=str(report))
    assert (report / "index.html").read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_progress_is_for_terminals_and_never_amid_the_rows(
    bright, images, monkeypatch, capsys
):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    for file_format, in_sight, seen in (
        ("table", True, True),
        ("csv", False, True),
        ("csv", True, False),
    ):
        monkeypatch.setattr("sys.stdout.isatty", lambda x=in_sight: x)
        score_command(bright, [str(images)], file_format=file_format)
        output, errors = capsys.readouterr()
        assert ("0/4" in errors) == seen
        assert "0/4" not in output


def test_a_list_on_stdin_and_patterns_are_paths(
    bright, images, monkeypatch, capsys
):
    monkeypatch.chdir(images)
    lines = io.TextIOWrapper(io.BytesIO(b"pair_1/a.png\npair_*/b.png\n"))
    monkeypatch.setattr("sys.stdin", lines)
    score_command(bright, ["-"], file_format="jsonl")
    rows = map(json.loads, capsys.readouterr().out.splitlines())
    names = [row["path"] for row in rows]
    assert names == ["pair_1/a.png", "pair_1/b.png", "pair_2/b.png"]


def test_links_that_are_left_out_are_told(bright, images, capsys):
    outside = images.parent / "outside.png"
    (images / "pair_1" / "a.png").rename(outside)
    (images / "pair_1" / "a.png").symlink_to(outside)
    score_command(bright, [str(images)])
    output, errors = capsys.readouterr()
    assert output.count("  ok") == 3
    assert "links that are not followed: 1 (--follow_links" in errors
    score_command(bright, [str(images)], follow_links=True)
    assert capsys.readouterr().out.count("  ok") == 4
