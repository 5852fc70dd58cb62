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


def splits(rows, with_cases=False):
    rows = [{**row, "split": f"fold_{i // 3}"} for i, row in enumerate(rows)]
    if not with_cases:
        return rows
    return [{**row, "case_id": row["pair_id"]} for row in rows]


SOURCES = {"source_a": "", "source_b": ""}


@pytest.mark.parametrize(
    ("rows", "changes", "found"),
    [
        (rows_of(), {}, []),
        (
            rows_of(),
            {
                0: {"mos": "101"},
                1: {"mos": "nan"},
                2: {"path": "images/none.png"},
                3: {"algorithm": ""},
                4: {"pair_id": "alone"},
            },
            [
                "line 2: images/0_first.png: mos is 101, outside the scale",
                "line 3: images/0_second.png: mos is nan",
                "line 4: images/none.png: path: no such file",
                "line 5: images/1_first.png: algorithm is empty",
                "line 6: images/1_second.png: pair_id 'alone' is a group of "
                "one",
            ],
        ),
        (rows_of(), {0: {"mos": "-1", "algorithm": ""}}, 2 * ["line 2"]),
        *(
            (
                rows_of(),
                {1: {"path": written}},
                [f"line 3: {written}: duplicate path, first in line 2"],
            )
            for written in ("./images/0_first.png", "images/0_first.png")
        ),
        (
            rows_of(),
            {0: {"path": "images\\0_first.png"}},
            ["line 2: images\\0_first.png: path: no such file"],
        ),
        *(
            (
                with_columns(rows_of(), mos_std="3"),
                {1: {"mos_std": value}},
                [f"line 3: images/0_second.png: mos_std is {value}"],
            )
            for value in ("-0.1", "nan", "101")
        ),
        (
            with_columns(rows_of(), **SOURCES),
            {k: {"source_a": "no.png"} for k in range(3)},
            [
                f"line {k}: images/0_{name}.png: {reason}"
                for k, name in enumerate(("first", "second", "third"), 2)
                for reason in (
                    "only one of source_a and source_b; expected both",
                    "source_a: no such file",
                )
            ],
        ),
        (
            with_columns(rows_of(), case_id="", modality="CT-MRI"),
            {4: {"modality": "PET-MRI"}},
            [
                "line 6: images/1_second.png: modality is 'PET-MRI', but "
                "'CT-MRI' in line 5 of the same pair_id"
            ],
        ),
        # Readers may leave out images, but not all of them.
        (with_readers(rows_of(), 2), {0: {"reader_1": ""}}, []),
        (
            with_readers(rows_of(), 2),
            {0: {"reader_1": "", "reader_2": ""}},
            ["line 2: images/0_first.png: no reader's grade"],
        ),
        (
            with_readers(rows_of(), 2),
            {0: {"reader_2": "200"}},
            [
                "line 2: images/0_first.png: reader_2 is 200, outside the "
                "scale; expected 0 to 100"
            ],
        ),
        (splits(rows_of()), {}, []),
        (
            splits(rows_of()),
            {k: {"split": "train"} for k in range(3)},
            [
                "line 1: (no path): split: no image in fold_0",
                *(
                    f"line {k}: images/0_{name}.png: split is 'train'; "
                    "expected fold_0 to fold_4"
                    for k, name in enumerate(("first", "second", "third"), 2)
                ),
            ],
        ),
        # One case in two folds.
        (
            splits(rows_of(), with_cases=True),
            {k: {"case_id": "c"} for k in range(6)},
            [
                f"line {k}: images/1_{name}.png: case 'c' is in 'fold_1' here "
                "and in 'fold_0' in line 2"
                for k, name in enumerate(("first", "second", "third"), 5)
            ],
        ),
        (splits(rows_of(), with_cases=True), {}, []),
    ],
)
def test_all_bad_rows_are_named_by_line_and_file(folder, rows, changes, found):
    rows = [{**row, **changes.get(k, {})} for k, row in enumerate(rows)]
    lines = problems(folder, rows)
    assert len(lines) == len(found)
    for line, beginning in zip(lines, found, strict=True):
        assert line.startswith(beginning)
        assert "\\" not in line or "expected / between folders" in line


def test_images_without_content_are_named_but_not_sources(folder):
    rows = with_columns(rows_of(), source_a="a.png", source_b="a.png")
    Image.new("L", (40, 40), 255).save(folder / "a.png")
    Image.new("L", (40, 40), 255).save(folder / rows[3]["path"])
    (found,) = problems(folder, rows)
    assert found.startswith(f"line 5: {rows[3]['path']}: path: no content")


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
