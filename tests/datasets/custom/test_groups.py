"""A user's scores become groups and folds."""

import json

import cv2
import numpy as np
import pytest

from datasets.custom.groups import make_groups
from datasets.custom.groups import split_groups
from datasets.custom.scores import read_scores
from g2npan_tf.core.errors import InputError
from g2npan_tf.images.read import resize
from tests.custom_folder import rows_of
from tests.custom_folder import write_folder


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
