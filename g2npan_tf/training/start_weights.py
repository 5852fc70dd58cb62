"""Start weights: of another run, or of a VGG that others have trained."""

import dataclasses
import json
import pathlib
import sys
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from g2npan_tf.core import config as config_module
from g2npan_tf.core import config_flags
from g2npan_tf.core import presets
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.outputs import BEST
from g2npan_tf.data import base
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.model.train_step import TrainingModel
from g2npan_tf.training import build
from g2npan_tf.training import pretrained

# What the weights' shapes depend on, without and with a GAN.
_PLAIN_FIELDS = (
    "use_gan",
    "backbone",
    "vgg_width",
    "vgg_batch_norm",
    "stem_filters",
    "use_local_contrast",
    "use_spectrum",
    "use_scene_statistics",
)
# Words for the columns of `_apart`.
_APART = {"case_id": "cases", "pair_id": "pairs", "algorithm": "algorithms"}
_GAN_FIELDS = (
    "generator_filters",
    "generator_strides",
    "up_filters",
    "up_scales",
    "num_ufw",
    "use_generator_skip",
    "use_generator_detail",
    "discriminator_filters",
)


def load(model: TrainingModel, config: Config, facts: dict[str, Any]) -> None:
    """Gives the networks their start weights, if the configuration names any.

    Those of another run (`init_from`) are of its best epoch. Optimisers,
    schedule, epoch and log start afresh. The data set and everything that is
    no network setting may differ.

    Choice: the networks are those of the other run's scorer, so that the first
    figures continue its best ones. If that has an averaged generator, it gives
    both the weights and the start of a new average.

    `config` and `facts` are of the run that starts. Nothing is loaded if
    `check` or `check_data` refuses, or if a file is damaged, not finite or of
    another network.
    """
    if not config.init_from:
        if config.backbone_weights:
            pretrained.load(model.quality_network, config)
        return
    check(config)
    check_data(config, facts)
    workdir = pathlib.Path(config.init_from)
    source_config, source_facts = config_module.load(workdir / "config.json")
    for network, weights in _weights(model, source_config, workdir):
        network.set_weights(weights)
    print(f"start weights: {workdir} ({source_facts['name']})", flush=True)


def check(config: Config) -> None:
    """Refuses weights of other networks, before anything is built.

    Choice: all networks are taken or none. A quality network without GAN
    sees no nuance and no UFW features, so that `use_gan` must agree as well.
    """
    if not config.init_from:
        if config.backbone_weights:
            pretrained.check(config)
        return
    workdir = pathlib.Path(config.init_from)
    source, _ = config_module.load(workdir / "config.json")
    if not (workdir / BEST).is_file():
        raise InputError(
            f"{workdir / BEST}: not found; train.py writes it after "
            "the first epoch"
        )
    if config.backbone_weights:
        raise InputError(
            f"--init_from={workdir} gives all weights; expected no "
            "--backbone_weights beside it"
        )
    fields = _network_fields(config)
    there, here = source.to_json(), config.to_json()
    differing = [
        f"{name}={there[name]} there and {here[name]} here"
        for name in fields
        if there[name] != here[name]
    ]
    if differing:
        raise InputError(
            f"--init_from={workdir}: its network settings differ: "
            f"{', '.join(differing)}; expected the same flags"
        )


def check_data(config: Config, facts: dict[str, Any]) -> None:
    """Refuses weights of a run that learned from what this one is tested on.

    Choice: with the same data set, both runs must have the same parts, since a
    run of another fold trained on this one's test images, and the other run
    may not have seen more algorithms than `train_algorithms` lets this one
    see. With two data sets, names are compared: the other run may have trained
    on no case of the test part, on no pair of it if they are versions of one
    data set (whose cases may have new names) and, where algorithms are left
    out, on none of those. Further data that the other run trained on counts,
    too; with the same data set and parts the same rule chose it. Where a data
    set no longer exists, a line says that this was not checked.
    """
    workdir = pathlib.Path(config.init_from)
    source_config, source_facts = config_module.load(workdir / "config.json")
    if _without_version(facts["name"]) == _without_version(
        source_facts["name"]
    ):
        _check_parts(config, source_config)
    if _main(json.loads(json.dumps(facts))) == _main(source_facts):
        return
    try:
        trained = _trained(source_config, source_facts)
        held_out = _held_out(config, facts)
    except (InputError, OSError, tf.errors.OpError) as error:
        print(
            f"not checked whether --init_from={workdir} was trained on cases "
            f"of the test part: {base.first_line(error)}",
            file=sys.stderr,
            flush=True,
        )
        return
    for name, rows in trained.items():
        is_same_study = _study(facts["name"]) == _study(name)
        for column in _apart(config, is_same_study):
            shared = sorted({*rows[column]} & {*held_out[column]})
            if shared:
                words = _APART[column]
                raise InputError(
                    f"--init_from={workdir}: trained on {len(shared)} {words} "
                    f"that this run holds out ({', '.join(shared[:3])} ...), "
                    f"in {name}; expected other {words}, or other names if "
                    "they are different"
                )


def _check_parts(config: Config, source: Config) -> None:
    """Refuses weights of other parts, or more algorithms, of a data set."""
    for name in ("protocol", "fold", "train_share"):
        there, here = getattr(source, name), getattr(config, name)
        if there != here:
            raise InputError(
                f"--init_from={config.init_from}: trained with {name}={there} "
                "on the same data set, this run may test on images that it has "
                f"seen; expected {name}={here}"
            )
    there, here = source.train_algorithms, config.train_algorithms
    # A smaller number's algorithms are among those of a larger one; 0 is all.
    if here and not 0 < there <= here:
        raise InputError(
            f"--init_from={config.init_from}: trained with train_algorithms="
            f"{there} on the same data set, on algorithms that this run holds "
            f"out; expected train_algorithms={here}"
        )


def _apart(config: Config, is_same_study: bool) -> list[str]:
    """Columns in which start weights and `_held_out` may share no name."""
    columns = ["case_id"]
    if is_same_study:
        columns.append("pair_id")
    if config.leaves_algorithms_out:
        columns.append("algorithm")
    return columns


def flags_of_networks(config: Config) -> list[str]:
    """The flags that another run needs to start from this one's weights.

    They are the preset, and the network settings that differ from it.
    """
    differing = {*presets.differing(config)}
    names = {"preset"} | (differing & {*_network_fields(config)})
    return [
        flag
        for flag in config_flags.to_flags(config)
        if flag.partition("=")[0].removeprefix("--") in names
    ]


def _network_fields(config: Config) -> tuple[str, ...]:
    """What the shapes of a run's weights depend on."""
    return (
        _PLAIN_FIELDS
        + (("spectrum_filters",) if config.use_spectrum else ())
        + (("statistics_filters",) if config.use_scene_statistics else ())
        + (_GAN_FIELDS if config.use_gan else ())
    )


def _trained(
    config: Config, facts: dict[str, Any]
) -> dict[str, dict[str, np.ndarray]]:
    """What a run trained on, as `base.read_scores` gives it, by data set."""
    builder = base.reopen(config, facts)
    extra = base.reopen_extra(config, facts)
    return {
        source.builder.info.full_name: base.read_scores(
            source.builder, source.places
        )
        for source in base.training_sources(builder, extra, config)
    }


def _held_out(config: Config, facts: dict[str, Any]) -> dict[str, np.ndarray]:
    """The test part of a run, as `base.read_scores` gives it.

    But `algorithm` lists, once each, all that do not train: also those that
    `train_algorithms` leaves out.
    """
    builder = base.reopen(config, facts)
    parts = base.divide(builder, config)
    train = base.read_scores(builder, parts.train)["algorithm"]
    return base.read_scores(builder, parts.test) | {
        "algorithm": np.setdiff1d(base.judged(builder)["algorithm"], train)
    }


def _main(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts of a run's own data set alone."""
    apart = ("extra_data", "extra_only")
    return {name: facts[name] for name in facts if name not in apart}


def _without_version(name: str) -> str:
    """Name and config of a data set."""
    return name.rpartition("/")[0]


def _study(name: str) -> str:
    """What the pairs of a data set are of, however they are divided."""
    return _without_version(name).removesuffix("_by_set")


def _weights(
    model: TrainingModel, source_config: Config, workdir: pathlib.Path
) -> list[tuple[keras.Model, list[np.ndarray]]]:
    source = read_networks(source_config, workdir / BEST)
    pairs = [(model.quality_network, source.quality_network)]
    if isinstance(model, G2NPAN):
        generator = source.scorer.get_layer("generator")
        pairs += [
            (model.generator, generator),
            (model.discriminator, source.discriminator),
        ]
        if model.averaged_generator is not None:
            pairs.append((model.averaged_generator, generator))
    return [(network, other.get_weights()) for network, other in pairs]


def read_networks(config: Config, path: pathlib.Path) -> TrainingModel:
    """The networks of a run by its `best.weights.h5`; tiles, uncompiled."""
    if not path.is_file():
        raise InputError(f"{path}: not there; expected a run's best weights")
    source = build.build(dataclasses.replace(config, precision="float32"))
    try:
        source.load_weights(path)
    except Exception as error:
        # Readers raise nearly anything on a damaged file.
        reason = base.first_line(error)
        raise InputError(f"{path}: damaged ({reason})") from error
    if not all(np.isfinite(w).all() for w in source.get_weights()):
        raise InputError(f"{path}: has values that are not finite")
    return source
