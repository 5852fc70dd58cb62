"""From TFDS folds to batches: which cases train, choose and test; decoding."""

import dataclasses
import json
import sys
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from g2npan_tf import mos
from g2npan_tf import protocols
from g2npan_tf.config import NUM_FOLDS
from g2npan_tf.config import Config
from g2npan_tf.errors import InputError
from g2npan_tf.foreground import foreground_share
from g2npan_tf.quality_map import quality_map

Example = dict[str, tf.Tensor]
TEXTS = ("pair_id", "case_id", "algorithm", "modality")
# Images that are decoded and mapped at a time while a part is read.
READ_BATCH = 32
_FOLDS = range(NUM_FOLDS)
# Side in pixels of what the networks see: a whole fused image, or a tile.
TILE_SIZE = 128
# Places drawn for a random crop, of which the fullest is taken.
CROP_TRIES = 4
# Seed of the draw between several best images of a group; that of `datasets`.
TIE_SEED = 0


def open_base(config: Config) -> tfds.core.DatasetBuilder:
    """Opens the data base and builds it first where that was not done yet.

    Args:
        config: `data`, `data_dir` and `manual_dir` are used, in TFDS' sense.

    Returns:
        A prepared builder.

    Raises:
        InputError: If TFDS knows no such data base or it lacks the folds.
    """
    try:
        builder = tfds.builder(config.data, data_dir=config.data_dir or None)
        features = set(builder.info.features or ())
    except (
        tfds.core.DatasetNotFoundError,
        AssertionError,
        ImportError,
        OSError,
        ValueError,
        tf.errors.OpError,
    ) as error:
        raise InputError(
            f"--data={config.data}: TFDS has no such data base. Expected a "
            f"name such as fusion_quality/phantom ({_first_line(error)})"
        ) from error
    absent = {"image", "reference", "mos", *TEXTS} - features
    if absent:
        raise InputError(
            f"--data={config.data}: examples lack {', '.join(sorted(absent))}; "
            "expected a data base of scored images"
        )
    if not builder.is_prepared():
        print(f"building {config.data} in {builder.data_dir}", file=sys.stderr)
        if not sys.stderr.isatty():
            tfds.disable_progress_bar()
        _build(builder, config)
    missing = {f"fold_{k}" for k in _FOLDS} - set(builder.info.splits)
    if missing:
        raise InputError(
            f"--data={config.data}: expected the splits fold_0 .. fold_4, "
            f"not found: {', '.join(sorted(missing))}"
        )
    return builder


def _build(builder: tfds.core.DatasetBuilder, config: Config) -> None:
    """Builds a data base from what is in the manual folder, if it needs one."""
    try:
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(
                manual_dir=config.manual_dir or None
            )
        )
    except InputError:
        raise
    except (AssertionError, OSError, tf.errors.OpError) as error:
        raise InputError(
            f"{config.data}: cannot be built in {builder.data_dir} "
            f"({_first_line(error)})"
        ) from error


def reopen(
    config: Config, run_facts: dict[str, Any]
) -> tfds.core.DatasetBuilder:
    """Opens the data base of a run in the very version it was trained on.

    Never builds: another version would have other images and scores.

    Args:
        config: The run's; `data_dir` is used.
        run_facts: What `facts` said when the run began.

    Returns:
        A prepared builder.

    Raises:
        InputError: If that version is not there any more, or has become
            another base of the same name.
    """
    name, _, version = run_facts["name"].rpartition("/")
    folder = config.data_dir or None
    where = folder or "the default folder of TFDS"
    try:
        builder = tfds.builder(f"{name}:{version}", data_dir=folder)
        if not builder.is_prepared():
            raise InputError("not built")
    except (
        # What TFDS raises for an unknown name, configuration and version.
        tfds.core.DatasetNotFoundError,
        ValueError,
        AssertionError,
        OSError,
    ) as error:
        raise InputError(
            f"{run_facts['name']}: the data base of the run is not in "
            f"{where} any more"
        ) from error
    _check_same(builder, run_facts, where)
    return builder


def _check_same(
    builder: tfds.core.DatasetBuilder, run_facts: dict[str, Any], where: str
) -> None:
    """Refuses other images or scores of the same name.

    Only facts that both have are compared: earlier versions of this project
    noted fewer of them.
    """
    # Lists and tuples are one in config.json.
    noted, here = (
        json.loads(json.dumps(dict(x))) for x in (run_facts, facts(builder))
    )
    for fact, value in noted.items():
        if fact in here and here[fact] != value:
            raise InputError(
                f"{noted['name']}: the run began on one with {fact}={value}, "
                f"that in {where} has {fact}={here[fact]}; expected the same "
                "data base"
            )


def facts(builder: tfds.core.DatasetBuilder) -> dict[str, Any]:
    """What every figure made from the data base must say about it.

    Returns:
        `name` with version of the base, its metadata, e.g. `scores`, and
        `images` and `bytes` of all its splits: bases of the user's own images
        have one name, whatever they hold.
    """
    metadata = dict(builder.info.metadata or {})
    splits = builder.info.splits.values()
    return {
        "name": builder.info.full_name,
        **metadata,
        "images": sum(split.num_examples for split in splits),
        "bytes": sum(int(split.num_bytes) for split in splits),
    }


def tiles_per_side(builder: tfds.core.DatasetBuilder) -> int:
    """How many tiles a side of the base's images has.

    Where texture counts (`sampling` is `tiles` in the metadata) images keep
    their size; networks learn from random crops and score a grid of tiles.

    Args:
        builder: From `open_base`.

    Returns:
        1 for images that are scored whole.

    Raises:
        InputError: If the images do not consist of whole tiles.
    """
    side = builder.info.features["image"].shape[0]
    tiled = (builder.info.metadata or {}).get("sampling") == "tiles"
    count = side // TILE_SIZE if tiled and side else 1
    if side != count * TILE_SIZE:
        raise InputError(
            f"{builder.info.full_name}: images of side {side}; expected "
            f"{TILE_SIZE}, or a multiple of it where sampling is tiles"
        )
    return count


def judged(builder: tfds.core.DatasetBuilder) -> dict[str, np.ndarray]:
    """Lists the images that readers judged, without decoding them.

    Args:
        builder: From `open_base`.

    Returns:
        Arrays with one row an image: `index`, its place in the data base,
        `fold`, int64 `[n]`, and the texts of `read`. Anchors are left out:
        their scores were given, not judged.
    """
    table, is_anchor = _table(builder, TEXTS)
    sizes = [builder.info.splits[f"fold_{k}"].num_examples for k in _FOLDS]
    return {
        "index": np.flatnonzero(~is_anchor),
        "fold": np.repeat(_FOLDS, sizes)[~is_anchor],
        **{name: _decoded(table, name)[~is_anchor] for name in TEXTS},
    }


def _table(
    builder: tfds.core.DatasetBuilder, names: Iterable[str]
) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Some features of every image; which are anchors, boolean `[n]`."""
    flags = {"is_anchor"} & set(builder.info.features)
    rows = list(_examples(builder, {*names, *flags}).as_numpy_iterator())
    return rows, np.array([row.get("is_anchor", False) for row in rows], bool)


def divide(
    builder: tfds.core.DatasetBuilder, config: Config
) -> protocols.Parts:
    """Divides a data base into training, validation and test.

    Args:
        builder: From `open_base`.
        config: See `protocols.divide`.

    Returns:
        Places of the images of each part, anchors in none (see `judged`).

    Raises:
        InputError: If a part would have no image.
    """
    rows = judged(builder)
    names = [field.name for field in dataclasses.fields(protocols.Rows)]
    return protocols.divide(
        protocols.Rows(**{name: rows[name] for name in names}), config
    )


def read(
    builder: tfds.core.DatasetBuilder,
    places: np.ndarray,
    more: Iterable[str] = (),
) -> dict[str, Any]:
    """Reads some images, for scoring.

    Args:
        builder: From `open_base`.
        places: Their places in the data base, from `divide`.
        more: Further features, e.g. `source_a`.

    Returns:
        Arrays with one row an image: `image` uint8 `[n, size, size, 3]`,
        `mos` float32 `[n]`, 1..5, and the texts `pair_id`, `case_id`,
        `algorithm`, `modality`, in the order of the data base. Further
        features are lists, since their sizes may differ.
    """
    names = ("image", "mos", *TEXTS)
    return _columns(builder, places, names, more)


def read_scores(
    builder: tfds.core.DatasetBuilder, places: np.ndarray
) -> dict[str, Any]:
    """Reads what `read` does but the images, which are not decoded."""
    return _columns(builder, places, ("mos", *TEXTS), ())


def _columns(
    builder: tfds.core.DatasetBuilder,
    places: np.ndarray,
    names: Iterable[str],
    more: Iterable[str],
) -> dict[str, Any]:
    """Features of some images: arrays, texts decoded, further ones lists."""
    examples = _chosen(_examples(builder, (*names, *more)), places)
    rows = list(examples.as_numpy_iterator())
    columns: dict[str, Any] = {
        name: _decoded(rows, name)
        if name in TEXTS
        else np.array([row[name] for row in rows])
        for name in names
    }
    return columns | {name: [row[name] for row in rows] for name in more}


def _decoded(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    """A text of each row."""
    texts = np.array([row[name] for row in rows]).astype(bytes)
    return np.char.decode(texts, "utf-8")


def training_batches(
    builder: tfds.core.DatasetBuilder,
    places: np.ndarray,
    config: Config,
    grid: tuple[int, int],
    first_epoch: int = 0,
    worker: int = 0,
    workers: int = 1,
    replicas: int = 1,
) -> tuple[tf.data.Dataset, int]:
    """Endless batches of the training part, the same for the same seed.

    Decoded once and cached; where images are scored by tiles, an epoch has
    `crops_per_image` random crops of each. Order, crops and augmentation
    depend on the seed and on the number of the example in the run only, so
    that a run that goes on at `first_epoch` sees what an uninterrupted one
    would.

    Choice: where some images of a group are not among the training images,
    the best of those that are is their reference, and not the base's: that may
    be a test image, whose pixels and rank would train. Anchors are in no part
    and stay references.

    Args:
        builder: From `open_base`.
        places: Places of the training images, from `divide`.
        config: Batch size, seed, augmentation, `crops_per_image` and
            `cam_kappa` are used.
        grid: Rows and columns of the CAM.
        first_epoch: Epochs that are already done.
        worker: Number of the worker; it gets each example whose number
            leaves this remainder.
        workers: How many there are.
        replicas: Of all workers; a batch is for one of them.

    Returns:
        The batches, dicts of `image` and `reference`, uint8
        `[batch, size, size, 3]`; `quality`, float32 `[batch]`, 0..1;
        `cam_target`, float32 `[batch, *grid]`, 0..1; `group`, int64
        `[batch]`, equal for images of one pair; and the number of steps of
        an epoch (the incomplete last one is left out).

    Raises:
        InputError: If there are fewer images than a batch has.
    """
    examples = _chosen(
        _examples(builder, ("image", "reference", "mos", "pair_id")), places
    )
    examples = _with_references(
        examples, builder, _replaced_references(builder, places)
    ).map(_with_group)

    def targets(batch: Example) -> Example:
        return _targets(batch, grid, config.cam_kappa)

    crop = tiles_per_side(builder) > 1
    if crop:
        # A crop's target is made of the crop, after every epoch's draw.
        examples = examples.cache().repeat(config.crops_per_image)
    else:
        examples = examples.batch(READ_BATCH).map(targets).unbatch().cache()
    count = int(examples.reduce(0, lambda n, _: n + 1))
    steps = count // config.batch_size
    if steps == 0:
        raise InputError(
            f"--batch_size={config.batch_size}: the training part of "
            f"{config.data} has only {count} images"
        )
    used = steps * config.batch_size
    stream = (
        examples.shuffle(count, seed=config.seed)
        .take(used)
        .repeat()
        .enumerate()
        .skip(first_epoch * used)
        .shard(workers, worker)
    )

    def prepare(index: tf.Tensor, example: Example) -> Example:
        seed = (tf.cast(config.seed, tf.int64), index)
        if crop:
            example = _crop(example, seed)
            batch = {name: x[None] for name, x in example.items()}
            example = {name: x[0] for name, x in targets(batch).items()}
        return _augment(example, seed) if config.augment else example

    batches = stream.map(
        prepare,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    ).batch(config.batch_size // replicas, drop_remainder=True)
    return batches.prefetch(tf.data.AUTOTUNE), steps


def _examples(
    builder: tfds.core.DatasetBuilder, names: Iterable[str]
) -> tf.data.Dataset:
    """All examples, one fold after the other, always in the same order."""
    return builder.as_dataset(
        split="+".join(f"fold_{k}" for k in _FOLDS),
        decoders=tfds.decode.PartialDecoding(dict.fromkeys(names, True)),
        read_config=tfds.ReadConfig(
            interleave_cycle_length=1, try_autocache=False
        ),
    )


def _chosen(examples: tf.data.Dataset, places: np.ndarray) -> tf.data.Dataset:
    """The examples at some places."""
    wanted = np.zeros(max(places, default=0) + 1, bool)
    wanted[places] = True
    return (
        examples.take(len(wanted))
        .enumerate()
        .filter(lambda place, _: tf.constant(wanted)[place])
        .map(lambda _, example: example)
    )


def _replaced_references(
    builder: tfds.core.DatasetBuilder, places: np.ndarray
) -> np.ndarray:
    """Finds the references of groups that training has in part only.

    Args:
        builder: From `open_base`.
        places: Places of the training images.

    Returns:
        Place of each training image's new reference, in the order of the data
        base; -1 where that of the base stays. int64 `[n]`.
    """
    table, is_anchor = _table(builder, ("pair_id", "mos"))
    pairs = _decoded(table, "pair_id")
    scores = np.array([row["mos"] for row in table])
    is_ours = np.zeros(len(table), bool)
    is_ours[places] = True
    ours: dict[str, list[int]] = {}
    for place in np.flatnonzero(is_ours).tolist():
        ours.setdefault(pairs[place], []).append(place)
    best = np.full(len(table), -1)
    split = ours.keys() & set(pairs[~is_ours])
    for pair in split - set(pairs[is_anchor]):
        best[ours[pair]] = _best_of_group(np.array(ours[pair]), scores, pair)
    return best[is_ours]


def _best_of_group(
    places: np.ndarray, scores: np.ndarray, pair_id: str
) -> np.int64:
    """Place of the best of some images of a group, as a base chooses it.

    That is `datasets.scored_groups.best_of_group`: ties are broken at random
    with a fixed seed and the group's name.
    """
    best = places[scores[places] == scores[places].max()]
    seed = [TIE_SEED, zlib.crc32(pair_id.encode())]
    return best[np.random.default_rng(seed).integers(len(best))]


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
    images = tf.constant(_columns(builder, chosen, ("image",), ())["image"])
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


def _with_group(example: Example) -> Example:
    """A number in place of the name of the pair."""
    # So many buckets that no two pairs of a base share one.
    group = tf.strings.to_hash_bucket_fast(example["pair_id"], 2**62)
    kept = {name: example[name] for name in ("image", "reference", "mos")}
    return {**kept, "group": group}


def _targets(batch: Example, grid: tuple[int, int], kappa: float) -> Example:
    """What the networks learn from: pixels, quality and CAM target."""
    quality = mos.to_quality(batch["mos"])
    image, reference = (
        tf.image.convert_image_dtype(batch[name], tf.float32)
        for name in ("image", "reference")
    )
    return {
        "image": batch["image"],
        "reference": batch["reference"],
        "quality": quality,
        "cam_target": quality_map(image, reference, quality, grid, kappa),
        "group": batch["group"],
    }


def _crop(example: Example, seed: tuple[tf.Tensor, tf.Tensor]) -> Example:
    """The same random tile of image and reference, at full resolution.

    Choice: of some random places the one with the least background, which
    says nothing of the quality and fills more than half of a CT slice.
    """
    image, reference = example["image"], example["reference"]
    free = tf.cast(tf.shape(image)[:2] - TILE_SIZE + 1, tf.float32)
    places = tf.random.stateless_uniform((CROP_TRIES, 2), seed)
    corners = tf.unstack(tf.cast(places * free, tf.int32))
    tiles = tf.stack([_tile(image, corner) for corner in corners])
    fullest = tf.argmax(foreground_share(tf.cast(tiles, tf.float32) / 255))
    return {
        "image": tiles[fullest],
        "reference": _tile(reference, tf.stack(corners)[fullest]),
        "mos": example["mos"],
        "group": example["group"],
    }


def _tile(image: tf.Tensor, corner: tf.Tensor) -> tf.Tensor:
    """A tile of an image by its upper left corner (row, column)."""
    begin = (*tf.unstack(corner), 0)
    return tf.slice(image, begin, (TILE_SIZE, TILE_SIZE, image.shape[-1]))


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


def _first_line(error: BaseException) -> str:
    """The first line of an exception's text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
