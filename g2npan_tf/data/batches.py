"""From a data set to training batches: references, crops, targets."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from g2npan_tf.core import mos
from g2npan_tf.core.config import TILE_SIZE
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base
from g2npan_tf.model.cam_target import local_quality
from g2npan_tf.model.cam_target import similarity_map
from g2npan_tf.model.spectrum import foreground

Example = dict[str, tf.Tensor]
# Places drawn for a random crop, of which the fullest is taken.
CROP_TRIES = 4


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How batches are drawn from the training part."""

    batch_size: int  # Over all replicas.
    seed: int
    augment: bool
    crops_per_image: int  # In an epoch, where images are scored by tiles.
    cam_kappa: float  # Contrast of the CAM's target.
    tile_size: int = TILE_SIZE  # Side of a crop in pixels.


def steps_of_epoch(sources: Sequence[base.Source], sampling: Sampling) -> int:
    """How many batches an epoch has; the incomplete last one is left out.

    Raises:
        InputError: If there are too few images for one.
    """
    count = _count(sources, sampling)
    if count < sampling.batch_size:
        names = " and ".join(x.builder.info.full_name for x in sources)
        raise InputError(
            f"--batch_size={sampling.batch_size}: the training part of "
            f"{names} has only {count} images"
        )
    return count // sampling.batch_size


def training_batches(
    sources: Sequence[base.Source],
    sampling: Sampling,
    grid: tuple[int, int],
    first_epoch: int = 0,
    worker: int = 0,
    workers: int = 1,
    replicas: int = 1,
) -> tuple[tf.data.Dataset, int]:
    """Endless batches of the training part, the same for the same seed.

    Images are decoded once and cached; where they are scored by tiles, an
    epoch has `crops_per_image` random crops of each. Order, crops and
    augmentation depend only on the seed and on the example's number in the
    run, so that a run that resumes at `first_epoch` sees what an uninterrupted
    one would.

    Choice: where some images of a group do not train, the reference is the
    best of those that do, and not the data set's own: that may be a test
    image, whose pixels and rank would then train. Anchors are in no part and
    stay references. Each source has references of its own.

    Args:
        sources: The training images, from `base.training_sources`.
        sampling: How they are drawn.
        grid: Rows and columns of the CAM.
        first_epoch: Epochs that are already done.
        worker: Number of the worker of `workers`; it gets each example whose
            number leaves this remainder.
        workers: How many there are.
        replicas: Of all workers; a batch is for one of them.

    Returns:
        The batches, dicts of `image` and `reference`, uint8
        `[batch, size, size, 3]`; `quality`, float32 `[batch]`, 0..1;
        `cam_target`, float32 `[batch, *grid]`, 0..1; `group`, int64
        `[batch]`, equal for images of one pair; `similarity`, float32
        `[batch]`, SSIM of image and reference; and the number of steps of
        an epoch (the incomplete last one is left out).
    """
    steps = steps_of_epoch(sources, sampling)
    examples = functools.reduce(
        tf.data.Dataset.concatenate, map(_examples, sources)
    ).map(_with_maps, num_parallel_calls=tf.data.AUTOTUNE)

    def with_target(example: Example) -> Example:
        return _with_target(example, grid, sampling.cam_kappa)

    crop = base.is_tiled(sources[0].builder)
    if crop:
        # A crop's target comes from its part of the maps, so after the draw.
        examples = examples.cache().repeat(sampling.crops_per_image)
    else:
        examples = examples.map(with_target).cache()
    used = steps * sampling.batch_size
    stream = (
        examples.shuffle(_count(sources, sampling), seed=sampling.seed)
        .take(used)
        .repeat()
        .enumerate()
        .skip(first_epoch * used)
        .shard(workers, worker)
    )

    def prepare(index: tf.Tensor, example: Example) -> Example:
        seed = (tf.cast(sampling.seed, tf.int64), index)
        if crop:
            example = with_target(_crop(example, seed, sampling.tile_size))
        return _augment(example, seed) if sampling.augment else example

    batches = stream.map(
        prepare,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    ).batch(sampling.batch_size // replicas, drop_remainder=True)
    return batches.prefetch(tf.data.AUTOTUNE), steps


def _count(sources: Sequence[base.Source], sampling: Sampling) -> int:
    """Number of examples of an epoch."""
    images = sum(len(source.places) for source in sources)
    crop = base.is_tiled(sources[0].builder)
    return images * (sampling.crops_per_image if crop else 1)


def _examples(source: base.Source) -> tf.data.Dataset:
    """A source's images as examples, with their references."""
    features = ("image", "reference", "mos", "pair_id")
    return _with_references(
        base.examples(source.builder, features, source.places),
        source.builder,
        _replaced_references(source),
    )


def _replaced_references(source: base.Source) -> np.ndarray:
    """Finds the references of groups that train only in part.

    Returns:
        Place of each training image's new reference, in the order of the data
        set; -1 to keep the data set's own. int64 `[n]`.
    """
    table, is_anchor = base.read_table(source.builder, ("pair_id", "mos"))
    pairs, scores = table["pair_id"], table["mos"]
    is_ours = np.zeros(len(pairs), bool)
    is_ours[source.places] = True
    ours: dict[str, list[int]] = {}
    for place in np.flatnonzero(is_ours).tolist():
        ours.setdefault(pairs[place], []).append(place)
    best = np.full(len(pairs), -1)
    split = ours.keys() & set(pairs[~is_ours])
    for pair in split - set(pairs[is_anchor]):
        places = np.array(ours[pair])
        best[places] = places[mos.place_of_best(scores[places], pair)]
    return best[is_ours]


def _with_references(
    examples: tf.data.Dataset,
    builder: tfds.core.DatasetBuilder,
    references: np.ndarray,
) -> tf.data.Dataset:
    """Examples with the images at some places as references; -1: unchanged."""
    is_new = references >= 0
    if not is_new.any():
        return examples
    # One image a group, so a fraction of what is cached of the examples.
    chosen, numbers = np.unique(references[is_new], return_inverse=True)
    images = tf.constant(base.read(builder, chosen)["image"])
    rows = np.full(len(references), -1)
    rows[is_new] = numbers

    def replace(row: tf.Tensor, example: Example) -> Example:
        reference = tf.cond(
            row < 0, lambda: example["reference"], lambda: images[row]
        )
        return {**example, "reference": reference}

    return tf.data.Dataset.zip(
        tf.data.Dataset.from_tensor_slices(rows), examples
    ).map(replace)


def _with_maps(example: Example) -> Example:
    """What is made of an image only once: its pair's number, and its maps."""
    image, reference = example["image"], example["reference"]
    similarity = tf.numpy_function(
        lambda *pair: similarity_map(*(x / 255 for x in pair)),
        (image, reference),
        tf.float64,
        stateful=False,
    )
    brighter = tf.cast(tf.maximum(image, reference), tf.float32) / 255
    return {
        "image": image,
        "reference": reference,
        "mos": example["mos"],
        # So many buckets that no two pairs of a data set share one.
        "group": tf.strings.to_hash_bucket_fast(example["pair_id"], 2**62),
        # Half the memory; the rounding is lost in the mean over a cell.
        "similarity": tf.ensure_shape(
            tf.cast(similarity, tf.float16), image.shape[:2]
        ),
        "shown": foreground(brighter)[..., 0] > 0,
    }


def _with_target(
    example: Example, grid: tuple[int, int], kappa: float
) -> Example:
    """What the networks learn from: pixels, quality and CAM target."""
    quality = mos.to_quality(example["mos"])
    return {
        "image": example["image"],
        "reference": example["reference"],
        "quality": quality,
        "cam_target": local_quality(
            example["similarity"], example["shown"], quality, grid, kappa
        ),
        "group": example["group"],
        "similarity": tf.reduce_mean(
            tf.cast(example["similarity"], tf.float32)
        ),
    }


def _crop(
    example: Example, seed: tuple[tf.Tensor, tf.Tensor], size: int
) -> Example:
    """The same random tile of image, reference and maps, at full resolution.

    Choice: of some random places the one with the least background, which
    says nothing of the quality and fills more than half of a CT slice.
    """
    shown = example["shown"]
    free = tf.cast(tf.shape(shown) - size + 1, tf.float32)
    places = tf.random.stateless_uniform((CROP_TRIES, 2), seed)
    corners = tf.cast(places * free, tf.int32)
    sizes = [
        tf.math.count_nonzero(_tile(shown, corner, size))
        for corner in tf.unstack(corners)
    ]
    fullest = corners[tf.argmax(sizes)]
    tiles = {
        name: _tile(example[name], fullest, size)
        for name in ("image", "reference", "similarity", "shown")
    }
    return {**example, **tiles}


def _tile(whole: tf.Tensor, corner: tf.Tensor, size: int) -> tf.Tensor:
    """A tile of an image or map by its upper left corner (row, column)."""
    rest = whole.shape[2:]
    begin = (*tf.unstack(corner), *[0] * len(rest))
    return tf.slice(whole, begin, (size, size, *rest))


def _augment(example: Example, seed: tuple[tf.Tensor, tf.Tensor]) -> Example:
    """One of the eight symmetries of the square, for image and maps alike.

    Never blur, noise or re-scaling: they would change the quality.
    """
    draw = tf.random.stateless_uniform([2], seed, 0, 8, dtype=tf.int32)
    turns, flip = draw[0] % 4, draw[1] % 2 == 1

    def turn(x: tf.Tensor) -> tf.Tensor:
        x = tf.image.rot90(x, turns)
        return tf.cond(flip, lambda: tf.reverse(x, [1]), lambda: x)

    return {
        **example,
        "image": turn(example["image"]),
        "reference": turn(example["reference"]),
        "cam_target": turn(example["cam_target"][..., None])[..., 0],
    }
