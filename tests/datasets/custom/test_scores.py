"""A user's folder becomes scores, groups and folds, or a list of problems."""

import json

import cv2
import numpy as np
import pytest

from datasets.custom import agreement
from datasets.custom.scores import describe
from datasets.custom.scores import make_groups
from datasets.custom.scores import opinions_of
from datasets.custom.scores import read_scores
from datasets.custom.scores import split_groups
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.read import resize
from tests.custom_folder import rows_of
from tests.custom_folder import with_readers
from tests.custom_folder import write_folder
from tests.custom_folder import write_table


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "data", rows_of())


def test_mos_is_mapped_to_the_projects_scale(folder):
    found = opinions_of(read_scores(folder))
    expected = [1 + 4 * float(row["mos"]) / 100 for row in rows_of()]
    np.testing.assert_allclose(found.mos, expected)
    assert np.isnan(found.std).all()
    assert np.isnan(found.interval).all()
    assert found.grades.shape == (15, 0)


def test_mos_of_single_readers_is_their_mean(folder):
    rows = with_readers(rows_of())
    rows[0]["reader_3"] = ""
    write_table(folder, rows)
    found = opinions_of(read_scores(folder))
    # Grades 12 and 14 of 100, then 42, 44 and 46.
    np.testing.assert_allclose(found.mos[:2], [1.52, 2.76])
    np.testing.assert_allclose(found.std[1], 0.08)
    assert np.isnan(found.grades[0]).tolist() == [False, False, True]


def test_given_mos_stands_beside_single_grades(folder):
    rows = [
        {**row, "mos": "50", "mos_std": "25"} for row in with_readers(rows_of())
    ]
    write_table(folder, rows)
    found = opinions_of(read_scores(folder))
    np.testing.assert_allclose(found.mos, 3.0)
    np.testing.assert_allclose(found.std, 1.0)
    assert found.grades.shape == (15, 3)


def random_reader(tmp_path, num_pairs=40):
    rows = with_readers(rows_of(num_pairs), 12)
    rng = np.random.default_rng(0)
    for row in rows:
        for k in range(1, 13):
            grade = float(row["reader_1"]) - 5 + rng.normal(0, 15)
            row[f"reader_{k}"] = f"{np.clip(grade, 0, 100):.1f}"
        row["reader_4"] = f"{rng.integers(0, 101)}"
    return rows, write_folder(tmp_path / "many", rows)


def test_rejected_readers_do_not_count(tmp_path):
    rows, folder = random_reader(tmp_path)
    scores = read_scores(folder)
    assert describe(scores)["rejected_readers"] == ["reader_4"]
    kept = [k for k in range(1, 13) if k != 4]
    first = np.mean([float(rows[0][f"reader_{k}"]) for k in kept])
    assert opinions_of(scores).mos[0] == pytest.approx(1 + first / 25)


def test_row_that_only_a_rejected_reader_graded_is_a_problem(tmp_path):
    rows, folder = random_reader(tmp_path)
    for k in range(1, 13):
        rows[7][f"reader_{k}"] = "50" if k == 4 else ""
    write_table(folder, rows)
    (problem,) = read_scores(folder).problems
    assert problem.line == 9
    assert "only by readers whom the screening rejects" in problem.reason


def test_description_holds_the_agreement_and_is_json(folder):
    write_table(folder, with_readers(rows_of()))
    scores = read_scores(folder)
    facts = describe(scores)
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    grades = opinions_of(scores).grades
    single, mean = agreement.intraclass_correlation(grades)
    assert facts["icc_single"] == pytest.approx(single, abs=1e-4)
    assert facts["icc_mean"] == pytest.approx(mean, abs=1e-4)
    assert facts["num_readers"] == 3
    assert facts["scores"] == "user's readers"


def test_description_without_readers_says_so(folder):
    facts = describe(read_scores(folder))
    assert facts["num_readers"] == 0
    assert facts["icc_single"] is None


def test_problems_stand_in_one_line_of_error(folder):
    rows = rows_of()
    rows[0]["mos"], rows[5]["mos"] = "x", "y"
    write_table(folder, rows)
    with pytest.raises(InputError, match=r"2 problem.*line 2.*line 7") as error:
        describe(read_scores(folder))
    assert "\n" not in str(error.value)
    assert "datasets.custom.check" in str(error.value)


def test_table_without_scores_is_refused(folder):
    rows = [{k: v for k, v in row.items() if k != "mos"} for row in rows_of()]
    write_table(folder, rows)
    with pytest.raises(InputError, match="expected a column mos, or columns"):
        read_scores(folder)


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        read_scores(tmp_path / "none")


def build(folder, rows):
    scores = read_scores(write_folder(folder, rows))
    groups = make_groups(scores, 128)
    return groups, split_groups(scores, groups)


def test_a_group_holds_the_images_of_a_pair(tmp_path):
    groups, _ = build(tmp_path / "data", rows_of())
    assert [group.pair_id for group in groups] == [
        f"pair_{k}" for k in range(5)
    ]
    for group in groups:
        names = [image.algorithm for image in group.images]
        assert names == ["first", "second", "third"]
        assert group.case_id == group.pair_id
        assert group.modality == "unspecified"
        assert group.sources == ()


def test_images_of_any_size_are_brought_to_one(tmp_path):
    groups, _ = build(tmp_path / "data", rows_of())
    sizes = set()
    for image in groups[0].images:
        pixels = cv2.imread(str(image.path))[..., ::-1]
        sizes.add(pixels.shape)
        found = groups[0].read(image.path)
        np.testing.assert_array_equal(found, resize(pixels.copy(), 128))
    assert len(sizes) == 3


def test_12_bits_in_16_need_their_depth(tmp_path):
    folder = write_folder(tmp_path / "data", rows_of())
    path = folder / read_scores(folder).rows[0].cells["path"]
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    assert cv2.imwrite(str(path.with_suffix(".png")), values)
    path.with_suffix(".png").replace(path)
    (problem,) = read_scores(folder).problems
    assert "--grey_bits=12" in problem.reason
    scale = json.loads((folder / "scale.json").read_text())
    (folder / "scale.json").write_text(json.dumps({**scale, "grey_bits": 12}))
    group = make_groups(read_scores(folder), 64)[0]
    expected = np.rint(values * np.float32(255 / 4095))
    found = group.read(group.images[0].path)[..., 0]
    np.testing.assert_array_equal(found, expected)


def test_folds_never_split_a_case(tmp_path):
    rows = rows_of(10)
    for i, row in enumerate(rows):
        row["case_id"] = f"case_{i // 6}"
    _, folds = build(tmp_path / "data", rows)
    cases = [{group.case_id for group in fold} for fold in folds]
    assert [len(fold) for fold in folds] == [2] * 5
    assert len(set.union(*cases)) == sum(map(len, cases))


def test_split_column_decides(tmp_path):
    rows = rows_of(7)
    for i, row in enumerate(rows):
        row["split"] = f"fold_{min(i // 3, 4)}"
    _, folds = build(tmp_path / "data", rows)
    assert [len(fold) for fold in folds] == [1, 1, 1, 1, 3]
    assert [g.pair_id for g in folds[4]] == ["pair_4", "pair_5", "pair_6"]


def test_too_few_cases_are_refused(tmp_path):
    with pytest.raises(InputError, match="4 cases"):
        build(tmp_path / "data", rows_of(4))


def test_sources_of_a_pair_are_kept(tmp_path):
    rows = [
        {**row, "source_a": "pet.png", "source_b": "mri.png"}
        for row in rows_of()
    ]
    groups, _ = build(tmp_path / "data", rows)
    assert [path.name for path in groups[0].sources] == ["pet.png", "mri.png"]
