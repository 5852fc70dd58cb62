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


ALL_OF_A_PAIR = (0, 1, 2)


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
                "2: mos is 101, outside the scale",
                "3: mos is nan",
                "4: path: no such file",
                "5: algorithm is empty",
                "6: pair_id 'alone' is a group of one",
            ],
        ),
        (
            rows_of(),
            {0: {"mos": "-1", "algorithm": ""}},
            ["2: algorithm is empty", "2: mos is -1, outside"],
        ),
        *(
            (
                rows_of(),
                {1: {"path": written}},
                ["3: duplicate path, first in line 2"],
            )
            for written in ("./images/0_first.png", "images/0_first.png")
        ),
        (
            rows_of(),
            {0: {"path": "images\\0_first.png"}},
            ["2: path: no such file or directory; expected / between folders"],
        ),
        *(
            (
                with_columns(rows_of(), mos_std="3"),
                {1: {"mos_std": value}},
                [f"3: mos_std is {value}"],
            )
            for value in ("-0.1", "nan", "101")
        ),
        (
            with_columns(rows_of(), source_a="", source_b=""),
            {k: {"source_a": "no.png"} for k in ALL_OF_A_PAIR},
            [
                f"{k + 2}: {reason}"
                for k in ALL_OF_A_PAIR
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
                "6: modality is 'PET-MRI', but 'CT-MRI' in line 5 of the "
                "same pair_id"
            ],
        ),
        # Readers may leave out images, but not all of them.
        (with_readers(rows_of(), 2), {0: {"reader_1": ""}}, []),
        (
            with_readers(rows_of(), 2),
            {0: {"reader_1": "", "reader_2": ""}},
            ["2: no reader's grade"],
        ),
        (
            with_readers(rows_of(), 2),
            {0: {"reader_2": "200"}},
            ["2: reader_2 is 200, outside the scale; expected 0 to 100"],
        ),
        (splits(rows_of()), {}, []),
        (
            splits(rows_of()),
            {k: {"split": "train"} for k in ALL_OF_A_PAIR},
            [
                "1: split: no image in fold_0",
                *(
                    f"{k + 2}: split is 'train'; expected fold_0 to fold_4"
                    for k in ALL_OF_A_PAIR
                ),
            ],
        ),
        (splits(rows_of(), with_cases=True), {}, []),
        (
            splits(rows_of(), with_cases=True),
            {k: {"case_id": "c"} for k in range(6)},
            [
                f"{k + 5}: case 'c' is in 'fold_1' here and in 'fold_0' in "
                "line 2"
                for k in ALL_OF_A_PAIR
            ],
        ),
    ],
)
def test_all_bad_rows_are_named_by_line_and_file(folder, rows, changes, found):
    rows = [{**row, **changes.get(k, {})} for k, row in enumerate(rows)]
    expected = []
    for line in found:
        number, _, reason = line.partition(": ")
        path = rows[int(number) - 2]["path"] if number > "1" else "(no path)"
        expected.append(f"line {number}: {path}: {reason}")
    lines = problems(folder, rows)
    assert len(lines) == len(expected)
    for line, beginning in zip(lines, expected, strict=True):
        assert line.startswith(beginning)


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
