"""A user's folder becomes scores, groups and folds, or a list of problems."""

import json

import cv2
import numpy as np
import pytest

from datasets.custom import agreement
from datasets.custom import scores as custom
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.read import resize
from tests.custom_folder import rows_of
from tests.custom_folder import with_readers
from tests.custom_folder import write_folder
from tests.custom_folder import write_table


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
    rows = [
        {**row, "case_id": f"c{i // 6}"} for i, row in enumerate(rows_of(10))
    ]
    _, folds = build(folder, rows)
    cases = [{group.case_id for group in fold} for fold in folds]
    assert [len(fold) for fold in folds] == [2] * 5
    assert len(set.union(*cases)) == sum(map(len, cases))


def test_split_column_decides(folder):
    rows = [
        {**row, "split": f"fold_{min(i // 3, 4)}"}
        for i, row in enumerate(rows_of(7))
    ]
    _, folds = build(folder, rows)
    assert [len(fold) for fold in folds] == [1, 1, 1, 1, 3]
    assert [g.pair_id for g in folds[4]] == ["pair_4", "pair_5", "pair_6"]
