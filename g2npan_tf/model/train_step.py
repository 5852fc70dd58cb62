"""The training steps: which loss moves which network, and no mathematics."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from g2npan_tf.model import averaging
from g2npan_tf.model import losses
from g2npan_tf.model import precision
from g2npan_tf.model.cam_target import normalized_map
from g2npan_tf.model.scorer import build_scorer
from g2npan_tf.model.scorer import discrepancy_map
from g2npan_tf.model.scorer import predicted_quality
from g2npan_tf.model.training_form import training_form

Tensor = Any
Batch = dict[str, Tensor]


@dataclasses.dataclass(frozen=True)
class Objective:
    """The weights and options of the losses; see `Config` for their sources.

    Attributes:
        global_batch_size: Examples per step over all replicas.
        reconstruction_weight: theta of Eq. 2.
        adversarial_weight: Factor on the adversarial term of Eq. 2.
        cam_weight: phi of Eq. 9.
        correlation_weight: Factor on `losses.correlation_loss` in Eq. 9.
        ranking_weight: Factor on `losses.ranking_loss` in Eq. 9.
        quality_weight: gamma of Eq. 12.
        cam_target: `quality_map` or `reference`.
        use_perception_weight: Eq. 11 (True) or Eq. 3 (False).
        perception_pass: `full` or `fast`; see `G2NPAN`.
        warmup_steps: Steps with W = 0.
        generator_ema: Momentum of the averaged generator, if there is one.
    """

    global_batch_size: int
    reconstruction_weight: float = 0.5
    adversarial_weight: float = 1.0
    cam_weight: float = 1.0
    correlation_weight: float = 0.0
    ranking_weight: float = 0.0
    quality_weight: float = 0.01
    cam_target: str = "quality_map"
    use_perception_weight: bool = True
    perception_pass: str = "full"
    warmup_steps: int = 0
    generator_ema: float = 0.0


class PlainAssessment(keras.Model):
    """The quality network alone, without GAN: the baseline of Fig. 6.

    Args:
        quality_network: From `build_quality_network(ufw_shape=None)`.
        tiles_per_side: Of the scorer; training sees single tiles.
    """

    def __init__(
        self, quality_network: keras.Model, tiles_per_side: int = 1
    ) -> None:
        super().__init__(name="plain_assessment")
        self.quality_network = quality_network
        self.tiles_per_side = tiles_per_side
        self.scorer = build_scorer(
            quality_network, tiles_per_side=tiles_per_side
        )
        self._train_quality_network = training_form(quality_network)
        self.trackers = _trackers("cam_loss", "quality_loss", "assessment_loss")
        # Under a strategy `fit` would otherwise build by calling with a batch.
        self.built = True

    def compile(
        self, objective: Objective, quality_optimizer: keras.Optimizer
    ) -> None:
        """Sets the loss weights and builds the optimiser.

        Args:
            objective: Weights and options of the losses.
            quality_optimizer: Moves the quality network (Eq. 9).
        """
        super().compile(optimizer=None)
        self.objective = objective
        self.quality_optimizer = quality_optimizer
        quality_optimizer.build(self.quality_network.trainable_variables)

    def call(self, inputs: Batch, training: bool = False) -> Batch:
        """Scores a batch; training or not, this is the blind path.

        Args:
            inputs: `image`, uint8 `[batch, size, size, 3]`; more is ignored.
            training: Ignored: only `train_step` trains.

        Returns:
            What `build_scorer` describes.
        """
        return self.scorer(inputs["image"], training=False)

    def _maybe_symbolic_build(self, *unused: Any, **unused_too: Any) -> None:
        """Does nothing: the networks are built, and Keras' way fails."""

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        """One step of the quality network by Eq. 9.

        Args:
            batch: From `training_data.training_batches`.

        Returns:
            Mean of each loss over the epoch so far, by name.
        """
        image = _scaled(batch["image"])
        reference_cam = self._reference_cam(_scaled(batch["reference"]))
        variables = self.quality_network.trainable_variables
        with tf.GradientTape() as tape:
            assessed = self._train_quality_network({"image": image})
            terms = _assessment_terms(
                assessed, batch, reference_cam, self.objective
            )
            mean = losses.reduce_mean(
                terms["assessment_loss"], self.objective.global_batch_size
            )
            mean = self.quality_optimizer.scale_loss(mean)
        gradients = tape.gradient(mean, variables)
        (gradients,) = precision.skip_together(
            [self.quality_optimizer], [gradients]
        )
        self.quality_optimizer.apply(gradients, variables)
        return _track(self.trackers, terms)

    def _reference_cam(self, reference: Tensor) -> Tensor | None:
        """CAM logits of I_GT where they are the CAM's target."""
        if self.objective.cam_target != "reference":
            return None
        assessed = self._train_quality_network(
            {"image": reference}, training=False
        )
        return tf.stop_gradient(assessed["cam_logits"])


class G2NPAN(keras.Model):
    """GAN-guided nuance perceptual attention network: three nets, one step.

    All gradients are taken at the weights before the step, each network is
    run forward once on each image it judges, and the backward pass of AQA
    serves both its own update and, through the nuance and F_last, the
    generator's. Only Eq. 10 needs
    another pass: the whole blind path on I_hq (`perception_pass="full"`), or
    AQA alone on I_hq with zero nuance and the first pass's features
    (`"fast"`), both in inference mode and without gradient.

    Section: 3.4

    Choice: W (Eq. 10) is 0 during the warm-up, while AQA knows nothing yet.

    Args:
        generator: From `build_generator`.
        discriminator: From `build_discriminator`.
        quality_network: From `build_quality_network`.
        tiles_per_side: Of the scorer; training sees single tiles.
        averaged_generator: Moving average of the generator, which the scorer
            uses then; None: the scorer uses the generator itself.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        quality_network: keras.Model,
        tiles_per_side: int = 1,
        averaged_generator: keras.Model | None = None,
    ) -> None:
        super().__init__(name="g2npan")
        self.generator = generator
        self.discriminator = discriminator
        self.quality_network = quality_network
        self.tiles_per_side = tiles_per_side
        self.averaged_generator = averaged_generator
        scoring_generator = (
            generator if averaged_generator is None else averaged_generator
        )
        self.scorer = build_scorer(
            quality_network, scoring_generator, tiles_per_side
        )
        self._train_generator = training_form(generator)
        self._train_discriminator = training_form(discriminator)
        self._train_quality_network = training_form(quality_network)
        self.trackers = _trackers(
            "reconstruction_loss",
            "generator_loss",
            "discriminator_loss",
            "cam_loss",
            "quality_loss",
            "assessment_loss",
            "perceptual_loss",
            "perception_weight",
        )
        # Under a strategy `fit` would otherwise build by calling with a batch.
        self.built = True

    def compile(
        self,
        objective: Objective,
        generator_optimizer: keras.Optimizer,
        discriminator_optimizer: keras.Optimizer,
        quality_optimizer: keras.Optimizer,
    ) -> None:
        """Sets the loss weights and builds the three optimisers.

        They are built here so that a resumed run finds their moments.

        Args:
            objective: Weights and options of the losses.
            generator_optimizer: Moves the generator (Eq. 12).
            discriminator_optimizer: Moves the discriminator (Eq. 11).
            quality_optimizer: Moves the quality network (Eq. 9).
        """
        # Without optimizer=None Keras makes and saves a hidden RMSprop.
        super().compile(optimizer=None)
        self.objective = objective
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        self.quality_optimizer = quality_optimizer
        for optimizer, net in (
            (generator_optimizer, self.generator),
            (discriminator_optimizer, self.discriminator),
            (quality_optimizer, self.quality_network),
        ):
            optimizer.build(net.trainable_variables)

    def call(self, inputs: Batch, training: bool = False) -> Batch:
        """Scores a batch; training or not, this is the blind path.

        Args:
            inputs: `image`, uint8 `[batch, size, size, 3]`; more is ignored.
            training: Ignored: only `train_step` trains.

        Returns:
            What `build_scorer` describes.
        """
        return self.scorer(inputs["image"], training=False)

    def _maybe_symbolic_build(self, *unused: Any, **unused_too: Any) -> None:
        """Does nothing: the networks are built, and Keras' way fails."""

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        """One step of all three networks.

        Args:
            batch: From `training_data.training_batches`.

        Returns:
            Mean of each loss and of W over the epoch so far, by name.
        """
        image = _scaled(batch["image"])
        reference = _scaled(batch["reference"])
        with tf.GradientTape() as generator_tape:
            generated = self._train_generator(image)
        assessment = self._assess_step(image, reference, generated, batch)
        weight = self._perception_weight(generated, batch["quality"])
        adversarial = self._adversarial_step(reference, generated, weight)
        # Eq. 12 is linear: combined gradients are the combination's gradient.
        upstream = {
            name: losses.perceptual_loss(
                adversarial["upstream"][name],
                assessment["upstream"][name],
                self.objective.quality_weight,
            )
            for name in generated
        }
        variables = self.generator.trainable_variables
        gradients = generator_tape.gradient(
            generated, variables, output_gradients=upstream
        )
        self._apply(
            gradients, adversarial["gradients"], assessment["gradients"]
        )
        self._average()
        terms = {**adversarial["terms"], **assessment["terms"]}
        terms["perceptual_loss"] = losses.perceptual_loss(
            terms["generator_loss"],
            terms["assessment_loss"],
            self.objective.quality_weight,
        )
        terms["perception_weight"] = weight
        return _track(self.trackers, terms)

    def _apply(self, *gradients: list[Tensor]) -> None:
        """Moves generator, discriminator and quality network."""
        optimizers = (
            self.generator_optimizer,
            self.discriminator_optimizer,
            self.quality_optimizer,
        )
        for optimizer, net, net_gradients in zip(
            optimizers,
            (self.generator, self.discriminator, self.quality_network),
            precision.skip_together(optimizers, gradients),
            strict=True,
        ):
            optimizer.apply(net_gradients, net.trainable_variables)

    def _average(self) -> None:
        """Moves the averaged generator, if there is one."""
        if self.averaged_generator is not None:
            momentum = averaging.momentum_at(
                self.generator_optimizer.iterations,
                self.objective.generator_ema,
            )
            averaging.update(self.averaged_generator, self.generator, momentum)

    def _assess_step(
        self, image: Tensor, reference: Tensor, generated: Batch, batch: Batch
    ) -> dict[str, Any]:
        """AQA forward and backward (Eq. 9), also towards the generator."""
        reference_cam = None
        if self.objective.cam_target == "reference":
            reference_cam = self._blind(reference)["cam_logits"]
        variables = self.quality_network.trainable_variables
        with tf.GradientTape() as tape:
            tape.watch(generated)
            assessed = self._train_quality_network(_features(image, generated))
            terms = _assessment_terms(
                assessed, batch, reference_cam, self.objective
            )
            mean = losses.reduce_mean(
                terms["assessment_loss"], self.objective.global_batch_size
            )
            mean = self.quality_optimizer.scale_loss(mean)
        gradients, upstream = tape.gradient(mean, (variables, generated))
        return {"terms": terms, "gradients": gradients, "upstream": upstream}

    def _adversarial_step(
        self, reference: Tensor, generated: Batch, weight: Tensor
    ) -> dict[str, Any]:
        """D forward, and backward for itself (Eq. 11) and for G (Eq. 2)."""
        objective = self.objective
        pseudo_reference = generated["pseudo_reference"]
        variables = self.discriminator.trainable_variables
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(pseudo_reference)
            real_logits = self._train_discriminator(reference)
            fake_logits = self._train_discriminator(pseudo_reference)
            terms = {
                "reconstruction_loss": losses.reconstruction_loss(
                    reference, pseudo_reference
                ),
                "discriminator_loss": losses.discriminator_loss(
                    real_logits, fake_logits, weight
                ),
            }
            terms["generator_loss"] = losses.generator_loss(
                fake_logits,
                terms["reconstruction_loss"],
                objective.reconstruction_weight,
                objective.adversarial_weight,
            )
            own, generators = (
                optimizer.scale_loss(
                    losses.reduce_mean(terms[name], objective.global_batch_size)
                )
                for optimizer, name in (
                    (self.discriminator_optimizer, "discriminator_loss"),
                    (self.generator_optimizer, "generator_loss"),
                )
            )
        return {
            "terms": terms,
            "gradients": tape.gradient(own, variables),
            "upstream": {
                "pseudo_reference": tape.gradient(generators, pseudo_reference),
                # Eq. 2 does not reach F_last but through the image.
                "ufw_features": tf.zeros_like(generated["ufw_features"]),
            },
        }

    def _blind(self, image: Tensor) -> Batch:
        """The blind path in inference mode, without gradient."""
        generated = self._train_generator(image, training=False)
        assessed = self._train_quality_network(
            _features(image, generated), training=False
        )
        return {name: tf.stop_gradient(x) for name, x in assessed.items()}

    def _perception_weight(self, generated: Batch, quality: Tensor) -> Tensor:
        """W of Eq. 10, or zeros during the warm-up and without Eq. 11."""
        none = tf.zeros_like(quality)
        if not self.objective.use_perception_weight:
            return none

        def weight() -> Tensor:
            return losses.perception_weight(self._second_quality(generated))

        warm = self.quality_optimizer.iterations >= self.objective.warmup_steps
        return tf.stop_gradient(tf.cond(warm, weight, lambda: none))

    def _second_quality(self, generated: Batch) -> Tensor:
        """AQA(I_hq) on [0, 1]."""
        pseudo_reference = tf.stop_gradient(generated["pseudo_reference"])
        if self.objective.perception_pass == "full":
            assessed = self._blind(pseudo_reference)
        else:
            features = {
                "image": pseudo_reference,
                "discrepancy": tf.zeros_like(pseudo_reference),
                "ufw_features": generated["ufw_features"],
            }
            assessed = self._train_quality_network(features, training=False)
        return predicted_quality(assessed["quality_logit"])


def _features(image: Tensor, generated: Batch) -> Batch:
    """What AQA sees of an image and of what G made of it."""
    pseudo_reference = generated["pseudo_reference"]
    return {
        "image": image,
        "discrepancy": discrepancy_map(image, pseudo_reference),
        "ufw_features": generated["ufw_features"],
    }


def _assessment_terms(
    assessed: Batch,
    batch: Batch,
    reference_cam: Tensor | None,
    objective: Objective,
) -> dict[str, Tensor]:
    """Eqs. 6, 7 and 9 per example, and what options add to Eq. 9."""
    if reference_cam is None:
        target = batch["cam_target"]
        cam = predicted_quality(assessed["cam_logits"])
    else:
        target = normalized_map(reference_cam)
        cam = normalized_map(assessed["cam_logits"])
    cam_term = losses.cam_loss(target, cam)
    quality_term = losses.quality_loss(
        batch["quality"], assessed["quality_logit"]
    )
    assessment = losses.assessment_loss(
        cam_term, quality_term, objective.cam_weight
    )
    if objective.correlation_weight > 0:
        assessment += objective.correlation_weight * losses.correlation_loss(
            batch["quality"], predicted_quality(assessed["quality_logit"])
        )
    if objective.ranking_weight > 0:
        assessment += objective.ranking_weight * losses.ranking_loss(
            batch["quality"], assessed["quality_logit"], batch["group"]
        )
    return {
        "cam_loss": cam_term,
        "quality_loss": quality_term,
        "assessment_loss": assessment,
    }


def _scaled(pixels: Tensor) -> Tensor:
    """uint8 pixels to [0, 1], as the scorer's first layer does."""
    return tf.cast(pixels, tf.float32) / 255.0


def _trackers(*names: str) -> list[keras.metrics.Mean]:
    """A running mean for each name."""
    return [keras.metrics.Mean(name=name) for name in names]


def _track(
    trackers: Sequence[keras.metrics.Mean], terms: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Updates the running means and returns them by name."""
    for tracker in trackers:
        tracker.update_state(terms[tracker.name])
    # Over several workers Keras averages logs along an axis that they must
    # have (keras#20585).
    many = isinstance(
        tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy
    )
    return {
        tracker.name: tracker.result()[None] if many else tracker.result()
        for tracker in trackers
    }
