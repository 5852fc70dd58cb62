"""Every bad row of a user's table is found in one run."""

import shutil

import pytest
from PIL import Image

from datasets.custom.scores import read_scores
from tests.custom_folder import rows_of
from tests.custom_folder import with_readers
from tests.custom_folder import write_folder
from tests.custom_folder import write_table


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "data", rows_of())


def problems(folder, rows):
    write_table(folder, rows)
    return [str(problem) for problem in read_scores(folder).problems]


def with_columns(rows, **columns):
    return [{**row, **columns} for row in rows]


def test_good_rows_have_no_problems(folder):
    assert problems(folder, rows_of()) == []


def test_all_bad_rows_are_reported_at_once_by_line_and_file(folder):
    rows = rows_of()
    rows[0]["mos"] = "101"
    rows[1]["mos"] = "nan"
    rows[2]["path"] = "images/none.png"
    rows[3]["algorithm"] = ""
    rows[4]["pair_id"] = "alone"
    found = problems(folder, rows)
    assert [line.split(":")[0] for line in found] == [
        f"line {number}" for number in (2, 3, 4, 5, 6)
    ]
    for line, row, reason in zip(
        found,
        rows,
        (
            "mos is 101, outside the scale",
            "mos is nan",
            "no such file",
            "algorithm is empty",
            "'alone' is a group of one",
        ),
        strict=False,
    ):
        assert f": {row['path']}: " in line
        assert reason in line


def test_images_without_content_are_named_but_not_sources(folder):
    rows = with_columns(rows_of(), source_a="a.png", source_b="a.png")
    Image.new("L", (40, 40), 255).save(folder / "a.png")
    Image.new("L", (40, 40), 255).save(folder / rows[3]["path"])
    (found,) = problems(folder, rows)
    assert found.startswith(f"line 5: {rows[3]['path']}: path: no content")


def test_one_row_may_have_several_problems(folder):
    rows = rows_of()
    rows[0].update(mos="-1", algorithm="")
    assert len(problems(folder, rows)) == 2


@pytest.mark.parametrize(
    "written", ["./images/0_first.png", "images/0_first.png"]
)
def test_duplicate_paths_are_found_however_they_are_written(folder, written):
    rows = rows_of()
    rows[1]["path"] = written
    assert problems(folder, rows) == [
        f"line 3: {written}: duplicate path, first in line 2"
    ]


@pytest.mark.parametrize("kind", ["relative", "absolute", "link", "inside"])
def test_paths_that_leave_the_folder_are_refused(folder, kind):
    outside = folder.parent / "outside.png"
    outside.write_bytes((folder / "images/0_first.png").read_bytes())
    (folder / "link.png").symlink_to(outside)
    rows = rows_of()
    rows[0]["path"] = {
        "relative": "images/../../outside.png",
        "absolute": str(outside),
        "link": "link.png",
        # Others could not use the folder at another place.
        "inside": str(folder / "images/0_first.png"),
    }[kind]
    (found,) = problems(folder, rows)
    assert "leaves the folder" in found


def test_damaged_images_are_found(folder):
    (folder / "images/0_first.png").write_bytes(b"no image")
    (found,) = problems(folder, rows_of())
    assert "line 2: images/0_first.png: path: not a readable PNG" in found


def test_backslashes_are_explained(folder):
    rows = rows_of()
    rows[0]["path"] = "images\\0_first.png"
    (found,) = problems(folder, rows)
    assert "expected / between folders" in found


@pytest.mark.parametrize("value", ["-0.1", "nan", "101"])
def test_impossible_spreads_are_refused(folder, value):
    rows = with_columns(rows_of(), mos_std="3")
    rows[1]["mos_std"] = value
    (found,) = problems(folder, rows)
    assert "mos_std" in found


def test_sources_are_checked_like_the_images(folder):
    rows = with_columns(rows_of(), source_a="", source_b="")
    rows[0]["source_a"] = rows[1]["source_a"] = rows[2]["source_a"] = "no.png"
    found = problems(folder, rows)
    assert len(found) == 6
    assert any("source_a: no such file" in line for line in found)
    assert any("only one of source_a and source_b" in line for line in found)


def test_images_of_a_pair_agree_on_what_the_pair_is(folder):
    rows = with_columns(rows_of(), case_id="", modality="CT-MRI")
    rows[4]["modality"] = "PET-MRI"
    (found,) = problems(folder, rows)
    assert "'PET-MRI', but 'CT-MRI' in line 5 of the same pair_id" in found


def test_readers_may_leave_out_images_but_not_all_of_them(folder):
    rows = with_readers(rows_of(), 2)
    rows[0]["reader_1"] = ""
    assert problems(folder, rows) == []
    rows[0]["reader_2"] = ""
    (found,) = problems(folder, rows)
    assert "no reader's grade" in found


def test_grades_are_on_the_scale(folder):
    rows = with_readers(rows_of(), 2)
    rows[0]["reader_2"] = "200"
    (found,) = problems(folder, rows)
    assert "reader_2 is 200, outside the scale; expected 0 to 100" in found


def splits(rows):
    return [{**row, "split": f"fold_{i // 3}"} for i, row in enumerate(rows)]


def test_splits_are_folds(folder):
    rows = splits(rows_of())
    assert problems(folder, rows) == []
    for row in rows[:3]:
        row["split"] = "train"
    found = problems(folder, rows)
    assert len(found) == 4
    assert "no image in fold_0" in found[0]
    assert all("expected fold_0 to fold_4" in line for line in found[1:])


def test_case_in_two_splits_is_refused(folder):
    rows = splits(rows_of(6))
    write_folder(folder, rows)
    for row in rows:
        row["split"] = row["split"].replace("5", "0")
        row["case_id"] = row["pair_id"]
    assert problems(folder, rows) == []
    for row in rows[-3:]:
        row["case_id"] = "pair_2"
    found = problems(folder, rows)
    assert len(found) == 3
    assert "case 'pair_2' is in 'fold_0' here and in 'fold_2'" in found[0]


def test_one_picture_in_two_cases_is_a_leak(folder):
    shutil.copy(folder / "images/0_first.png", folder / "images/3_third.png")
    (found,) = problems(folder, rows_of())
    assert found.startswith("line 13: images/3_third.png: the same picture as")
    assert "in line 2, but of case 'pair_3' and not 'pair_0'" in found
    assert "leak from training into test" in found
    assert problems(folder, with_columns(rows_of(), case_id="one")) == []


def test_names_that_no_file_can_have_are_problems(folder):
    (folder / "circle").symlink_to("circle")
    rows = rows_of()
    rows[0]["path"], rows[1]["path"] = "circle", "n" * 300
    found = problems(folder, rows)
    assert [line.rpartition(": ")[2] for line in found] == [
        "too many levels of symbolic links",
        "file name too long",
    ]
