"""Parts never share a case; batches are right and repeatable."""

import dataclasses

import numpy as np
import pytest

from datasets.scored_groups import best_of_group
from g2npan_tf import data
from g2npan_tf.config import Config
from g2npan_tf.errors import InputError
from tests.tiled_base import TiledBase

GRID = (8, 8)


@pytest.fixture(scope="module")
def config(data_dir):
    return Config(data_dir=data_dir, batch_size=4)


@pytest.fixture(scope="module")
def builder(config):
    return data.open_base(config)


def batches(builder, config, count, first_epoch=0):
    places = data.divide(builder, config).train
    stream, steps = data.training_batches(
        builder, places, config, GRID, first_epoch
    )
    return list(stream.take(count).as_numpy_iterator()), steps


def cases_of(builder, places):
    return set(data.read(builder, places)["case_id"])


@pytest.mark.parametrize("fold", range(5))
def test_every_case_is_in_exactly_one_part(builder, config, fold):
    parts = data.divide(builder, dataclasses.replace(config, fold=fold))
    cases = [
        cases_of(builder, part)
        for part in (parts.train, parts.validation, parts.test)
    ]
    assert sum(map(len, cases)) == 10
    assert set.union(*cases) == {f"phantom_{i:03}" for i in range(10)}
    assert len(cases[2]) == 2
    assert cases[1]


def test_a_test_part_is_the_fold_of_the_base(builder, config):
    split = builder.as_dataset(split="fold_3").as_numpy_iterator()
    rows = data.read(
        builder, data.divide(builder, dataclasses.replace(config, fold=3)).test
    )
    for row, image, mos in zip(split, rows["image"], rows["mos"], strict=True):
        np.testing.assert_array_equal(row["image"], image)
        assert row["mos"] == mos


def test_scattered_places_are_read_in_order(builder):
    everything = data.read(builder, np.arange(30))
    some = data.read(builder, np.array([2, 17, 29]))
    assert len(everything["mos"]) == 30
    for name, column in some.items():
        np.testing.assert_array_equal(column, everything[name][[2, 17, 29]])
    assert not len(data.read(builder, np.array([], int))["mos"])


def test_read_gives_one_row_an_image(builder, config):
    rows = data.read(builder, data.divide(builder, config).test)
    assert rows["image"].shape == (6, 128, 128, 3)
    assert rows["image"].dtype == np.uint8
    assert len(set(rows["case_id"])) == 2
    assert sorted(set(rows["algorithm"])) == [
        "average",
        "discrete_wavelet",
        "laplacian_pyramid",
    ]
    assert ((rows["mos"] >= 1) & (rows["mos"] <= 5)).all()


def test_read_gives_further_features_as_they_are_stored(builder):
    rows = data.read(builder, np.array([3, 29]), ("source_a", "grades"))
    assert [image.shape for image in rows["source_a"]] == [(128, 128, 3)] * 2
    means = [grades.mean() for grades in rows["grades"]]
    np.testing.assert_allclose(means, rows["mos"], atol=1e-6)


def test_batches_have_the_promised_shapes_and_ranges(builder, config):
    (batch,), steps = batches(builder, config, 1)
    assert steps == (30 - 6 - len(data.divide(builder, config).validation)) // 4
    for name in ("image", "reference"):
        assert batch[name].shape == (4, 128, 128, 3)
        assert batch[name].dtype == np.uint8
    assert batch["quality"].shape == (4,)
    assert batch["cam_target"].shape == (4, 8, 8)
    for name in ("quality", "cam_target"):
        assert ((batch[name] >= 0) & (batch[name] <= 1)).all()


def test_images_of_a_pair_share_a_group(builder, config):
    still = dataclasses.replace(config, augment=False)
    found, _ = batches(builder, still, 4)
    pairs = {
        (int(group), reference.tobytes())
        for batch in found
        for group, reference in zip(
            batch["group"], batch["reference"], strict=True
        )
    }
    assert len(pairs) > 3
    for i in (0, 1):
        assert len({pair[i] for pair in pairs}) == len(pairs)


def references_of(builder, config):
    """Whole base, and each training image's place -> its reference's place."""
    everything = data.read(builder, np.arange(30), ["reference"])
    place_of = {x.tobytes(): i for i, x in enumerate(everything["image"])}
    assert len(place_of) == 30
    still = dataclasses.replace(config, augment=False, batch_size=1)
    # One epoch: every training image once.
    count = len(data.divide(builder, config).train)
    found, steps = batches(builder, still, count)
    assert steps == count
    image, reference = (
        [place_of[batch[name][0].tobytes()] for batch in found]
        for name in ("image", "reference")
    )
    everything["stored"] = np.array(
        [place_of[x.tobytes()] for x in everything["reference"]]
    )
    return everything, dict(zip(image, reference, strict=True))


@pytest.mark.parametrize("protocol", ["leave_algorithm_out", "image"])
def test_no_test_image_is_a_reference_where_groups_are_split(
    builder, config, protocol
):
    strangers = 0
    for fold in range(3):
        split = dataclasses.replace(config, protocol=protocol, fold=fold)
        parts = data.divide(builder, split)
        rows, references = references_of(builder, split)
        np.testing.assert_array_equal(sorted(references), parts.train)
        assert not set(references.values()) & set(parts.test)
        for image, reference in references.items():
            group = [
                place
                for place in parts.train
                if rows["pair_id"][place] == rows["pair_id"][image]
            ]
            assert reference in group
            assert rows["mos"][reference] == max(rows["mos"][group])
        strangers += np.isin(rows["stored"][parts.train], parts.test).sum()
    # The base's own references would not have done.
    assert strangers


@pytest.mark.parametrize("protocol", ["group", "leave_modality_out", "ratio"])
def test_whole_groups_keep_the_references_of_the_base(
    builder, config, protocol
):
    rows, references = references_of(
        builder, dataclasses.replace(config, protocol=protocol)
    )
    for image, reference in references.items():
        assert reference == rows["stored"][image]


def test_anchors_stay_references_where_groups_are_split(tmp_path):
    TiledBase(data_dir=tmp_path).download_and_prepare()
    config = Config(
        data="tiled_base",
        data_dir=str(tmp_path),
        protocol="leave_algorithm_out",
        batch_size=4,
        crops_per_image=1,
    )
    (batch,), _ = batches(data.open_base(config), config, 1)
    # Blue numbers the judged images from 1 on; it is 0 in all references.
    assert batch["image"][..., 2].all()
    assert not batch["reference"][..., 2].any()


def test_ties_between_best_images_are_broken_as_in_a_base():
    mos = np.array([1.0, 4.0, 2.0, 4.0, 4.0, 5.0], np.float32)
    places, found = np.array([0, 1, 3, 4]), set()
    for pair in map(str, range(20)):
        expected = best_of_group({str(i): mos[i] for i in places}, pair)
        best = data._best_of_group(places, mos, pair)
        assert best == int(expected)
        found.add(int(best))
    assert found == {1, 3, 4}


def test_batches_are_the_same_for_the_same_seed_only(builder, config):
    one, _ = batches(builder, config, 2)
    two, _ = batches(builder, config, 2)
    other, _ = batches(builder, dataclasses.replace(config, seed=1), 2)
    for a, b, c in zip(one, two, other, strict=True):
        np.testing.assert_array_equal(a["image"], b["image"])
        assert not np.array_equal(a["image"], c["image"])


def test_a_resumed_stream_goes_on_where_it_was(builder, config):
    whole, steps = batches(builder, config, 3 * 4)
    rest, _ = batches(builder, config, 2, first_epoch=1)
    for a, b in zip(whole[steps : steps + 2], rest, strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_epochs_come_in_another_order(builder, config):
    whole, steps = batches(builder, config, 8)
    first = [batch["quality"] for batch in whole[:steps]]
    second = [batch["quality"] for batch in whole[steps : 2 * steps]]
    assert not np.array_equal(first, second)


def test_augmentation_turns_image_reference_and_target_together():
    side = np.arange(128)
    image = np.zeros((128, 128, 3), np.uint8)
    image[..., 0], image[..., 1] = side[:, None], side[None]
    target = image[8::16, 8::16, 0].astype(np.float32)
    seen = set()
    for index in range(40):
        out = data._augment(
            {"image": image, "reference": image, "cam_target": target},
            (0, index),
        )
        turned = out["image"].numpy()
        np.testing.assert_array_equal(turned, out["reference"])
        # Cell centres, whichever way the image was turned.
        cells = turned.reshape(8, 16, 8, 16, 3).mean((1, 3))[..., 0]
        np.testing.assert_allclose(cells, out["cam_target"] - 0.5, atol=0.01)
        seen.add(turned.tobytes())
    assert len(seen) == 8


def test_too_large_a_batch_is_refused(builder, config):
    with pytest.raises(InputError, match=r"--batch_size=99: .* only"):
        batches(builder, dataclasses.replace(config, batch_size=99), 1)


@pytest.mark.parametrize(
    "name", ["no_such_base", "fusion_quality/no_config", "a/b/c", ""]
)
def test_unknown_bases_are_one_line(config, name):
    with pytest.raises(InputError, match="no such data base") as info:
        data.open_base(dataclasses.replace(config, data=name))
    assert "\n" not in str(info.value)


def test_reopen_never_builds(config, tmp_path):
    with pytest.raises(InputError, match=r"not in .* any more"):
        data.reopen(
            dataclasses.replace(config, data_dir=str(tmp_path)),
            {"name": "fusion_quality/phantom/1.0.0"},
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "changed", [{"images": 999}, {"bytes": 1}, {"scores": "two readers"}]
)
def test_reopen_refuses_another_base_of_the_same_name(builder, config, changed):
    facts = data.facts(builder)
    ((name, value),) = changed.items()
    with pytest.raises(InputError) as info:
        data.reopen(config, facts | changed)
    said = str(info.value)
    assert f"began on one with {name}={value}, that in" in said
    assert f"has {name}={facts[name]}; expected the same data base" in said
    assert "\n" not in said


def test_reopen_compares_only_what_was_noted_of_both(builder, config):
    facts = data.facts(builder)
    for known in (
        facts,
        {"name": facts["name"]},
        {"name": facts["name"], "scores": facts["scores"]},
        facts | {"noted_by_a_later_version": [1, 2]},
    ):
        assert data.reopen(config, known).data_path == builder.data_path


def test_facts_say_that_scores_are_simulated(builder):
    facts = data.facts(builder)
    assert facts["images"] == 30
    assert facts["bytes"] > 30 * 1000
    assert facts["scores"] == "simulated"
    assert facts["name"].startswith("fusion_quality/phantom/")
