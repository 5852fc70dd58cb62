"""A data set: it is found, built, reopened, divided and read into arrays."""

import dataclasses
import importlib.metadata
import json
import re
import sys
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from g2npan_tf.core.config import NUM_FOLDS
from g2npan_tf.core.config import TILE_SIZE
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import protocols

TEXTS = ("pair_id", "case_id", "algorithm", "modality")
# Entry points of installed packages: modules that register TFDS builders.
PLUG_INS = "g2npan_tf.data_sets"
_FOLDS = range(NUM_FOLDS)
# Rows of a table that are read at once.
_ROWS = 256


def _builder(name: str, config: Config) -> tfds.core.DatasetBuilder:
    """A data set that TFDS or a plug-in knows, or that is built already.

    A checkout's data sets are such a plug-in. A wheel does not have them;
    there TFDS reads what is built in `data_dir`.
    """
    known = tfds.list_builders(with_community_datasets=False)
    if re.split("[/:]", name)[0] not in known:
        _load_plug_ins()
    return tfds.builder(name, data_dir=config.data_dir or None)


def _load_plug_ins() -> None:
    """Lets other packages register their data sets."""
    # All of them: `entry_points` drops one of a package's two installations.
    for package in importlib.metadata.distributions():
        for plug_in in package.entry_points.select(group=PLUG_INS):
            try:
                plug_in.load()
            except ModuleNotFoundError as error:
                # A checkout that was moved, or a wheel: it has no data sets.
                if not plug_in.module.startswith(str(error.name)):
                    raise


@dataclasses.dataclass(frozen=True)
class Source:
    """Some images of a data set, by their places there, int64 `[n]`."""

    builder: tfds.core.DatasetBuilder
    places: np.ndarray


def open_base(config: Config, field: str = "data") -> tfds.core.DatasetBuilder:
    """Opens a data set, and builds it first if necessary.

    Args:
        config: Names the data set.
        field: The field that names it: `data` or `extra_data`.

    Raises:
        InputError: If there is no such data set or it lacks the folds.
    """
    name = getattr(config, field)
    try:
        builder = _builder(name, config)
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
            f"--{field}={name}: no such data set in TFDS, and none built "
            "in --data_dir; this project's, such as fusion_quality/phantom, "
            "are known after `pip install -e .` in a checkout "
            f"({first_line(error)})"
        ) from error
    absent = {"image", "reference", "mos", *TEXTS} - features
    if absent:
        raise InputError(
            f"--{field}={name}: examples lack {', '.join(sorted(absent))}; "
            "expected a data set of scored images"
        )
    if not builder.is_prepared():
        print(f"building {name} in {builder.data_dir}", file=sys.stderr)
        if not sys.stderr.isatty():
            tfds.disable_progress_bar()
        _build(builder, config)
    missing = {f"fold_{k}" for k in _FOLDS} - set(builder.info.splits)
    if missing:
        raise InputError(
            f"--{field}={name}: expected the splits fold_0 .. fold_4, "
            f"not found: {', '.join(sorted(missing))}"
        )
    return builder


def open_extra(config: Config) -> tfds.core.DatasetBuilder | None:
    """Opens the data set of `extra_data`, if there is one."""
    return open_base(config, "extra_data") if config.extra_data else None


def _build(builder: tfds.core.DatasetBuilder, config: Config) -> None:
    """Builds a data set, from the manual folder if it needs one."""
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
            f"{builder.info.full_name}: cannot be built in {builder.data_dir} "
            f"({first_line(error)})"
        ) from error


def reopen(
    config: Config, run_facts: dict[str, Any]
) -> tfds.core.DatasetBuilder:
    """Opens the data set of a run in the very version it was trained on.

    Never builds: another version would have other images and scores.

    Args:
        config: The run's; `data_dir` is used.
        run_facts: What `facts` said when the run began.

    Raises:
        InputError: If that version no longer exists, or has become another
            data set of the same name.
    """
    name, _, version = run_facts["name"].rpartition("/")
    folder = config.data_dir or None
    where = folder or "the default folder of TFDS"
    try:
        builder = _builder(f"{name}:{version}", config)
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
            f"{run_facts['name']}: the data set of the run is not in "
            f"{where} any more"
        ) from error
    _check_same(builder, run_facts, where)
    return builder


def reopen_extra(
    config: Config, run_facts: dict[str, Any]
) -> tfds.core.DatasetBuilder | None:
    """Reopens the further data set that a run trained on, if any."""
    noted = run_facts.get("extra_data")
    return reopen(config, noted) if noted else None


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
                "data set"
            )


def facts(builder: tfds.core.DatasetBuilder) -> dict[str, Any]:
    """What every figure made from the data set must say about it.

    Returns:
        `name` with version, the metadata, e.g. `scores`, and `images` and
        `bytes` of all splits: data sets of the user's own images have one
        name, whatever they hold.
    """
    metadata = dict(builder.info.metadata or {})
    splits = builder.info.splits.values()
    return {
        "name": builder.info.full_name,
        **metadata,
        "images": sum(split.num_examples for split in splits),
        "bytes": sum(int(split.num_bytes) for split in splits),
    }


def run_facts(
    builder: tfds.core.DatasetBuilder,
    extra: tfds.core.DatasetBuilder | None,
    config: Config,
) -> dict[str, Any]:
    """The facts of a run's data set, and of the further one it trains on.

    Returns:
        As `facts`; where there is a further data set, also its facts as
        `extra_data`, and `extra_only`.
    """
    if extra is None:
        return facts(builder)
    return {
        **facts(builder),
        "extra_data": facts(extra),
        "extra_only": config.extra_only,
    }


def is_tiled(builder: tfds.core.DatasetBuilder) -> bool:
    """Whether images keep their size and are cut into tiles.

    They are where texture counts (`sampling` is `tiles` in the metadata).
    Networks then learn from random crops and score a grid of tiles.
    """
    return (builder.info.metadata or {}).get("sampling") == "tiles"


def tiles_per_side(
    builder: tfds.core.DatasetBuilder, tile_size: int = TILE_SIZE
) -> int:
    """How many tiles a side of the images has; 1: they are scored whole."""
    side = builder.info.features["image"].shape[0]
    count = side // tile_size if is_tiled(builder) and side else 1
    if side != count * tile_size:
        raise InputError(
            f"{builder.info.full_name}: images of side {side}; expected "
            f"{tile_size} (--tile_size), or a multiple of it where sampling "
            "is tiles"
        )
    return count


def judged(builder: tfds.core.DatasetBuilder) -> dict[str, np.ndarray]:
    """Lists the images that readers judged, without decoding them.

    Returns:
        Arrays with one row an image: `index`, its place in the data set,
        `fold`, int64 `[n]`, and the texts of `read`. Anchors are left out:
        their scores were given, not judged.
    """
    table, is_anchor = read_table(builder, TEXTS)
    sizes = [builder.info.splits[f"fold_{k}"].num_examples for k in _FOLDS]
    return {
        "index": np.flatnonzero(~is_anchor),
        "fold": np.repeat(_FOLDS, sizes)[~is_anchor],
        **{name: table[name][~is_anchor] for name in TEXTS},
    }


def read_table(
    builder: tfds.core.DatasetBuilder, names: Sequence[str]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Reads the named features of every image, anchors too.

    Returns:
        The features as columns; which rows are anchors, bool `[n]`.
    """
    flags = {"is_anchor"} & set(builder.info.features)
    rows = _unbatched(examples(builder, (*names, *flags)))
    is_anchor = [row.get("is_anchor", False) for row in rows]
    return _columns(rows, names), np.array(is_anchor, bool)


def divide(
    builder: tfds.core.DatasetBuilder, config: Config
) -> protocols.Parts:
    """Divides a data set by `protocols.divide`; anchors are in no part."""
    return protocols.divide(_rows(builder), config)


def training_sources(
    builder: tfds.core.DatasetBuilder,
    extra: tfds.core.DatasetBuilder | None,
    config: Config,
) -> list[Source]:
    """The images that networks learn from: the training part, and further ones.

    `protocols.may_train_too` chooses those of `extra_data`; with `extra_only`
    they train alone.

    Args:
        builder: Of the run's data set.
        extra: Of `extra_data`; None if there is none.
        config: Of the run.

    Raises:
        InputError: If the two do not go together, or nothing of the further
            one may train.
    """
    rows = _rows(builder)
    parts = protocols.divide(rows, config)
    own = [] if config.extra_only else [Source(builder, parts.train)]
    if extra is None:
        return own
    own *= config.data_repeats
    expected, found = (
        _sizes(one, config.tile_size) for one in (builder, extra)
    )
    if found != expected:
        raise InputError(
            f"--extra_data={config.extra_data}: {found}; expected {expected}, "
            f"as in {builder.info.full_name}"
        )
    places = protocols.may_train_too(_rows(extra), rows, parts, config)
    if not places.size:
        raise InputError(
            f"--extra_data={config.extra_data}: no image is left to train; "
            f"--protocol={config.protocol} holds all of them out"
        )
    return [*own, Source(extra, places)]


def _sizes(builder: tfds.core.DatasetBuilder, tile_size: int) -> str:
    """What images must have in common to be in one batch, in words."""
    shape = builder.info.features["image"].shape
    tiles = tiles_per_side(builder, tile_size)
    return f"images {shape} of {tiles} tiles a side"


def _rows(builder: tfds.core.DatasetBuilder) -> protocols.Rows:
    """The columns that protocols use."""
    rows = judged(builder)
    names = [field.name for field in dataclasses.fields(protocols.Rows)]
    return protocols.Rows(**{name: rows[name] for name in names})


def read(
    builder: tfds.core.DatasetBuilder,
    places: np.ndarray,
    more: Iterable[str] = (),
) -> dict[str, Any]:
    """Reads some images, for scoring.

    Args:
        builder: From `open_base`.
        places: In the data set, from `divide`.
        more: Further features, e.g. `source_a`.

    Returns:
        Arrays with one row an image: `image` uint8 `[n, size, size, 3]`,
        `mos` float32 `[n]`, 1..5, and the texts `pair_id`, `case_id`,
        `algorithm`, `modality`, in the order of the data set. Further
        features are lists, since their sizes may differ.
    """
    names = ("image", "mos", *TEXTS)
    found = examples(builder, (*names, *more), places)
    rows = list(found.as_numpy_iterator())
    columns: dict[str, Any] = {**_columns(rows, names)}
    return columns | {name: [row[name] for row in rows] for name in more}


def cases(rows: Mapping[str, np.ndarray]) -> np.ndarray:
    """The case of each row of `read`, text `[n]`.

    The modality is part of it: the same number in two of them is no patient.
    """
    return np.char.add(np.char.add(rows["modality"], "/"), rows["case_id"])


def read_some(sources: Sequence[Source], count: int) -> dict[str, Any]:
    """Reads some images, at least one, from all sources together.

    They are drawn with a fixed seed: every second image, say, could be every
    second algorithm of each group.

    Returns:
        As `read`, at most `count` rows, source after source.
    """
    owners = np.repeat(
        np.arange(len(sources)), [len(source.places) for source in sources]
    )
    places = np.concatenate([source.places for source in sources])
    drawn = np.random.default_rng(0).permutation(len(places))[:count]
    columns = [
        read(sources[owner].builder, places[drawn][owners[drawn] == owner])
        for owner in np.unique(owners[drawn])
    ]
    return {
        name: np.concatenate([column[name] for column in columns])
        for name in columns[0]
    }


def read_scores(
    builder: tfds.core.DatasetBuilder, places: np.ndarray
) -> dict[str, np.ndarray]:
    """Reads what `read` does, without the images, which are not decoded."""
    names = ("mos", *TEXTS)
    return _columns(_unbatched(examples(builder, names, places)), names)


def _unbatched(found: tf.data.Dataset) -> list[dict[str, Any]]:
    """Examples of scalars; reading batches takes a third of the time."""
    return [
        dict(zip(batch, row, strict=True))
        for batch in found.batch(_ROWS).as_numpy_iterator()
        for row in zip(*batch.values(), strict=True)
    ]


def _columns(
    rows: Sequence[dict[str, Any]], names: Iterable[str]
) -> dict[str, np.ndarray]:
    """Features of one size as arrays with one row an image, texts decoded."""
    columns = {name: np.array([row[name] for row in rows]) for name in names}
    for name in columns.keys() & set(TEXTS):
        columns[name] = np.char.decode(columns[name].astype(bytes), "utf-8")
    return columns


def examples(
    builder: tfds.core.DatasetBuilder,
    names: Iterable[str],
    places: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Examples with the named features, fold by fold, always in one order.

    Args:
        builder: From `open_base`.
        names: Of the features.
        places: Of the examples in the data set, int64 `[n]`; None: all.
    """
    found = builder.as_dataset(
        split="+".join(f"fold_{k}" for k in _FOLDS),
        decoders=tfds.decode.PartialDecoding(dict.fromkeys(names, True)),
        read_config=tfds.ReadConfig(
            interleave_cycle_length=1, try_autocache=False
        ),
    )
    if places is None:
        return found
    wanted = np.zeros(max(places, default=0) + 1, bool)
    wanted[places] = True
    return (
        found.take(len(wanted))
        .enumerate()
        .filter(lambda place, _: tf.constant(wanted)[place])
        .map(lambda _, example: example)
    )


def first_line(error: BaseException) -> str:
    """The first line of an exception's text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
