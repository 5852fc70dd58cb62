import csv
import functools
import io
import json
import os
import re
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from g2npan_tf.scoring.assessor import Assessment
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.report import pages
from g2npan_tf.scoring.report import writer
from g2npan_tf.scoring.report.origins import Origin
from g2npan_tf.scoring.rows import WRITERS
from g2npan_tf.scoring.rows import ScoredImage
from g2npan_tf.scoring.rows import ScoreRow
from tests.html_checks import Elements
from tests.html_checks import check_page
from tests.pictures import shades
from tests.score_reports import SIMULATED
from tests.score_reports import brightness
from tests.score_reports import save_images
from tests.score_reports import write_report
from tests.tiny import REPOSITORY

ALGORITHMS = ("CNN", "pca", "wavelet")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A report of 18 images, of which one is an outlier; two failed."""
    directory = tmp_path_factory.mktemp("reported")
    paths = save_images(directory / "images", ALGORITHMS, num_pairs=6)
    shades(243, (32, 40)).save(paths[0])
    broken = directory / "images" / "<b>broken.png"
    broken.write_text("no image")
    paths = [*paths, broken, directory / "missing.png"]
    rows = write_report(directory / "report", paths)
    return directory / "report", rows


@pytest.fixture
def report(made):
    return made[0]


def read(report, name="index.html"):
    return (report / name).read_text(encoding="utf-8")


def test_pages_are_whole_and_lead_to_each_other(report):
    assert sorted(os.listdir(report)) == [
        *("images", "index.html", "report.json", "scores.csv")
    ]
    names = [f"{n:05d}.html" for n in range(1, 19)]
    assert sorted(os.listdir(report / "images")) == names
    texts = []
    for page in ("index.html", "images/00001.html", "images/00018.html"):
        elements = check_page(read(report, page))
        links = [x["href"] for x in elements.find("a")]
        assert links
        for link in links:
            assert (report / page).parent.joinpath(link).is_file(), link
        texts.append(elements.text)
    _, first, last = texts
    assert "Previous" not in first
    assert "Next" in first
    assert "Next" not in last


def test_the_group_has_outliers_first_failures_and_a_ranking(report):
    content = read(report)
    table = content[content.index("outliers first") :]
    names = re.findall(r'href="images/\d+\.html">(.*?)</a>', table)
    assert len(names) == 18
    assert names[0].endswith("pair_<wbr>1/<wbr>CNN.png")
    assert table.count(" outlier</strong>") == 1
    text = Elements(content).text
    for said in (
        *("<b>broken.png", "not a readable", "no such file"),
        "2 without a score",
    ):
        assert said in text
    summary = json.loads(read(report, "report.json"))
    ranks = [(x["algorithm"], x["count"]) for x in summary["algorithms"]]
    assert ranks == [("wavelet", 6), ("pca", 6), ("CNN", 6)]
    assert (summary["num_scored"], summary["num_failed"]) == (18, 2)


def test_algorithms_are_ranked_by_a_table(tmp_path):
    paths = save_images(tmp_path / "x", ("a", "b"), 1)
    table = {str(paths[0]): Origin("<i>A</i>"), str(paths[1]): Origin("B")}
    write_report(tmp_path / "report", paths, table=table)
    content = read(tmp_path / "report")
    assert "<i>" not in content
    assert "by the table that was given" in content


def test_scores_are_those_that_the_command_prints(made):
    report, rows = made
    expected = io.StringIO()
    WRITERS["csv"](rows, expected)
    assert read(report, "scores.csv") == expected.getvalue()
    (name, mos, *_), *_ = csv.reader(
        io.StringIO(expected.getvalue().split("\n")[1])
    )
    page = Elements(read(report, "images/00001.html")).text
    assert f"{float(mos):.2f}" in page
    assert os.path.basename(name) in page


def test_an_image_has_its_four_pictures_and_two_colour_bars(report):
    elements = Elements(read(report, "images/00001.html"))
    assert [x["alt"] for x in elements.find("img")] == [
        "Image",
        "Generated reference",
        "What differs (nuance)",
        "Where it is good (CAM)",
    ]
    assert elements.text.count("Colour bar from") == 2
    # Pictures have the shape of the image, not that of the model.
    assert {(x["width"], x["height"]) for x in elements.find("img")} == {
        ("32", "40"),
        ("102", "128"),
    }


def test_a_model_without_gan_shows_what_it_has(tmp_path):
    runner = functools.partial(brightness, use_gan=False)
    paths = save_images(tmp_path / "x", ("a",), 1)
    write_report(tmp_path / "report", paths, assessor=Assessor(runner))
    elements = Elements(read(tmp_path / "report", "images/00001.html"))
    assert len(elements.find("img")) == 2
    assert "reference" not in elements.text


@pytest.mark.parametrize("facts", [SIMULATED, {"scores": "readers"}, {}])
def test_simulated_readers_are_named_where_they_are(tmp_path, facts):
    paths = save_images(tmp_path / "x", ("a",), 1)
    write_report(tmp_path / "report", paths, facts=facts)
    for page in ("index.html", "images/00001.html"):
        text = Elements(read(tmp_path / "report", page)).text
        assert ("predicts simulated readers" in text) == (facts == SIMULATED)
        assert "not a medical device" in text


def test_hostile_names_stay_text(tmp_path):
    names = ["<script>alert(1)", "a\u202eb", "\udcff", "' onload='x"]
    paths = []
    for name in names:
        path = tmp_path / f"{name}.png"
        shades(90).save(os.fsencode(path))
        paths.append(path)
    write_report(tmp_path / "report", paths)
    # Nothing scored is still a report.
    write_report(tmp_path / "none", [tmp_path / "\u202emissing<b>"])
    check_page(read(tmp_path / "none"))
    for page in ("index.html", "images/00001.html", "images/00004.html"):
        elements = check_page(read(tmp_path / "report", page))
        assert len(elements.find("script")) == 1


def test_the_mark_stands_on_the_scale_where_the_score_is():
    def place(value):
        pixels = np.zeros((20, 20, 3), np.uint8)
        content = pages.image_page(
            ScoreRow("a.png", value, 0.5),
            Assessment(value, 0.5),
            pixels,
            pages.Model({}, ""),
            pages.Links("x.html"),
        )
        (mark,) = re.findall(r'd="M([\d.]+) 25l-8', content)
        return float(mark)

    assert place(3) == pytest.approx((place(1) + place(5)) / 2)
    assert place(9) == place(5)


def test_an_interval_is_a_whisker_and_a_column(tmp_path):
    def bounded(batch, maps):
        outputs = brightness(batch, maps)
        low, high = outputs["mos"] - 0.5, outputs["mos"] + 1
        return outputs | {"mos_low": low, "mos_high": high}

    assessor = Assessor(bounded, further=("mos_low", "mos_high"))
    paths = save_images(tmp_path / "x", ("a",), 1)
    (row,) = write_report(tmp_path / "r", paths, assessor=assessor)
    words = f"{row.mos - 0.5:.2f} to {row.mos + 1:.2f}"
    index, page = (
        read(tmp_path / "r", name)
        for name in ("index.html", "images/00001.html")
    )
    check_page(index)
    check_page(page)
    assert "90 % interval" in index
    assert words in index
    assert f"{words}: 90 % prediction interval" in page
    # 392 pixels are four steps of the scale.
    (ends,) = re.findall(r'd="M([\d.]+) 21v10m0 -5H([\d.]+)m', page)
    low, high = map(float, ends)
    assert high - low == pytest.approx(1.5 * 392 / 4, abs=0.2)
    assert low == pytest.approx(24 + (row.mos - 1.5) * 392 / 4, abs=0.2)
    # A model without one says nothing of it.
    write_report(tmp_path / "r", paths)
    for name in ("index.html", "images/00001.html"):
        assert "90 %" not in read(tmp_path / "r", name)
        assert 'class="whisker"' not in read(tmp_path / "r", name)


def test_what_is_outside_has_a_mark(tmp_path):
    def far(batch, maps):
        outputs = brightness(batch, maps)
        return outputs | {"distance": 100 * (outputs["quality"] > 0.3)}

    assessor = Assessor(far, further=("distance",))
    paths = save_images(tmp_path / "x", ("a", "b"), 1)
    rows = write_report(tmp_path / "r", paths, assessor=assessor)
    assert [x.distance for x in rows] == [0, 100]
    index, *pages = (
        read(tmp_path / "r", f"{name}.html")
        for name in ("index", "images/00001", "images/00002")
    )
    for text in (index, *pages):
        check_page(text)
    mark = '<strong class="bad">outside'
    assert [text.count(mark) for text in (index, *pages)] == [1, 0, 1]
    assert "score may mean nothing" in index
    assert "How the file was read: outside" not in pages[1]


def test_only_a_report_loads_templates_and_plots():
    code = (
        "import sys; from g2npan_tf.scoring import beam, explain, score; "
        "sys.exit(str({'jinja2', 'matplotlib'} & {*sys.modules} or '') or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)


def test_no_picture_stays_in_memory(tmp_path):
    assessment = Assessment(3.0, 0.5, np.full((8, 8), 0.5, np.float32))
    tracemalloc.start()
    try:
        with writer.reported(tmp_path / "r", "model.tflite", {}) as report:
            for number in range(12):
                pixels = np.full((600, 600, 3), 20 * number, np.uint8)
                row = ScoreRow(f"{number}.png", 3.0, 0.5)
                report.add(ScoredImage(row, "", assessment, pixels))
                if number == 1:
                    early = tracemalloc.get_traced_memory()[0]
            late = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    # Ten more images of a megabyte.
    assert late - early < pixels.nbytes / 2


def test_a_long_table_is_cut_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "MAX_ROWS", 10)
    paths = save_images(tmp_path / "x", ("a",), 30)
    write_report(tmp_path / "r", paths)
    content = read(tmp_path / "r")
    assert content.count("<tr>") - 1 == 10
    assert "The first 10 are shown" in content
