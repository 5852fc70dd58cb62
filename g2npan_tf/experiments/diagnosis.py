"""Why a run learns what it learns: gradients, features, nuance, fit."""

import dataclasses
import itertools
import pathlib
from collections.abc import Iterable
from typing import Any
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from g2npan_tf.core import config as config_module
from g2npan_tf.core import outputs
from g2npan_tf.core import run_names
from g2npan_tf.data import base
from g2npan_tf.data import batches as training_data
from g2npan_tf.data import protocols
from g2npan_tf.evaluation.statistics import srcc
from g2npan_tf.experiments.nearness import Nearness
from g2npan_tf.experiments.nearness import nearness
from g2npan_tf.model import scorer
from g2npan_tf.model.quality_network import WEIGHTS
from g2npan_tf.model.quality_network import mean_of_cells
from g2npan_tf.model.quality_network import weights_of_cells
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.model.train_step import Batch
from g2npan_tf.model.train_step import Objective
from g2npan_tf.model.train_step import PlainAssessment
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.training import build
from g2npan_tf.training import start_weights

Gradients = list[tf.Tensor]
# Images of a part, enough for a rank correlation to about a tenth.
MAX_IMAGES = 64
# Images of the test part, several a case.
MAX_COMPARED = 256
# Images at a time; those of a reader study are sixteen tiles each.
_BATCH = 4
# The term that each weight of the objective adds to the gradient of a network.
_GENERATOR_TERMS = {
    "reconstruction_weight": "reconstruction (Eq. 1)",
    "adversarial_weight": "adversarial (Eq. 2)",
}
_QUALITY_TERMS = {
    "cam_weight": "CAM (Eq. 6)",
    "correlation_weight": "correlation",
    "ranking_weight": "ranking",
}
# Weighed by theta, as Eq. 1 is.
_BESIDE_EQ_1 = {
    "spectral_weight": "spectra, beside Eq. 1",
    "ssim_weight": "SSIM, beside Eq. 1",
}
# For the network whose features the head sees.
_HEAD_TERM = {"reference_head_weight": "what a reference tells"}
_QUALITY = ("quality_weight", *_QUALITY_TERMS)
_NO_TERM = dict.fromkeys(
    (*_GENERATOR_TERMS, *_BESIDE_EQ_1, *_HEAD_TERM, *_QUALITY), 0.0
)


class _Term(NamedTuple):
    """A part of a loss, and the weights of the step that finds its gradient."""

    network: str
    name: str
    on: tuple[str, ...]
    # The weights of the step without it; None: nothing else moves the network.
    beside: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Fit:
    """How well some images of a part are ranked."""

    images: int
    srcc: float


@dataclasses.dataclass(frozen=True)
class ScorePart:
    """What some features add to the logit, over some images."""

    sd: float
    srcc: float  # With the MOS.


@dataclasses.dataclass(frozen=True)
class ScoreParts:
    """What feeds a score, over some images; `srcc` is with the MOS."""

    ufw: ScorePart
    backbone: ScorePart
    # Of spectra or scene statistics. None: the network has neither.
    stem: ScorePart | None
    # Means of I_sub, and of the squared difference from I_GT of I_hq and of
    # the image itself.
    nuance: float
    nuance_srcc: float
    generated_error: float
    image_error: float


@dataclasses.dataclass(frozen=True)
class Findings:
    """What was found in a run.

    Only a run with a GAN has `score`, and `nearness` by name of the measure.
    """

    data: dict[str, Any]
    protocol: str
    preset: str
    changes: list[str]
    network: str
    fit: dict[str, Fit]
    score: ScoreParts | None
    nearness: dict[str, Nearness] | None
    gradients: dict[str, dict[str, float]]


def examine(workdir: pathlib.Path, num_batches: int) -> Findings:
    """Looks into a run, with some training batches for the gradients.

    Raises:
        InputError: If there is no run, or its data set is not there.
    """
    config, facts = config_module.load(workdir / "config.json")
    model = start_weights.read_networks(config, workdir / outputs.BEST)
    builder = base.reopen(config, facts)
    parts = base.divide(builder, config)
    sources = base.training_sources(
        builder, base.reopen_extra(config, facts), config
    )
    score, near = None, None
    if config.use_gan:
        tiles = base.tiles_per_side(builder, config.tile_size)
        score = _score_parts(model, builder, parts, tiles)
        near = _nearness(model, builder, parts, tiles)
    grid = model.quality_network.output["cam_logits"].shape[1:]
    stream, steps = training_data.training_batches(
        sources, build.sampling(config), grid
    )
    build.compile_model(model, config, steps)
    return Findings(
        data=facts,
        protocol=protocols.describe(config),
        preset=config.preset,
        changes=run_names.changes(config),
        network=run_names.name_of(config),
        fit=_fits(
            Assessor.load(workdir, check_content=False),
            {
                "train": sources,
                "validation": [base.Source(builder, parts.validation)],
                "test": [base.Source(builder, parts.test)],
            },
        ),
        score=score,
        nearness=near,
        gradients=gradient_sizes(
            model, model.objective, itertools.islice(stream, num_batches)
        ),
    )


def _fits(
    assessor: Assessor, parts: dict[str, list[base.Source]]
) -> dict[str, Fit]:
    """The fit to each part that has images."""
    fits = {}
    for name, sources in parts.items():
        if sources[0].places.size:
            rows = base.read_some(sources, MAX_IMAGES)
            predicted = assessor.score(list(rows["image"]))
            fits[name] = Fit(len(predicted), srcc(rows["mos"], predicted))
    return fits


def _score_parts(
    model: G2NPAN,
    builder: tfds.core.DatasetBuilder,
    parts: protocols.Parts,
    tiles_per_side: int,
) -> ScoreParts:
    """`what_feeds_the_score` on validation images, else on training images."""
    places = parts.validation if parts.validation.size else parts.train
    rows = base.read(builder, _drawn(places), ["reference"])
    return what_feeds_the_score(
        model,
        rows["image"],
        np.array(rows["reference"]),
        rows["mos"],
        tiles_per_side,
    )


def _nearness(
    model: G2NPAN,
    builder: tfds.core.DatasetBuilder,
    parts: protocols.Parts,
    tiles_per_side: int,
) -> dict[str, Nearness]:
    """`nearness` on test images."""
    rows = base.read(builder, _drawn(parts.test, MAX_COMPARED), ["reference"])
    # The model's own scorer is for single tiles.
    whole = scorer.build_scorer(
        model.quality_network,
        model.scorer.get_layer("generator"),
        tiles_per_side,
    )
    return nearness(
        whole,
        rows["image"],
        np.array(rows["reference"]),
        rows["case_id"],
        _BATCH,
    )


def _drawn(places: np.ndarray, count: int = MAX_IMAGES) -> np.ndarray:
    """Random places of a part, in order."""
    drawn = np.random.default_rng(0).permutation(places)
    return np.sort(drawn[:count])


class _Recorder(keras.optimizers.SGD):
    """Keeps the gradients that it gets and moves nothing."""

    def __init__(self) -> None:
        super().__init__(learning_rate=0.0)
        self.seen: list[Gradients] = []

    def apply(
        self, grads: Gradients, trainable_variables: list[Any] | None = None
    ) -> None:
        """Takes the place of a step."""
        self.seen.append(list(grads))


def gradient_sizes(
    model: G2NPAN | PlainAssessment,
    objective: Objective,
    batches: Iterable[Batch],
) -> dict[str, dict[str, float]]:
    """How much each term of the losses moves each network.

    The training step itself runs, with one weight after the other switched
    on; only the optimisers are replaced. Eq. 7 has no weight: it is the step
    with all weights off, and what another term adds to it is a difference,
    since gradients are linear in the weights. Terms of weight 0 are left out.

    Section: 3.4 (Eqs. 2, 9, 11, 12)

    Choice: Eq. 11 has its W even if the run was still warming up.

    Args:
        model: Do not use it afterwards: it gets other optimisers, and its
            normalisations' moving statistics are updated.
        objective: Weights of the losses.
        batches: From `data.batches.training_batches`.

    Returns:
        By network, `generator`, `discriminator` and `quality network`, and by
        term the L2 norm of the gradient over all weights, weighted as the
        run weights it, the mean over the batches.
    """
    objective = dataclasses.replace(objective, warmup_steps=0)
    optimizers = [_Recorder() for _ in model.OPTIMIZERS]
    model.compile(objective, *optimizers)
    weights = dataclasses.asdict(objective)

    def step(batch: Batch, on: tuple[str, ...]) -> list[Gradients]:
        switched: dict[str, Any] = _NO_TERM | {
            name: weights[name] for name in on
        }
        model.objective = dataclasses.replace(objective, **switched)
        model.train_step(batch)
        return [optimizer.seen.pop() for optimizer in optimizers]

    terms = _terms(objective, isinstance(model, G2NPAN))
    # Places among the optimisers; the last may be the only one.
    place = {"generator": 0, "discriminator": 1, "quality network": -1}
    norms: dict[str, dict[str, list[float]]] = {}
    for batch in batches:
        steps = {
            on: step(batch, on)
            for term in terms
            for on in {term.on, term.on if term.beside is None else term.beside}
        }
        for network, name, on, beside in terms:
            gradients = steps[on][place[network]]
            if beside is not None:
                without = steps[beside][place[network]]
                gradients = [
                    a - b for a, b in zip(gradients, without, strict=True)
                ]
            norm = float(tf.linalg.global_norm(gradients))
            norms.setdefault(network, {}).setdefault(name, []).append(norm)
    return {
        network: {term: float(np.mean(all_)) for term, all_ in terms.items()}
        for network, terms in norms.items()
    }


def _terms(objective: Objective, has_gan: bool) -> list[_Term]:
    """What moves the networks: the terms whose weights are not 0."""
    weights = dataclasses.asdict(objective)

    def used(terms: dict[str, str]) -> list[tuple[str, str]]:
        return [item for item in terms.items() if weights[item[0]]]

    found = [_Term("quality network", "score (Eq. 7)", ())]
    own = _QUALITY_TERMS if has_gan else _QUALITY_TERMS | _HEAD_TERM
    found += [
        _Term("quality network", term, (name,), ()) for name, term in used(own)
    ]
    if not has_gan:
        return found
    found += [
        _Term("generator", term, (name,))
        for name, term in used(_GENERATOR_TERMS | _HEAD_TERM)
    ]
    squared = ("reconstruction_weight",)
    found += [
        _Term("generator", term, (*squared, name), squared)
        for name, term in used(_BESIDE_EQ_1)
    ]
    eq_11 = "Eq. 11" if objective.use_perception_weight else "Eq. 3"
    return [
        *found,
        _Term("generator", "quality (Eq. 12)", _QUALITY),
        _Term("discriminator", eq_11, ()),
    ]


def what_feeds_the_score(
    model: G2NPAN,
    images: np.ndarray,
    references: np.ndarray,
    mos: np.ndarray,
    tiles_per_side: int,
) -> ScoreParts:
    """What a score is made of, and what the generated image is like.

    Q_pre is a weighted sum of features (Eq. 5). So it is the sum of a part
    from F_last, a part from the backbone, which saw image and nuance, and a
    part from the stem of spectra or statistics, if there is one.

    Args:
        model: Trained.
        images: uint8 `[n, size, size, 3]`.
        references: I_GT of each, as `images`.
        mos: `[n]`.
        tiles_per_side: Of the scorer.
    """
    generator = model.scorer.get_layer("generator")
    counted = weights_of_cells(model.quality_network)
    rows = []
    for start in range(0, len(images), _BATCH):
        tiles, ideal = (
            scorer.split_tiles(
                tf.cast(pixels[start : start + _BATCH], tf.float32) / 255,
                tiles_per_side,
            )
            for pixels in (images, references)
        )
        generated = generator(tiles, training=False)
        inputs = scorer.assessed_features(
            model.quality_network, tiles, generated
        )
        values = (
            _per_tile(inputs["discrepancy"]),
            _per_tile((generated["pseudo_reference"] - ideal) ** 2),
            _per_tile((tiles - ideal) ** 2),
            *_parts_of_the_logit(model.quality_network, inputs),
        )
        weights = scorer.tile_weights(
            tiles, tiles_per_side, counted(tiles) if counted else None
        )
        rows.append([scorer.mean_of_tiles(v, weights).numpy() for v in values])
    nuances, generated_error, image_error, *parts = (
        np.concatenate(column) for column in zip(*rows, strict=True)
    )
    ufw, backbone, *stem = (
        ScorePart(float(np.std(part)), srcc(mos, part)) for part in parts
    )
    return ScoreParts(
        ufw=ufw,
        backbone=backbone,
        stem=stem[0] if stem else None,
        nuance=float(np.mean(nuances)),
        nuance_srcc=srcc(mos, nuances),
        generated_error=float(np.mean(generated_error)),
        image_error=float(np.mean(image_error)),
    )


def _parts_of_the_logit(
    quality_network: keras.Model, inputs: Batch
) -> list[tf.Tensor]:
    """What each part of the features adds to Q_pre, without the bias.

    One `[batch]` each for F_last, the backbone and the stem, if there is one.
    """
    cam = quality_network.get_layer("cam")
    outputs = {"features": cam.input}
    sizes = [quality_network.get_layer("ufw_pool").output.shape[-1], -1]
    if WEIGHTS in quality_network.output:
        outputs[WEIGHTS] = quality_network.output[WEIGHTS]
        _, stem = quality_network.get_layer("all_features").input
        sizes.append(stem.shape[-1])
    seen = keras.Model(quality_network.input, outputs)(inputs, training=False)
    weighted = seen["features"] * cam.kernel[0, 0, :, 0]
    return [
        mean_of_cells(tf.reduce_sum(part, axis=-1), seen.get(WEIGHTS))
        for part in tf.split(weighted, sizes, axis=-1)
    ]


def _per_tile(maps: tf.Tensor) -> tf.Tensor:
    """Mean over rows, columns and channels."""
    return tf.reduce_mean(maps, axis=(1, 2, 3))
