"""Training batches are right, repeatable, and know no test image."""

import dataclasses

import numpy as np
import pytest

from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base
from g2npan_tf.data import batches as training_data
from g2npan_tf.model import cam_target
from g2npan_tf.model.spectrum import foreground
from g2npan_tf.training import build
from tests import extra_base
from tests.tiled_base import TiledBase

GRID = (8, 8)


@pytest.fixture(scope="module")
def config(data_dir):
    return Config(data_dir=data_dir, batch_size=4)


@pytest.fixture(scope="module")
def builder(config):
    return base.open_base(config)


def batches(builder, config, count, first_epoch=0):
    sources = base.training_sources(builder, None, config)
    stream, steps = training_data.training_batches(
        sources, build.sampling(config), GRID, first_epoch
    )
    return list(stream.take(count).as_numpy_iterator()), steps


def test_batches_have_the_promised_shapes_and_ranges(builder, config):
    (batch,), steps = batches(builder, config, 1)
    assert steps == (30 - 6 - len(base.divide(builder, config).validation)) // 4
    for name in ("image", "reference"):
        assert batch[name].shape == (4, 128, 128, 3)
        assert batch[name].dtype == np.uint8
    assert batch["quality"].shape == batch["similarity"].shape == (4,)
    assert batch["cam_target"].shape == (4, 8, 8)
    for name in ("quality", "cam_target", "similarity"):
        assert ((batch[name] >= 0) & (batch[name] <= 1)).all()


def test_images_of_a_pair_share_a_group(builder, config):
    still = dataclasses.replace(config, augment=False)
    found, _ = batches(builder, still, 4)
    pairs = {
        (int(batch["group"][i]), batch["reference"][i].tobytes())
        for batch in found
        for i in range(len(batch["group"]))
    }
    assert len(pairs) > 3
    for i in (0, 1):
        assert len({pair[i] for pair in pairs}) == len(pairs)


def references_of(builder, config):
    """Whole base, and each training image's place -> its reference's place."""
    everything = base.read(builder, np.arange(30), ["reference"])
    place_of = {x.tobytes(): i for i, x in enumerate(everything["image"])}
    assert len(place_of) == 30
    still = dataclasses.replace(config, augment=False, batch_size=1)
    # One epoch: every training image once.
    count = len(base.divide(builder, config).train)
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


@pytest.mark.parametrize(
    "protocol", ["leave_algorithm_out", "leave_both_out", "image"]
)
def test_no_test_image_is_a_reference_where_groups_are_split(
    builder, config, protocol
):
    strangers = 0
    for fold in range(3):
        split = dataclasses.replace(config, protocol=protocol, fold=fold)
        parts = base.divide(builder, split)
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
        strangers += (~np.isin(rows["stored"][parts.train], parts.train)).sum()
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


@pytest.mark.parametrize("only", [False, True])
def test_an_epoch_has_the_further_images_with_their_own_references(
    builder, config, tmp_path, only
):
    extra = extra_base.ExtraBase(data_dir=tmp_path)
    extra.download_and_prepare()
    config = dataclasses.replace(
        config,
        extra_data="extra_base",
        extra_only=only,
        protocol="leave_algorithm_out",
        augment=False,
        batch_size=1,
    )
    sources = base.training_sources(builder, extra, config)
    further = sources[-1].places.tolist()
    # "average" is left out, of validation cases all.
    assert not any(place % extra_base.PER_CASE == 0 for place in further)
    assert 0 < len(further) < 2 * len(extra_base.CASES)
    own = 0 if only else len(base.divide(builder, config).train)
    sampling = build.sampling(config)
    stream, steps = training_data.training_batches(sources, sampling, GRID)
    assert steps == training_data.steps_of_epoch(sources, sampling)
    assert steps == own + len(further)
    found = list(stream.take(steps).as_numpy_iterator())
    flat = [batch for batch in found if batch["image"].std() == 0]
    assert len(found) - len(flat) == own
    pairs = {
        tuple(int(batch[x][0, 0, 0, 0]) for x in ("image", "reference"))
        for batch in flat
    }
    size = extra_base.PER_CASE
    assert pairs == {
        (extra_base.grey_of(i), extra_base.grey_of(i // size * size + size - 1))
        for i in further
    }


@pytest.fixture
def tiled(tmp_path):
    """Settings of a data set of images that are scored by tiles."""
    TiledBase(data_dir=tmp_path).download_and_prepare()
    return Config(data="tiled_base", data_dir=str(tmp_path), batch_size=4)


def test_anchors_stay_references_where_groups_are_split(tiled):
    config = dataclasses.replace(
        tiled, protocol="leave_algorithm_out", crops_per_image=1
    )
    (batch,), _ = batches(base.open_base(config), config, 1)
    # Blue numbers the judged images from 1 on; it is 0 in all references.
    assert batch["image"][..., 2].all()
    assert not batch["reference"][..., 2].any()


def test_a_crop_takes_its_part_of_the_images_map(tiled):
    config = dataclasses.replace(tiled, crops_per_image=2, augment=False)
    builder = base.open_base(config)
    whole = base.read(builder, np.arange(30), ["reference"])
    found, _ = batches(builder, config, 3)
    for batch in found:
        for index in range(4):
            tile = batch["image"][index]
            # Red and green tell the place, blue the image.
            row, column, blue = tile[0, 0]
            place = next(
                i
                for i, image in enumerate(whole["image"])
                if image[0, 0, 2] == blue
            )
            image, reference = (
                whole[name][place] / np.float32(255)
                for name in ("image", "reference")
            )
            part = np.s_[row : row + 128, column : column + 128]
            expected = cam_target.local_quality(
                cam_target.similarity_map(image, reference)[part],
                foreground(np.maximum(image, reference))[..., 0][part],
                batch["quality"][index],
                GRID,
                config.cam_kappa,
            )
            np.testing.assert_allclose(
                batch["cam_target"][index], expected, atol=5e-5
            )


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
    # Which is another order than that of the first epoch.
    assert not np.array_equal(whole[0]["quality"], rest[0]["quality"])
    for a, b in zip(whole[steps : steps + 2], rest, strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_augmentation_turns_image_reference_and_target_together():
    side = np.arange(128)
    image = np.zeros((128, 128, 3), np.uint8)
    image[..., 0], image[..., 1] = side[:, None], side[None]
    target = image[8::16, 8::16, 0].astype(np.float32)
    seen = set()
    for index in range(40):
        out = training_data._augment(
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
