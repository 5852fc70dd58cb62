"""The training steps: which loss moves which network, and no mathematics."""

import dataclasses
from typing import Any
from typing import NamedTuple

import keras
import tensorflow as tf

from g2npan_tf.model import losses
from g2npan_tf.model import precision
from g2npan_tf.model.cam_target import normalized_map
from g2npan_tf.model.scorer import assessed_features
from g2npan_tf.model.scorer import build_scorer
from g2npan_tf.model.scorer import predicted_quality
from g2npan_tf.model.training_form import training_form

Tensor = Any
Batch = dict[str, Tensor]


@dataclasses.dataclass(frozen=True)
class Objective:
    """The weights and options of the losses; see `Config` for their sources."""

    global_batch_size: int  # Over all replicas.
    reconstruction_weight: float = 0.5  # theta of Eq. 2
    adversarial_weight: float = 1.0  # Factor on the other term of Eq. 2.
    cam_weight: float = 1.0  # phi of Eq. 9
    correlation_weight: float = 0.0  # Of `correlation_loss`, added to Eq. 9.
    ranking_weight: float = 0.0  # Of `ranking_loss`, added to Eq. 9.
    quality_weight: float = 0.01  # gamma of Eq. 12
    cam_target: str = "quality_map"  # Or `reference`.
    use_perception_weight: bool = True  # Eq. 11; False: Eq. 3.
    perception_pass: str = "full"  # Or `fast`; see `G2NPAN`.
    warmup_steps: int = 0  # With W = 0.
    generator_ema: float = 0.0  # Momentum of the averaged generator, if any.


class _Pass(NamedTuple):
    """What a network's forward and backward pass give."""

    terms: dict[str, Tensor]  # Losses per example.
    gradients: list[Tensor]  # Of the network's own loss and weights.
    upstream: Batch  # Gradients with respect to what the generator made.


class TrainingModel(keras.Model):
    """A scorer and the step that trains its networks: what both models share.

    Checkpoints go by the names of attributes and, for networks, by the order
    in which they are set.
    """

    NETWORKS: tuple[str, ...] = ("quality_network",)
    OPTIMIZERS: tuple[str, ...] = ("quality_optimizer",)
    MEANS: tuple[str, ...] = ("cam_loss", "quality_loss", "assessment_loss")

    def _set_up(
        self, scoring_generator: keras.Model | None, tiles_per_side: int
    ) -> None:
        """Makes the scorer; the networks are set."""
        self.tiles_per_side = tiles_per_side
        self.scorer = build_scorer(
            self.quality_network, scoring_generator, tiles_per_side
        )
        self._train_quality_network = training_form(self.quality_network)
        self.trackers = [keras.metrics.Mean(name=name) for name in self.MEANS]
        # Under a strategy `fit` would otherwise build by calling with a batch.
        self.built = True

    def compile(
        self, objective: Objective, *optimizers: keras.Optimizer
    ) -> None:
        """Sets the loss weights and gives each network its optimiser.

        Optimisers are built here so that a resumed run finds their moments.

        Args:
            objective: Weights and options of the losses.
            *optimizers: Of generator (Eq. 12), discriminator (Eq. 11) and
                quality network (Eq. 9), of which the last may be alone.
        """
        # Without optimizer=None Keras makes and saves a hidden RMSprop.
        super().compile(optimizer=None)
        self.objective = objective
        for name, optimizer in zip(self.OPTIMIZERS, optimizers, strict=True):
            setattr(self, name, optimizer)
        for optimizer, net in self._moved():
            optimizer.build(net.trainable_variables)

    def call(self, inputs: Batch, training: bool = False) -> Batch:
        """Scores `inputs["image"]`, uint8, as `build_scorer` describes.

        Training or not, this is the blind path: only `train_step` trains.
        """
        return self.scorer(inputs["image"], training=False)

    def _maybe_symbolic_build(self, *unused: Any, **unused_too: Any) -> None:
        """Does nothing: the networks are built, and Keras' way fails."""

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        """One step of every network, from the weights before the step.

        Args:
            batch: From `batches.training_batches`.

        Returns:
            Mean of each loss (and of W) over the epoch so far, by name.
        """
        image, reference = (
            # As the scorer's first layer does.
            tf.cast(batch[name], tf.float32) / 255.0
            for name in ("image", "reference")
        )
        gradients, terms = self._gradients(image, reference, batch)
        optimizers = [optimizer for optimizer, _ in self._moved()]
        gradients = precision.skip_together(optimizers, gradients)
        for (optimizer, net), own in zip(self._moved(), gradients, strict=True):
            optimizer.apply(own, net.trainable_variables)
        return self._means(terms)

    def _moved(self) -> list[tuple[keras.Optimizer, keras.Model]]:
        """Each network with its optimiser."""
        return [
            (getattr(self, optimizer), getattr(self, net))
            for optimizer, net in zip(
                self.OPTIMIZERS, self.NETWORKS, strict=True
            )
        ]

    def _means(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Updates the running means and returns them by name."""
        for tracker in self.trackers:
            tracker.update_state(terms[tracker.name])
        # Over several workers Keras averages logs along an axis that they must
        # have (keras#20585).
        strategy = tf.distribute.get_strategy()
        many = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        return {
            tracker.name: tracker.result()[None] if many else tracker.result()
            for tracker in self.trackers
        }

    def _gradients(
        self, image: Tensor, reference: Tensor, batch: Batch
    ) -> tuple[list[list[Tensor]], dict[str, Tensor]]:
        """Gradients of each network, and all losses per example by name."""
        raise NotImplementedError

    def _generate(self, image: Tensor) -> Batch:
        """What the generator makes of an image in inference mode, if any."""
        raise NotImplementedError

    def _assess(
        self, image: Tensor, reference: Tensor, generated: Batch, batch: Batch
    ) -> _Pass:
        """AQA forward and backward (Eq. 9), also towards the generator."""
        reference_cam = None
        if self.objective.cam_target == "reference":
            reference_cam = self._blind(reference)["cam_logits"]
        variables = self.quality_network.trainable_variables
        with tf.GradientTape() as tape:
            tape.watch(generated)
            assessed = self._train_quality_network(
                self._features(image, generated)
            )
            terms = _assessment_terms(
                assessed, batch, reference_cam, self.objective
            )
            mean = losses.reduce_mean(
                terms["assessment_loss"], self.objective.global_batch_size
            )
            mean = self.quality_optimizer.scale_loss(mean)
        return _Pass(terms, *tape.gradient(mean, (variables, generated)))

    def _features(self, image: Tensor, generated: Batch) -> Batch:
        return assessed_features(self.quality_network, image, generated)

    def _blind(self, image: Tensor) -> Batch:
        """The blind path in inference mode, without gradient."""
        assessed = self._train_quality_network(
            self._features(image, self._generate(image)), training=False
        )
        return {name: tf.stop_gradient(x) for name, x in assessed.items()}


class PlainAssessment(TrainingModel):
    """The quality network alone, without GAN: the baseline of Fig. 6."""

    def __init__(
        self, quality_network: keras.Model, tiles_per_side: int = 1
    ) -> None:
        super().__init__(name="plain_assessment")
        self.quality_network = quality_network
        self._set_up(None, tiles_per_side)

    def _gradients(
        self, image: Tensor, reference: Tensor, batch: Batch
    ) -> tuple[list[list[Tensor]], dict[str, Tensor]]:
        assessment = self._assess(image, reference, {}, batch)
        return [assessment.gradients], assessment.terms

    def _generate(self, image: Tensor) -> Batch:
        return {}


class G2NPAN(TrainingModel):
    """GAN-guided nuance perceptual attention network: three nets, one step.

    Each network is run forward once on each image it judges, and the backward
    pass of AQA serves both its own update and, through the nuance and F_last,
    the generator's. Only Eq. 10 needs another pass: the whole blind path on
    I_hq (`perception_pass="full"`), or AQA alone on I_hq with zero nuance and
    the first pass's features (`"fast"`), both in inference mode and without
    gradient.

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

    NETWORKS = ("generator", "discriminator", "quality_network")
    OPTIMIZERS = (
        "generator_optimizer",
        "discriminator_optimizer",
        "quality_optimizer",
    )
    MEANS = (
        "reconstruction_loss",
        "generator_loss",
        "discriminator_loss",
        *TrainingModel.MEANS,
        "perceptual_loss",
        "perception_weight",
    )

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
        self.averaged_generator = averaged_generator
        self._set_up(
            generator if averaged_generator is None else averaged_generator,
            tiles_per_side,
        )
        self._train_generator = training_form(generator)
        self._train_discriminator = training_form(discriminator)

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        """As the base class; then the averaged generator follows."""
        means = super().train_step(batch)
        if self.averaged_generator is not None:
            momentum = momentum_at(
                self.generator_optimizer.iterations,
                self.objective.generator_ema,
            )
            update_average(self.averaged_generator, self.generator, momentum)
        return means

    def _gradients(
        self, image: Tensor, reference: Tensor, batch: Batch
    ) -> tuple[list[list[Tensor]], dict[str, Tensor]]:
        with tf.GradientTape() as tape:
            generated = self._train_generator(image)
        assessment = self._assess(image, reference, generated, batch)
        weight = self._perception_weight(generated, batch["quality"])
        adversarial = self._discriminate(reference, generated, weight)
        gamma = self.objective.quality_weight
        # Eq. 12 is linear: combined gradients are the combination's gradient.
        upstream = {
            name: losses.perceptual_loss(
                adversarial.upstream[name], assessment.upstream[name], gamma
            )
            for name in generated
        }
        gradients = tape.gradient(
            generated,
            self.generator.trainable_variables,
            output_gradients=upstream,
        )
        terms = {
            **adversarial.terms,
            **assessment.terms,
            "perceptual_loss": losses.perceptual_loss(
                adversarial.terms["generator_loss"],
                assessment.terms["assessment_loss"],
                gamma,
            ),
            "perception_weight": weight,
        }
        return [gradients, adversarial.gradients, assessment.gradients], terms

    def _generate(self, image: Tensor) -> Batch:
        return self._train_generator(image, training=False)

    def _discriminate(
        self, reference: Tensor, generated: Batch, weight: Tensor
    ) -> _Pass:
        """D forward, and backward for itself (Eq. 11) and for G (Eq. 2)."""
        objective = self.objective
        pseudo_reference = generated["pseudo_reference"]
        variables = self.discriminator.trainable_variables
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(pseudo_reference)
            real_logits = self._train_discriminator(reference)
            fake_logits = self._train_discriminator(pseudo_reference)
            reconstruction = losses.reconstruction_loss(
                reference, pseudo_reference
            )
            terms = {
                "reconstruction_loss": reconstruction,
                "discriminator_loss": losses.discriminator_loss(
                    real_logits, fake_logits, weight
                ),
                "generator_loss": losses.generator_loss(
                    fake_logits,
                    reconstruction,
                    objective.reconstruction_weight,
                    objective.adversarial_weight,
                ),
            }
            own, generators = (
                optimizer.scale_loss(
                    losses.reduce_mean(terms[name], objective.global_batch_size)
                )
                for optimizer, name in (
                    (self.discriminator_optimizer, "discriminator_loss"),
                    (self.generator_optimizer, "generator_loss"),
                )
            )
        upstream = {
            "pseudo_reference": tape.gradient(generators, pseudo_reference),
            # Eq. 2 does not reach F_last but through the image.
            "ufw_features": tf.zeros_like(generated["ufw_features"]),
        }
        return _Pass(terms, tape.gradient(own, variables), upstream)

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
            # The nuance between I_hq and itself is 0.
            features = self._features(pseudo_reference, generated)
            assessed = self._train_quality_network(features, training=False)
        return predicted_quality(assessed["quality_logit"])


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


def momentum_at(step: Tensor, momentum: float) -> Tensor:
    """How much of the averaged generator a step (from 1) keeps.

    Choice: at most `(1 + step) / (10 + step)`, as TensorFlow's
    `ExponentialMovingAverage` with `num_updates`. With 0.999 alone the
    average of a run of 180 steps would still be five sixths its start.

    Example:
    >>> float(momentum_at(8, 0.999)), float(momentum_at(90000, 0.999))
    (0.5, 0.99...)
    """
    step = tf.cast(step, tf.float32)
    return tf.minimum(momentum, (1.0 + step) / (10.0 + step))


def update_average(
    average: keras.Model, network: keras.Model, momentum: Tensor
) -> None:
    """Moves an averaged network towards a trained one of its architecture.

    `average = momentum * average + (1 - momentum) * weight`. Called in a
    replica, where every replica moves its own copy: they have equal weights,
    so that nothing needs to be exchanged.

    Choice: the statistics of batch normalisation are averaged like the
    weights, so that they are those of the same steps.

    Choice: a second network, not Keras' `use_ema`. That leaves the statistics
    out, and its average must be swapped with the weights to be used.
    """
    pairs = [
        (mean.value, weight.value)
        for mean, weight in zip(
            average.variables, network.variables, strict=True
        )
    ]
    tf.distribute.get_replica_context().merge_call(
        _update_copies, args=(pairs, momentum)
    )


def _update_copies(
    strategy: tf.distribute.Strategy,
    pairs: list[tuple[tf.Variable, tf.Variable]],
    momentum: Tensor,
) -> None:
    """Updates the copy of every device."""

    def move(mean: tf.Variable, weight: Tensor, momentum: Tensor) -> Any:
        return mean.assign_add((1.0 - momentum) * (weight - mean))

    for mean, weight in pairs:
        strategy.extended.update(mean, move, (weight, momentum), group=False)
