"""From folders to a table: every measure, by image and by algorithm."""

import csv
import io
import json
import math

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from g2npan_tf import baselines
from g2npan_tf.baselines import fusion_measures
from g2npan_tf.baselines import score
from g2npan_tf.baselines import score_formats
from g2npan_tf.baselines import score_table
from g2npan_tf.baselines.columns import G2NPAN
from g2npan_tf.baselines.columns import MEASURES
from g2npan_tf.baselines.columns import Column
from g2npan_tf.baselines.grey_levels import luminance
from g2npan_tf.baselines.score_table import Row
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.content import NO_CONTENT
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.rows import OUTSIDE
from tests.fused_triple import average
from tests.fused_triple import textured
from tests.score_reports import SIMULATED
from tests.score_reports import brightness
from tests.tiny import run_python

NAMES = [column.name for column in MEASURES]
SIZE = (48, 60)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path):
    """Two pairs, one source in colour; an average, and one source as it is."""
    for name, seed in (("1", 0), ("2", 5)):
        a, b = textured(seed, (*SIZE, 3)), textured(seed + 1, SIZE)
        save(tmp_path / "a" / f"{name}.png", a)
        save(tmp_path / "b" / f"{name}.png", b)
        save(tmp_path / "fused" / "first" / f"{name}.png", a)
        mean = average(a, b[..., np.newaxis])
        save(tmp_path / "fused" / "mean" / f"{name}.png", mean)
    return tmp_path


def folders(folder):
    return [str(folder / name) for name in ("fused", "a", "b")]


def rows_of(text):
    """CSV rows, and their figures by the first word of the column."""
    rows = list(csv.DictReader(io.StringIO(text)))
    return [{key.split(" ")[0]: x for key, x in row.items()} for row in rows]


def test_each_measure_is_of_the_luminance_of_three_files(folder, capsys):
    assert score.table_command(*folders(folder), file_format="csv") == 0
    output, errors = capsys.readouterr()
    assert errors == (
        "note: G2NPAN's score is left out (--model=fusion adds it)\n"
    )
    rows = [row for row in rows_of(output) if row["row"] == "image"]
    assert [(row["algorithm"], row["image"]) for row in rows] == [
        *(("first", "1"), ("first", "2"), ("mean", "1"), ("mean", "2")),
    ]
    a, b = (
        np.asarray(Image.open(folder / part / "2.png").convert("RGB"))
        for part in "ab"
    )
    fused = np.asarray(Image.open(folder / "fused" / "mean" / "2.png"))
    a, b, fused = map(luminance, (a, b, fused))
    expected = {
        "EN": fusion_measures.entropy(fused),
        "SD": fusion_measures.standard_deviation(fused),
        "SF": fusion_measures.spatial_frequency(fused),
        "AG": fusion_measures.average_gradient(fused),
        "MI": fusion_measures.mutual_information(a, b, fused),
        "SCD": fusion_measures.correlations_of_differences(a, b, fused),
        "SSIM": fusion_measures.mean_similarity(a, b, fused),
        "VIF": fusion_measures.mean_visual_information(a, b, fused),
        "Hossny": baselines.hossny(a, b, fused),
        "TEIA": baselines.tsallis(a, b, fused),
        "OEFP": baselines.oefp(a, b, fused),
        "rSFe": baselines.rsfe(a, b, fused),
        "Tang": baselines.tang(fused),
    }
    assert list(expected) == NAMES
    for name, value in expected.items():
        assert float(rows[3][name]) == pytest.approx(value, rel=1e-6), name


def test_values_are_in_the_range_that_the_header_says(folder, capsys):
    save(folder / "a" / "3.png", textured(3, SIZE))
    save(folder / "b" / "3.png", 255 - textured(3, SIZE))
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, SIZE, dtype=np.uint8)
    save(folder / "fused" / "mean" / "3.png", noise)
    score.table_command(*folders(folder), file_format="csv")
    output = capsys.readouterr().out
    header = next(csv.reader(io.StringIO(output)))
    assert "SCD (higher; -2 to 2)" in header
    assert "rSFe (nearest 0; -1 to inf)" in header
    for row in rows_of(output):
        for column in MEASURES if row["row"] == "image" else ():
            assert column.low <= float(row[column.name]) <= column.high
    [mean] = [
        row
        for row in rows_of(output)
        if (row["row"], row["algorithm"]) == ("mean", "first")
    ]
    # Signed in the images' rows; F = A has less than the larger of both.
    assert float(mean["rSFe"]) > 0


def test_what_cannot_be_measured_has_a_row_and_its_neighbours_too(
    folder, capsys
):
    (folder / "fused" / "mean" / "1.png").write_text("no image")
    save(folder / "b" / "2.png", textured(6, (30, 60)))
    save(folder / "fused" / "mean" / "9.png", textured(0, SIZE))
    assert score.table_command(*folders(folder), file_format="csv") == 1
    output, errors = capsys.readouterr()
    assert "4 of 5 failed\n" in errors
    rows = {(row["algorithm"], row["image"]): row for row in rows_of(output)}
    assert rows["first", "1"]["status"] == "ok"
    assert rows["mean", "1"]["EN"] == ""
    assert "not a readable PNG" in rows["mean", "1"]["status"]
    assert rows["first", "2"]["status"].endswith(
        "2.png: 60 x 30 pixels; expected 60 x 48, as the fused image has"
    )
    assert "no file of this name in --a=" in rows["mean", "9"]["status"]
    # Of `mean` nothing could be measured: it has no figures.
    summary = [x for x in rows_of(output) if x["row"] != "image"]
    assert [(x["row"], x["algorithm"]) for x in summary] == [("mean", "first")]
    for file_format in score_formats.WRITERS:
        score.table_command(*folders(folder), file_format=file_format)
        assert "60 x 30 pixels" in capsys.readouterr().out


def test_without_a_pair_of_all_algorithms_there_are_no_means(folder, capsys):
    (folder / "fused" / "mean" / "1.png").unlink()
    (folder / "fused" / "first" / "2.png").unlink()
    assert score.table_command(*folders(folder), file_format="csv") == 0
    output, errors = capsys.readouterr()
    assert [row["row"] for row in rows_of(output)] == ["image", "image"]
    assert "note: not fused by first: 2\nnote: not fused by mean: 1" in errors
    assert "note: no means, as no pair was measured for every" in errors


def test_g2npan_scores_the_colours_of_the_fused_image(
    folder, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(
        Assessor, "load", lambda model: Assessor(brightness, size=48)
    )
    model, output = tmp_path / "model.tflite", tmp_path / "table.csv"
    model.write_text("")
    model.with_suffix(".json").write_text(json.dumps({"data": SIMULATED}))
    options = {"model": str(model), "file_format": "csv"}
    assert score.table_command(*folders(folder), **options, output=output) == 0
    printed, errors = capsys.readouterr()
    assert printed == ""
    assert errors.startswith("note: G2NPAN (model.tflite) sees the colours. ")
    assert "simulated readers, not radiologists" in errors
    row = rows_of(output.read_text())[0]
    pixels = np.asarray(Image.open(folder / "fused" / "first" / "1.png"))
    [expected] = Assessor(brightness, size=48).score([pixels])
    assert float(row["G2NPAN"]) == pytest.approx(expected, rel=1e-6)
    # The others are not squeezed.
    assert row["notes"] == "G2NPAN: 60 x 48 squeezed to a square"
    # A table in a paper keeps the caution.
    options["file_format"] = "latex"
    score.table_command(*folders(folder), **options)
    assert "% G2NPAN (model.tflite) sees" in capsys.readouterr().out
    unused = tmp_path / "a" / "unused.png"
    unused.touch()
    for taken in (model, unused):
        with pytest.raises(InputError, match="would overwrite"):
            score.table_command(*folders(folder), **options, output=taken)
    with pytest.raises(InputError, match=r"--output=.*No such file"):
        score.table_command(*folders(folder), output=tmp_path / "no" / "x")


HIGH = Column("high", 0, math.inf)
NEAR = Column("near", -1, math.inf, zero_is_best=True)


def rows(table):
    """Rows of images from `{algorithm: {image: (high, near)}}`."""
    return [
        Row(algorithm, image, dict(zip((HIGH, NEAR), values, strict=True)))
        for algorithm, images in table.items()
        for image, values in images.items()
    ]


def figures(table_rows, column):
    return {row.algorithm: row.values.get(column) for row in table_rows}


def test_means_and_ranks_are_of_pairs_that_all_algorithms_fused():
    images = rows(
        {
            "x": {"1": (5, 0.1), "2": (1, -0.3), "3": (100, 0)},
            "y": {"1": (3, -0.2), "2": (4, 0.2), "4": (100, 0)},
            "z": {"1": (3, 0.4), "2": (6, 0.1)},
        }
    )
    # The last one is no algorithm with a rank.
    failed = [Row(name, "3", status="unreadable") for name in ("z", "none")]
    table = score_table.make([HIGH, NEAR], [*images, *failed])
    assert table.num_shared == 2
    assert figures(table.means, HIGH) == {"x": 3, "y": 3.5, "z": 4.5}
    # Of absolute values: signs do not cancel out.
    assert figures(table.means, NEAR) == pytest.approx(
        {"x": 0.2, "y": 0.2, "z": 0.25}
    )
    ranks = stats.rankdata([[-5, -3, -3], [-1, -4, -6]], axis=1).mean(axis=0)
    assert list(figures(table.ranks, HIGH).values()) == list(ranks)
    assert figures(table.ranks, NEAR) == {"x": 2, "y": 2, "z": 2}


def test_a_measure_that_is_not_defined_leaves_its_pair_out():
    images = rows(
        {
            "x": {"1": (math.nan, 0), "2": (4, math.inf)},
            "y": {"1": (9, 0.5), "2": (2, 0)},
        }
    )
    table = score_table.make([HIGH, NEAR], images)
    assert figures(table.means, HIGH) == {"x": 4, "y": 2}
    assert figures(table.ranks, NEAR) == {"x": 1, "y": 2}
    alone = score_table.make([HIGH, NEAR], images[:2])
    assert figures(alone.means, HIGH) == {"x": 4}
    assert not alone.ranks
    images[3] = Row("y", "2", {HIGH: math.nan, NEAR: 0})
    none = score_table.make([HIGH, NEAR], images)
    assert figures(none.means, HIGH) == {"x": None, "y": None}
    assert " -" in score_formats.write_text(none)


TABLE = score_table.make(
    [HIGH, NEAR],
    [
        *rows({"a_1": {"x&y": (5, -0.1)}, "=b": {"x&y": (3, 0.05)}}),
        Row("=b", "z", status="=no file\n100%"),
    ],
    ["A remark.", "Another one."],
)


def test_text_is_aligned_and_says_directions_and_ranges():
    text = score_formats.write_text(TABLE)
    remarks, images, means, ranks = text.split("\n\n")
    assert remarks == "A remark.\nAnother one."
    assert [line.split() for line in images.splitlines()[1:]] == [
        ["algorithm", "image", "high", "near", "status"],
        ["higher", "nearest", "0"],
        ["0", "to", "inf", "-1", "to", "inf"],
        ["a_1", "x&y", "5.000", "-0.100", "ok"],
        ["=b", "x&y", "3.000", "0.050", "ok"],
        ["=b", "z", "-", "-", "=no", "file?100%"],
    ]
    ends = {line.find("0.100") for line in images.splitlines()} - {-1}
    assert ends == {images.splitlines()[5].find("0.050")}
    assert means.splitlines()[1].split() == ["algorithm", "high", "|near|"]
    # A mean of absolute values has no sign.
    assert means.splitlines()[3].split() == [*("0", "to", "inf") * 2]
    assert means.splitlines()[-1].split() == ["=b", "3.000", "0.050"]
    assert "over 1 pair measured for every algorithm" in ranks
    assert ranks.splitlines()[-1].split() == ["=b", "2.000", "1.000"]


def test_csv_has_one_header_and_no_formulas():
    table = list(csv.reader(io.StringIO(score_formats.write_csv(TABLE))))
    assert {len(row) for row in table} == {7}
    kinds = [row[0] for row in table]
    assert kinds == [
        *("row", "image", "image", "image", "mean", "mean"),
        *("mean rank", "mean rank"),
    ]
    assert table[2][1:5] == ["'=b", "x&y", "3", "0.05"]
    assert table[1][4] == "-0.1"
    assert table[3][3:6] == ["", "", "'=no file\n100%"]


def test_latex_has_its_best_in_bold_and_special_signs_escaped():
    text = score_formats.write_latex(TABLE)
    assert text.startswith("% A remark.\n% Another one.\n\n")
    assert r"a\_1 & x\&y & $5.000$ & $-0.100$ \\" in text
    assert "% =b/z: =no file?100%\n" in text
    assert r"algorithm & high $\uparrow$ & $|$near$|$ $\to 0$ \\" in text
    assert r" & & $[0, \infty)$ & $[-1, \infty)$ \\" in text.replace("  ", " ")
    means = text.split("\n\n")[2]
    assert r"$[0, \infty)$ & $[0, \infty)$ \\" in means
    assert r"a\_1 & $\mathbf{5.000}$ & $0.100$ \\" in means
    assert r"=b & $3.000$ & $\mathbf{0.050}$ \\" in means
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 3
    for line in text.splitlines():
        if line.endswith(r"\\"):
            assert line.replace(r"\&", "").count("&") in (2, 3)


def test_latex_takes_no_name_for_an_argument_and_keeps_notes():
    # What follows the end of a line is read as `\\[length]` or `\\*`.
    names = ("[x]", "*y")
    images = [Row(name, "1", {HIGH: 1}, notes=("sees 5%",)) for name in names]
    text = score_formats.write_latex(score_table.make([HIGH], images))
    assert "\n{[}x] & 1 & $1.000$" in text
    assert "\n{*}y & 1 & $1.000$" in text
    assert not any(line.startswith(("[", "*")) for line in text.splitlines())
    assert "\n% [x]/1: sees 5%\n" in text


def test_what_lacks_a_partner_is_a_line_whatever_its_name(folder, capsys):
    name = "red\x1b[31m\nline"
    save(folder / "a" / f"{name}.png", textured(0, SIZE))
    assert score.table_command(*folders(folder)) == 0
    errors = capsys.readouterr().err
    assert "note: in --a alone: red?[31m?line\n" in errors
    assert errors.count("\n") == 2


def test_a_score_that_is_missing_or_means_nothing_says_so(
    folder, monkeypatch, capsys
):
    def runner(batch, maps):
        return {**brightness(batch, maps), "distance": np.array([99.5])}

    unlike = Assessor(runner, size=48, further=("distance",))
    monkeypatch.setattr(Assessor, "load", lambda model: unlike)
    blank = np.zeros((*SIZE, 3), np.uint8)
    save(folder / "fused" / "mean" / "1.png", blank)
    options = {"model": "fusion", "file_format": "csv"}
    assert score.table_command(*folders(folder), **options) == 0
    rows = {
        (x["algorithm"], x["image"]): x
        for x in rows_of(capsys.readouterr().out)
    }
    assert rows["mean", "1"]["G2NPAN"] == ""
    assert rows["mean", "1"]["notes"].startswith(f"G2NPAN: {NO_CONTENT}; ")
    assert float(rows["mean", "2"]["G2NPAN"]) > 1
    assert rows["mean", "2"]["notes"].startswith(f"G2NPAN: {OUTSIDE}; ")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--fused=none", "--a=none", "--b=none"], "--fused=none: no such"),
        (["more"], "expected flags alone. Received: more"),
        (["--format=xls"], "format"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(flags, words):
    done = run_python("-m", "g2npan_tf.baselines.score", *flags)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_command_needs_no_tensorflow(folder):
    code = (
        "import sys; from g2npan_tf.baselines import score; "
        f"assert score.table_command(*{folders(folder)}) == 0; "
        "sys.exit('tensorflow' in sys.modules)"
    )
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
    assert "Mean ranks over 2 pairs" in done.stdout
    assert G2NPAN.name not in done.stdout
    assert "luminance (BT.601" in done.stdout
