"""The radiologists' reader study."""

import csv

import cv2
import numpy as np
import pytest

from datasets import reader_study
from datasets.groups import split_by_case
from g2npan_tf.core.errors import InputError
from g2npan_tf.evaluation import figures as evaluation
from g2npan_tf.evaluation import statistics
from g2npan_tf.evaluation.results import ALGORITHM_MEAN
from g2npan_tf.evaluation.results import Split
from tests.study_folder import rows_of
from tests.study_folder import write_table

CONTRAST = [reader_study.column(k, "contrast") for k in (1, 2, 3)]


@pytest.fixture
def listed(tmp_path):
    """Lists the groups of a table; also its images by their names."""

    def listed(rows, **options):
        root = write_table(tmp_path, rows)
        groups, facts = reader_study.list_groups(root, **options)
        images = {image.name: image for g in groups for image in g.images}
        return groups, facts, images

    return listed


def test_groups_are_the_sets_of_an_organ(listed):
    groups, _, _ = listed(rows_of(2))
    names = "brain_set_01 brain_set_02 abdomen_set_01 abdomen_set_02"
    assert [group.pair_id for group in groups] == names.split()
    assert {group.modality for group in groups} == {"CT-brain", "CT-abdomen"}
    assert groups[0].reference == "brain/set_01/NDCT.png"
    for group in groups:
        methods = {i.algorithm: i.features["is_anchor"] for i in group.images}
        # Only the two images whose scores were given are anchors.
        assert methods == {"MTD": 0, "WGAN": 0, "LDCT": 1, "NDCT": 1}


def test_mos_is_the_mean_of_contrast_and_structure(listed):
    image = listed(rows_of(1))[2]["brain/set_01/AA.png"]
    assert image.mos == pytest.approx((13 / 3 + 11 / 3) / 2)
    np.testing.assert_allclose(image.features["grades"], [4.0, 3.5, 4.5])
    np.testing.assert_array_equal(image.features["contrast"], [4, 4, 5])
    np.testing.assert_array_equal(image.features["noise"], [7, 7, 7])


@pytest.mark.parametrize("cell", ["6", "0", "33", "", "?", "nan"])
def test_mistyped_scores_are_dropped_and_counted(listed, cell, caplog):
    rows = rows_of(1)
    rows[0]["r2_structure_1_5"] = cell
    groups, facts, _ = listed(rows)
    assert facts["dropped_scores"] == 1
    assert "1 mistyped scores dropped" in caplog.text
    image = groups[0].images[0]
    assert image.mos == pytest.approx((13 / 3 + 4) / 2)
    for name in ("structure", "grades"):
        dropped = np.isnan(image.features[name]).tolist()
        assert dropped == [False, True, False]


def test_agreement_leaves_the_anchors_out(listed):
    rows = rows_of(5)
    rng = np.random.default_rng(0)
    for row in rows:
        for k in (1, 2, 3):
            grade = {"LDCT": 1, "NDCT": 5}.get(row["method"])
            grade = grade or rng.integers(1, 6)
            row[f"r{k}_contrast_1_5"] = row[f"r{k}_structure_1_5"] = str(grade)
    facts = listed(rows)[1]
    # Readers who guess agree on nothing but the anchors.
    assert abs(facts["icc_single"]) < 0.35
    assert max(np.abs(facts["reader_srcc"])) < 0.5


def test_the_abdomen_is_one_case_and_one_fold(listed):
    groups, facts, _ = listed(rows_of(10))
    first, *folds = split_by_case(groups)
    assert facts["caveat"] == "abdomen of one patient, one case"
    assert [g.modality for g in first] == 10 * ["CT-abdomen"]
    assert {g.case_id for g in first} == {"abdomen"}
    assert sorted(map(len, folds)) == [2, 2, 3, 3]
    # Sets 7 and 9 may be of one patient.
    cases = [{g.case_id for g in fold} for fold in folds]
    assert sorted(map(len, cases)) == [2, 2, 2, 3]
    assert len(set.union(*cases)) == 9
    assert "brain_07_09" in set.union(*cases)


def test_folds_by_set_split_the_sets_over_both_organs(listed):
    groups, facts, _ = listed(rows_of(10), by_set=True)
    assert facts["caveat"] == "by set; abdomen of one patient"
    for fold in split_by_case(groups):
        assert len({group.case_id for group in fold}) == 2
        organs = sorted(group.modality for group in fold)
        assert organs == 2 * ["CT-abdomen"] + 2 * ["CT-brain"]


@pytest.mark.parametrize("size", [512, 128])
def test_pixels_are_as_the_readers_saw_them_or_refused(tmp_path, size):
    path = tmp_path / "a.png"
    pixels = np.random.default_rng(0).integers(0, 256, (size, size), np.uint8)
    cv2.imwrite(str(path), pixels)
    if size == 512:
        found = reader_study.read_exact(path)
        np.testing.assert_array_equal(found, np.dstack([pixels] * 3))
    else:
        with pytest.raises(InputError, match="128x128 pixels; expected 512x5"):
            reader_study.read_exact(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"set": "one"}, "line 2: set is 'one'"),
        ({"is_anchor": ""}, "is_anchor ''"),
        ({"is_anchor": "01"}, "is_anchor '01'"),
        ({"method": "NDCT"}, "2 images of method NDCT in set 1 of brain"),
        (dict.fromkeys(CONTRAST, "9"), "line 2: no score on the scale"),
    ],
)
def test_damaged_rows_are_refused(listed, change, message):
    first, *others = rows_of(1)
    with pytest.raises(InputError, match=message):
        listed([first | change, *others])


def test_missing_columns_are_named(listed):
    with pytest.raises(InputError, match=r"no column set.*r3_structure_1_5"):
        listed([{"path": "a", "organ": "brain"}])


@pytest.mark.real
@pytest.mark.parametrize(
    ("by_set", "srcc", "plcc"), [(True, 0.854, 0.888), (False, 0.721, 0.771)]
)
def test_real_study_has_the_known_means(shared_data, by_set, srcc, plcc):
    groups, _ = reader_study.list_groups(shared_data / "reader_study", by_set)
    rows = [
        (g.pair_id, i.algorithm, g.modality, i.mos, g.case_id, fold)
        for fold, members in enumerate(split_by_case(groups))
        for g in members
        for i in g.images
        if not i.features["is_anchor"]
    ]
    *columns, fold = map(np.array, zip(*rows, strict=True))
    whole = Split(*columns)
    predicted = np.zeros(len(fold))
    for k in range(5):
        train, test = whole.at(fold != k), whole.at(fold == k)
        baselines = evaluation.trivial_baselines(train, test)
        predicted[fold == k] = baselines[ALGORITHM_MEAN]
    figures = statistics.figures(whole.mos, predicted)
    assert figures.srcc == pytest.approx(srcc, abs=5e-4)
    assert figures.plcc == pytest.approx(plcc, abs=5e-4)


@pytest.mark.real
def test_real_study_gives_the_published_means(shared_data):
    root = shared_data / "reader_study"
    groups, facts = reader_study.list_groups(root)
    images = {i.name: i for group in groups for i in group.images}
    with (root / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    expected = {row["path"]: float(row["mos_1_5"]) for row in rows}
    found = {name: round(image.mos, 3) for name, image in images.items()}
    assert found == pytest.approx(expected, abs=1e-3)
    assert len(groups) == 20
    assert facts["dropped_scores"] == 14
    assert sum(i.features["is_anchor"] for i in images.values()) == 40
    reader_study.read_exact(next(iter(images.values())).path)
