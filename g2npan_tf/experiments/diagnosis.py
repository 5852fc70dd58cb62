"""Why a run learns what it learns: gradients, features, nuance, fit."""

import dataclasses
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from g2npan_tf.evaluation import statistics
from g2npan_tf.model.scorer import discrepancy_map
from g2npan_tf.model.scorer import mean_of_tiles
from g2npan_tf.model.scorer import split_tiles
from g2npan_tf.model.scorer import tile_weights
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.model.train_step import Batch
from g2npan_tf.model.train_step import Objective
from g2npan_tf.model.train_step import PlainAssessment

Gradients = list[tf.Tensor]
# Images at a time; those of a reader study are sixteen tiles each.
_BATCH = 4
_NO_TERM = {
    "reconstruction_weight": 0.0,
    "adversarial_weight": 0.0,
    "quality_weight": 0.0,
    "cam_weight": 0.0,
    "correlation_weight": 0.0,
    "ranking_weight": 0.0,
}
# What each weight of the objective adds to the gradient of a network.
_GENERATOR_TERMS = {
    "reconstruction_weight": "reconstruction (Eq. 1)",
    "adversarial_weight": "adversarial (Eq. 2)",
}
_QUALITY_TERMS = {
    "cam_weight": "CAM (Eq. 6)",
    "correlation_weight": "correlation",
    "ranking_weight": "ranking",
}


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

    The training step itself is run, with one weight after the other switched
    on; only the optimisers are exchanged. Eq. 7 has no weight: it is the step
    with all others off, and what another term adds to it is a difference,
    since gradients are linear in the weights.

    Section: 3.4 (Eqs. 2, 9, 11, 12)

    Choice: Eq. 11 with its W also where a run is still warming up.

    Args:
        model: Its networks; gets other optimisers, and its normalisations'
            moving statistics go on: use it for nothing else afterwards.
        objective: Weights of the losses.
        batches: From `training_data.training_batches`.

    Returns:
        By network, `generator`, `discriminator` and `quality network`, and by
        term the L2 norm of the gradient over all weights, weighted as the
        run weights it, the mean over the batches.
    """
    objective = dataclasses.replace(objective, warmup_steps=0)
    has_gan = isinstance(model, G2NPAN)
    optimizers = [_Recorder() for _ in range(3 if has_gan else 1)]
    model.compile(objective, *optimizers)
    norms: dict[str, dict[str, list[float]]] = {}

    def note(network: str, term: str, gradients: Gradients) -> None:
        norm = float(tf.linalg.global_norm(gradients))
        norms.setdefault(network, {}).setdefault(term, []).append(norm)

    def step(batch: Batch, **on: float) -> list[Gradients]:
        switched: dict[str, Any] = {**_NO_TERM, **on}
        model.objective = dataclasses.replace(objective, **switched)
        model.train_step(batch)
        return [optimizer.seen.pop() for optimizer in optimizers]

    weights = dataclasses.asdict(objective)
    for batch in batches:
        *_, score = step(batch)
        note("quality network", "score (Eq. 7)", score)
        for name, term in _QUALITY_TERMS.items():
            if weights[name]:
                *_, both = step(batch, **{name: weights[name]})
                added = [a - b for a, b in zip(both, score, strict=True)]
                note("quality network", term, added)
        if not has_gan:
            continue
        for name, term in _GENERATOR_TERMS.items():
            generator, *_ = step(batch, **{name: weights[name]})
            note("generator", term, generator)
        names = ("quality_weight", *_QUALITY_TERMS)
        generator, discriminator, _ = step(
            batch, **{name: weights[name] for name in names}
        )
        note("generator", "quality (Eq. 12)", generator)
        has_weight = objective.use_perception_weight
        equation = "Eq. 11" if has_weight else "Eq. 3"
        note("discriminator", equation, discriminator)
    return {
        network: {term: float(np.mean(all_)) for term, all_ in terms.items()}
        for network, terms in norms.items()
    }


def what_feeds_the_score(
    model: G2NPAN,
    images: np.ndarray,
    references: np.ndarray,
    mos: np.ndarray,
    tiles_per_side: int,
) -> dict[str, float]:
    """What of a score comes from F_last and what the generated image is like.

    Q_pre is a weighted sum of features (Eq. 5), so that it falls into the
    part of F_last and the part of the backbone, which saw image and nuance.

    Args:
        model: Trained.
        images: uint8 `[n, size, size, 3]`.
        references: I_GT of each, as `images`.
        mos: `[n]`.
        tiles_per_side: Of the scorer.

    Returns:
        `ufw_sd`, `backbone_sd`: deviation of the two parts of the logit over
        the images; `ufw_srcc`, `backbone_srcc`: of each part alone with the
        MOS; `nuance`: mean of I_sub, and `nuance_srcc` of an image's mean;
        `generated_error`, `image_error`: mean squared difference of I_hq,
        and of the image itself, from I_GT.
    """
    generator = model.scorer.get_layer("generator")
    parts_of = _parts_of_the_logit(model.quality_network)
    rows = []
    for start in range(0, len(images), _BATCH):
        tiles, ideal = (
            split_tiles(
                tf.cast(pixels[start : start + _BATCH], tf.float32) / 255,
                tiles_per_side,
            )
            for pixels in (images, references)
        )
        generated = generator(tiles, training=False)
        nuance = discrepancy_map(tiles, generated["pseudo_reference"])
        ufw, backbone = parts_of(
            {
                "image": tiles,
                "discrepancy": nuance,
                "ufw_features": generated["ufw_features"],
            }
        )
        values = (
            ufw,
            backbone,
            _per_tile(nuance),
            _per_tile((generated["pseudo_reference"] - ideal) ** 2),
            _per_tile((tiles - ideal) ** 2),
        )
        weights = tile_weights(tiles, tiles_per_side)
        rows += [mean_of_tiles(value, weights).numpy() for value in values]
    ufw, backbone, nuance, generated_error, image_error = (
        np.concatenate(rows[place::5]) for place in range(5)
    )
    return {
        "ufw_sd": float(np.std(ufw)),
        "ufw_srcc": statistics.srcc(mos, ufw),
        "backbone_sd": float(np.std(backbone)),
        "backbone_srcc": statistics.srcc(mos, backbone),
        "nuance": float(np.mean(nuance)),
        "nuance_srcc": statistics.srcc(mos, nuance),
        "generated_error": float(np.mean(generated_error)),
        "image_error": float(np.mean(image_error)),
    }


def _parts_of_the_logit(
    quality_network: keras.Model,
) -> Callable[[Batch], tuple[tf.Tensor, tf.Tensor]]:
    """What F_last and the backbone each add to Q_pre, without its offset."""
    features = keras.Model(
        quality_network.input, quality_network.get_layer("features").output
    )
    kernel = quality_network.get_layer("cam").kernel[0, 0, :, 0]
    width = quality_network.get_layer("ufw_pool").output.shape[-1]

    def parts(inputs: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        means = tf.reduce_mean(features(inputs, training=False), axis=(1, 2))
        weighted = means * kernel
        return (
            tf.reduce_sum(weighted[:, :width], axis=1),
            tf.reduce_sum(weighted[:, width:], axis=1),
        )

    return parts


def _per_tile(maps: tf.Tensor) -> tf.Tensor:
    """Mean over rows, columns and channels."""
    return tf.reduce_mean(maps, axis=(1, 2, 3))
