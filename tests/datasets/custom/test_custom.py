"""A user's folder: its scale, all that is wrong in it, scores and groups."""

import json
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from datasets.custom import agreement
from datasets.custom import scores as custom
from datasets.custom.scale import EXAMPLE
from datasets.custom.scale import Scale
from datasets.custom.scale import read_scale
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.read import resize
from tests.custom_folder import rows_of
from tests.custom_folder import with_readers
from tests.custom_folder import write_folder
from tests.custom_folder import write_table

GOOD = {"mos_min": 0, "mos_max": 100, "lower_is_better": False}


def write(tmp_path, values):
    if values is not None:
        text = values if isinstance(values, str) else json.dumps(values)
        (tmp_path / "scale.json").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("scale", "scores", "mos"),
    [
        (Scale(0, 100, False), [0.0, 25.0, 100.0, np.nan], [1, 2, 5, np.nan]),
        (Scale(-1, 3, lower_is_better=True), [-1.0, 0, 3], [5, 4, 1]),
    ],
)
def test_scores_are_mapped_linearly_to_the_mos(scale, scores, mos):
    np.testing.assert_allclose(scale.to_mos(np.array(scores)), mos)
    width = scale.mos_max - scale.mos_min
    assert scale.spread_to_mos(width / 4) == 1.0


@pytest.mark.parametrize(
    ("values", "options", "expected"),
    [
        (EXAMPLE, None, Scale(1, 5, False)),
        ({**GOOD, "scores": "four"}, None, Scale(0, 100, False, "four")),
        # Nothing is ever called simulated by itself.
        (GOOD, None, Scale(0, 100, False, "user's readers")),
        ("{}", GOOD, Scale(0, 100, False)),
        (None, GOOD, Scale(0, 100, False)),
        (GOOD, {"mos_min": None, "mos_max": 10.0}, Scale(0, 10.0, False)),
        (GOOD, {"lower_is_better": True}, Scale(0, 100, True)),
    ],
)
def test_file_and_options_give_the_scale(tmp_path, values, options, expected):
    assert read_scale(write(tmp_path, values), options) == expected


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_nothing_is_guessed(tmp_path, missing):
    values = {name: GOOD[name] for name in GOOD if name != missing}
    with pytest.raises(InputError, match=f"not given .*{missing}") as error:
        read_scale(write(tmp_path, values))
    assert str(tmp_path / "scale.json") in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mos_max": 0}, "mos_min is not below mos_max"),
        ({"mos_max": "5"}, "mos_max is '5', not a number"),
        ({"mos_min": True}, "mos_min is True, not a number"),
        ({"mos_min": float("-inf")}, "not a number"),
        ({"mos_max": 10**400}, "not a number"),
        ({"lower_is_better": 0}, "neither true nor false"),
        ({"scores": 3}, "scores is not a text"),
        ({"grey_bits": 7}, "grey_bits is not 8 to 16"),
        ({"grey_bits": 12.5}, "grey_bits is not 8 to 16"),
        ({"mosmax": 5}, "unknown name 'mosmax'"),
    ],
)
def test_other_values_are_refused(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        read_scale(write(tmp_path, {**GOOD, **change}))


@pytest.mark.parametrize(
    "text", ["{", "[1, 5]", "[" * 900 + "]" * 900, "[" * 100_000]
)
def test_other_files_are_refused(tmp_path, text):
    with pytest.raises(InputError, match=r"scale\.json"):
        read_scale(write(tmp_path, text), GOOD)


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "data", rows_of())


@pytest.fixture
def read(folder):
    """Reads the folder with another table."""

    def read(rows):
        write_table(folder, rows)
        return custom.read_scores(folder)

    return read


@pytest.fixture
def problems(read):
    return lambda rows: list(map(str, read(rows).problems))


def with_columns(rows, **columns):
    return [{**row, **columns} for row in rows]


READERS = ("reader_1", "reader_2")
FIRST = "images/0_first.png"
PLAIN, GRADED = rows_of(), with_readers(rows_of(), 2)
SPLIT = [{**row, "split": f"fold_{i // 3}"} for i, row in enumerate(PLAIN)]
WITH_CASE = [{**row, "case_id": row["pair_id"]} for row in SPLIT]
WITH_STD = with_columns(PLAIN, mos_std="3")
ALL_OF_A_PAIR = (0, 1, 2)


@pytest.mark.parametrize(
    ("rows", "changes", "found"),
    [
        (PLAIN, {}, []),
        (PLAIN, {0: {"mos": "101"}}, ["2: mos is 101, outside the scale"]),
        (
            PLAIN,
            {1: {"mos": "nan"}, 2: {"path": "images/none.png"}},
            ["3: mos is nan", "4: path: no such file"],
        ),
        (
            PLAIN,
            {3: {"algorithm": ""}, 4: {"pair_id": "alone"}},
            ["5: algorithm is empty", "6: pair_id 'alone' is a group of one"],
        ),
        (
            PLAIN,
            {0: {"mos": "-1", "algorithm": ""}},
            ["2: algorithm is empty", "2: mos is -1, outside"],
        ),
        (PLAIN, {1: {"path": FIRST}}, ["3: duplicate path, first in line 2"]),
        (PLAIN, {1: {"path": f"./{FIRST}"}}, ["3: duplicate path, first in"]),
        (
            PLAIN,
            {0: {"path": FIRST.replace("/", "\\")}},
            ["2: path: no such file or directory; expected / between folders"],
        ),
        (WITH_STD, {1: {"mos_std": "-0.1"}}, ["3: mos_std is -0.1"]),
        (WITH_STD, {1: {"mos_std": "nan"}}, ["3: mos_std is nan"]),
        (WITH_STD, {1: {"mos_std": "101"}}, ["3: mos_std is 101"]),
        (
            with_columns(PLAIN, source_a="", source_b=""),
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
            with_columns(PLAIN, case_id="", modality="CT"),
            {4: {"modality": "PET"}},
            ["6: modality is 'PET', but 'CT' in line 5 of the same pair_id"],
        ),
        # Readers may leave out images, but not all of them.
        (GRADED, {0: {"reader_1": ""}}, []),
        (GRADED, {0: dict.fromkeys(READERS, "")}, ["2: no reader's grade"]),
        (
            GRADED,
            {0: {"reader_2": "200"}},
            ["2: reader_2 is 200, outside the scale; expected 0 to 100"],
        ),
        (SPLIT, {}, []),
        (
            SPLIT,
            {k: {"split": "train"} for k in ALL_OF_A_PAIR},
            [
                "1: split: no image in fold_0",
                *(
                    f"{k + 2}: split is 'train'; expected fold_0 to fold_4"
                    for k in ALL_OF_A_PAIR
                ),
            ],
        ),
        (WITH_CASE, {}, []),
        (
            WITH_CASE,
            {k: {"case_id": "c"} for k in range(6)},
            [
                f"{k + 5}: case 'c' is in 'fold_1' here and in 'fold_0' in "
                "line 2"
                for k in ALL_OF_A_PAIR
            ],
        ),
    ],
)
def test_bad_rows_are_named_by_line_and_file(problems, rows, changes, found):
    rows = [{**row, **changes.get(k, {})} for k, row in enumerate(rows)]
    expected = []
    for line in found:
        number, _, reason = line.partition(": ")
        path = rows[int(number) - 2]["path"] if number > "1" else "(no path)"
        expected.append(f"line {number}: {path}: {reason}")
    lines = problems(rows)
    assert len(lines) == len(expected)
    for line, beginning in zip(lines, expected, strict=True):
        assert line.startswith(beginning)


def test_images_without_content_are_named_but_not_sources(folder, problems):
    rows = with_columns(rows_of(), source_a="a.png", source_b="a.png")
    Image.new("L", (40, 40), 255).save(folder / "a.png")
    Image.new("L", (40, 40), 255).save(folder / rows[3]["path"])
    (found,) = problems(rows)
    assert found.startswith(f"line 5: {rows[3]['path']}: path: no content")


@pytest.mark.parametrize("kind", ["relative", "absolute", "link", "inside"])
def test_paths_that_leave_the_folder_are_refused(folder, problems, kind):
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
    (found,) = problems(rows)
    assert "leaves the folder" in found


def test_damaged_images_are_found(folder, problems):
    (folder / "images/0_first.png").write_bytes(b"no image")
    (found,) = problems(rows_of())
    assert "line 2: images/0_first.png: path: not a readable PNG" in found


def test_one_picture_in_two_cases_is_a_leak(folder, problems):
    shutil.copy(folder / "images/0_first.png", folder / "images/3_third.png")
    (found,) = problems(rows_of())
    assert found.startswith("line 13: images/3_third.png: the same picture as")
    assert "in line 2, but of case 'pair_3' and not 'pair_0'" in found
    assert "leak from training into test" in found
    assert problems(with_columns(rows_of(), case_id="one")) == []


def test_names_that_no_file_can_have_are_problems(folder, problems):
    (folder / "circle").symlink_to("circle")
    rows = rows_of()
    rows[0]["path"], rows[1]["path"] = "circle", "n" * 300
    found = problems(rows)
    assert [line.rpartition(": ")[2] for line in found] == [
        "too many levels of symbolic links",
        "file name too long",
    ]


def test_mos_is_mapped_to_the_projects_scale(folder):
    found = custom.opinions_of(custom.read_scores(folder))
    expected = [1 + 4 * float(row["mos"]) / 100 for row in rows_of()]
    np.testing.assert_allclose(found.mos, expected)
    assert np.isnan([found.std, found.interval]).all()
    assert found.grades.shape == (15, 0)


def test_mos_of_single_readers_is_their_mean(read):
    rows = with_readers(rows_of())
    rows[0]["reader_3"] = ""
    found = custom.opinions_of(read(rows))
    # Grades 12 and 14 of 100, then 42, 44 and 46.
    np.testing.assert_allclose(found.mos[:2], [1.52, 2.76])
    np.testing.assert_allclose(found.std[1], 0.08)
    assert np.isnan(found.grades[0]).tolist() == [False, False, True]


def test_given_mos_stands_beside_single_grades(read):
    given = {"mos": "50", "mos_std": "25"}
    rows = [{**row, **given} for row in with_readers(rows_of())]
    found = custom.opinions_of(read(rows))
    np.testing.assert_allclose(found.mos, 3.0)
    np.testing.assert_allclose(found.std, 1.0)
    assert found.grades.shape == (15, 3)


def test_rejected_readers_do_not_count(tmp_path):
    rows = with_readers(rows_of(40), 12)
    readers = [f"reader_{k}" for k in range(1, 13)]
    rng = np.random.default_rng(0)
    for row in rows:
        truth = float(row["reader_1"]) - 5
        for name in readers:
            row[name] = f"{np.clip(truth + rng.normal(0, 15), 0, 100):.1f}"
        row["reader_4"] = f"{rng.integers(0, 101)}"
    folder = write_folder(tmp_path / "many", rows)
    scores = custom.read_scores(folder)
    assert custom.describe(scores)["rejected_readers"] == ["reader_4"]
    readers.remove("reader_4")
    first = np.mean([float(rows[0][name]) for name in readers])
    mos = custom.opinions_of(scores).mos[0]
    assert mos == pytest.approx(1 + first / 25)

    rows[7].update(dict.fromkeys(readers, ""), reader_4="50")
    write_table(folder, rows)
    (problem,) = custom.read_scores(folder).problems
    assert problem.line == 9
    assert "only by readers whom the screening rejects" in problem.reason


def test_description_holds_the_agreement_and_is_json(read):
    scores = read(with_readers(rows_of()))
    facts = custom.describe(scores)
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    grades = custom.opinions_of(scores).grades
    icc = agreement.intraclass_correlation(grades)
    assert (facts["icc_single"], facts["icc_mean"]) == pytest.approx(icc, 1e-3)
    assert facts["num_readers"] == 3
    assert facts["scores"] == "user's readers"


def test_description_without_readers_says_so(read):
    facts = custom.describe(read(rows_of()))
    assert facts["num_readers"] == 0
    assert facts["icc_single"] is None


def test_problems_stand_in_one_line_of_error(read):
    rows = rows_of()
    rows[0]["mos"], rows[5]["mos"] = "x", "y"
    with pytest.raises(InputError, match=r"2 problem.*line 2.*line 7") as error:
        custom.describe(read(rows))
    assert "\n" not in str(error.value)
    assert "datasets.custom.check" in str(error.value)


def test_table_without_scores_is_refused(read):
    rows = [{k: v for k, v in row.items() if k != "mos"} for row in rows_of()]
    with pytest.raises(InputError, match="expected a column mos, or columns"):
        read(rows)


def build(folder, rows):
    scores = custom.read_scores(write_folder(folder, rows))
    made = custom.make_groups(scores, 128)
    return made, custom.split_groups(scores, made)


def test_a_group_holds_the_images_of_a_pair(folder):
    made, _ = build(folder, rows_of())
    assert [group.pair_id for group in made] == [f"pair_{k}" for k in range(5)]
    for group in made:
        names = [image.algorithm for image in group.images]
        assert names == ["first", "second", "third"]
        assert group.case_id == group.pair_id
        assert group.modality == "unspecified"
        assert group.sources == ()


def test_sources_of_a_pair_are_kept(folder):
    sources = {"source_a": "pet.png", "source_b": "mri.png"}
    made, _ = build(folder, [{**row, **sources} for row in rows_of()])
    assert [path.name for path in made[0].sources] == ["pet.png", "mri.png"]


def test_images_of_any_size_are_brought_to_one(folder):
    made, _ = build(folder, rows_of())
    sizes = set()
    for image in made[0].images:
        pixels = cv2.imread(str(image.path), cv2.IMREAD_COLOR_RGB)
        sizes.add(pixels.shape)
        found = made[0].read(image.path)
        np.testing.assert_array_equal(found, resize(pixels, 128))
    assert len(sizes) == 3


def test_12_bits_in_16_need_their_depth(folder):
    path = folder / rows_of()[0]["path"]
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    assert cv2.imwrite(str(path), values)
    (problem,) = custom.read_scores(folder).problems
    assert "--grey_bits=12" in problem.reason
    scale = json.loads((folder / "scale.json").read_text())
    (folder / "scale.json").write_text(json.dumps({**scale, "grey_bits": 12}))
    group = custom.make_groups(custom.read_scores(folder), 64)[0]
    expected = np.rint(values * np.float32(255 / 4095))
    found = group.read(group.images[0].path)[..., 0]
    np.testing.assert_array_equal(found, expected)


def test_folds_never_split_a_case(folder):
    rows = enumerate(rows_of(10))
    rows = [{**row, "case_id": f"c{i // 6}"} for i, row in rows]
    _, folds = build(folder, rows)
    cases = [{group.case_id for group in fold} for fold in folds]
    assert [len(fold) for fold in folds] == [2] * 5
    assert len(set.union(*cases)) == sum(map(len, cases))


def test_split_column_decides(folder):
    rows = enumerate(rows_of(7))
    rows = [{**row, "split": f"fold_{min(i // 3, 4)}"} for i, row in rows]
    _, folds = build(folder, rows)
    assert [len(fold) for fold in folds] == [1, 1, 1, 1, 3]
    assert [g.pair_id for g in folds[4]] == ["pair_4", "pair_5", "pair_6"]
