import io
import json
import pathlib

import pytest

from g2npan_tf.core import outputs
from g2npan_tf.core.errors import InputError
from g2npan_tf.scoring import score_run
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.score_run import score_command
from tests.score_reports import SIMULATED
from tests.score_reports import brightness
from tests.score_reports import save_images


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A model of one line, with a side file beside it."""
    monkeypatch.setattr(
        score_run, "load_quietly", lambda *options: Assessor(brightness)
    )
    path = tmp_path / "model.tflite"
    path.with_suffix(".json").write_text(json.dumps({"data": SIMULATED}))
    return str(path)


@pytest.fixture
def images(tmp_path):
    return save_images(tmp_path / "images", ("a", "b"), 2)[0].parents[1]


def test_a_report_is_made_and_named(model, images, tmp_path, capsys):
    report = tmp_path / "new" / "report"
    assert score_command(model, [str(images)], report=str(report)) == 0
    output, errors = capsys.readouterr()
    assert output.count("\n") == 5
    note, report_line = errors.splitlines()
    assert note.startswith("note: This model predicts simulated readers, not")
    assert note.endswith("Research use only.")
    assert report_line == f"report: {report / 'index.html'}"
    assert (report / "index.html").is_file()
    assert len(list((report / "images").iterdir())) == 4


def test_readers_that_are_not_simulated_are_not_called_so(
    model, images, capsys
):
    side = pathlib.Path(model).with_suffix(".json")
    side.write_text(json.dumps({"data": {"scores": "five radiologists"}}))
    score_command(model, [str(images)])
    assert capsys.readouterr().err == ""


def test_pictures_and_report_are_made_in_one_go(model, images, tmp_path):
    options = {"report": str(tmp_path / "r"), "explain": str(tmp_path / "e")}
    assert score_command(model, [str(images)], **options) == 0
    assert len(list((tmp_path / "e").glob("*_panel.png"))) == 4
    content = (tmp_path / "r" / "images" / "00003.html").read_text()
    assert "pictures named a_2" in content


def test_a_table_of_algorithms_is_used(model, images, tmp_path, capsys):
    table = tmp_path / "algorithms.csv"
    lines = [f"{images}/pair_{n}/{x}.png,{x}x" for n in (1, 2) for x in "ab"]
    table.write_text("\n".join(["path,algorithm", *lines]))
    report = tmp_path / "r"
    options = {"report": str(report), "algorithms": str(table)}
    score_command(model, [str(images)], **options)
    summary = json.loads((report / "report.json").read_text())
    assert [x["algorithm"] for x in summary["algorithms"]] == ["bx", "ax"]
    assert "4 of 4 images are in the table" in capsys.readouterr().err
    table.write_text("path,algorithm\nelsewhere.png,x\n")
    score_command(model, [str(images)], **options)
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
    model, images, tmp_path, monkeypatch, options, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    (tmp_path / "file").touch()
    (tmp_path / "l").symlink_to(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        score_command(model, [str(images)], **options)
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
def test_no_input_is_overwritten(model, images, tmp_path, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.png").symlink_to(images / "pair_1" / "a.png")
    (tmp_path / "hard.png").hardlink_to(images / "pair_1" / "a.png")
    (tmp_path / "model.tflite").touch()
    (tmp_path / "algorithms.csv").write_text("path,algorithm\nx.png,pca\n")
    (tmp_path / "list.txt").write_text("images\n")
    before = (tmp_path / output).read_bytes()
    # Nothing is loaded before.
    monkeypatch.setattr(score_run, "load_quietly", None)
    options = {"report": "r", "algorithms": "algorithms.csv"}
    with pytest.raises(InputError, match="--output would overwrite") as caught:
        score_command(model, ["@list.txt"], output=output, **options)
    assert "\n" not in str(caught.value)
    assert (tmp_path / output).read_bytes() == before


def test_an_earlier_report_is_replaced(model, images, tmp_path):
    report = tmp_path / "r"
    score_command(model, [str(images)], report=str(report))
    score_command(model, [str(images / "pair_1")], report=str(report))
    assert len(list((report / "images").iterdir())) == 2


def test_a_data_set_with_the_names_of_a_report_is_kept(model, images, tmp_path):
    data = tmp_path / "data"
    other = save_images(data / "images", ("a",), 1)[0]
    (data / "scores.csv").write_text("image,mos")
    with pytest.raises(InputError, match="data holds images/pair_1; expected"):
        score_command(model, [str(images)], report=str(data))
    assert other.exists()
    assert (data / "scores.csv").read_text() == "image,mos"


def test_what_lands_in_a_report_by_a_detour_is_kept(
    model, images, tmp_path, monkeypatch
):
    report = tmp_path / "r"
    score_command(model, [str(images)], report=str(report))
    # As a mount does, by which a folder has two real names.
    monkeypatch.setattr(outputs, "_is_in", lambda *names: False)
    options = {"report": str(report), "output": str(report / "all.csv")}
    with pytest.raises(InputError, match=r"r holds all\.csv; expected"):
        score_command(model, [str(images / "pair_1")], **options)
    assert (report / "all.csv").read_text().count("  ok") == 2
    assert len(list((report / "images").iterdir())) == 4
    assert not list(tmp_path.glob(".*"))


def test_a_run_that_fails_leaves_the_earlier_report(
    model, images, tmp_path, monkeypatch
):
    report = tmp_path / "r"
    score_command(model, [str(images)], report=str(report))
    before = (report / "index.html").read_bytes()

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Assessor, "explain", interrupted)
    with pytest.raises(KeyboardInterrupt):
        score_command(model, [str(images)], report=str(report))
    assert (report / "index.html").read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_progress_is_for_terminals_and_never_amid_the_rows(
    model, images, monkeypatch, capsys
):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    for file_format, in_sight, seen in (
        ("table", True, True),
        ("csv", False, True),
        ("csv", True, False),
    ):
        monkeypatch.setattr("sys.stdout.isatty", lambda x=in_sight: x)
        score_command(model, [str(images)], file_format=file_format)
        output, errors = capsys.readouterr()
        assert ("0/4 files" in errors) == seen
        assert "files" not in output


def test_a_list_on_stdin_and_patterns_are_paths(
    model, images, monkeypatch, capsys
):
    monkeypatch.chdir(images)
    lines = io.TextIOWrapper(io.BytesIO(b"pair_1/a.png\npair_*/b.png\n"))
    monkeypatch.setattr("sys.stdin", lines)
    score_command(model, ["-"], file_format="jsonl")
    rows = map(json.loads, capsys.readouterr().out.splitlines())
    names = [row["path"] for row in rows]
    assert names == ["pair_1/a.png", "pair_1/b.png", "pair_2/b.png"]


def test_links_that_are_left_out_are_told(model, images, capsys):
    outside = images.parent / "outside.png"
    (images / "pair_1" / "a.png").rename(outside)
    (images / "pair_1" / "a.png").symlink_to(outside)
    score_command(model, [str(images)])
    output, errors = capsys.readouterr()
    assert output.count("  ok") == 3
    assert "links that are not followed: 1 (--follow_links" in errors
    score_command(model, [str(images)], follow_links=True)
    assert capsys.readouterr().out.count("  ok") == 4
