"""The training steps: which loss moves which network, and no mathematics."""

import dataclasses
from typing import Any
from typing import NamedTuple

import keras
import tensorflow as tf

from g2npan_tf.model import losses
from g2npan_tf.model import precision
from g2npan_tf.model.cam_target import normalized_map
from g2npan_tf.model.reference_head import ReferenceHead
from g2npan_tf.model.reference_head import head_for
from g2npan_tf.model.reference_head import reference_features
from g2npan_tf.model.scorer import assessed_features
from g2npan_tf.model.scorer import build_scorer
from g2npan_tf.model.scorer import predicted_quality
from g2npan_tf.model.training_form import training_form

Tensor = Any
Batch = dict[str, Tensor]


@dataclasses.dataclass(frozen=True)
class Objective:
    """Weights and options of the losses; `Config` has their sources."""

    global_batch_size: int  # Over all replicas.
    reconstruction_weight: float = 0.5  # theta of Eq. 2
    spectral_weight: float = 0.0  # Of `spectral_loss`, added to Eq. 1.
    ssim_weight: float = 0.0  # Of `ssim_loss`, added to Eq. 1.
    adversarial_weight: float = 1.0  # Factor on the other term of Eq. 2.
    cam_weight: float = 1.0  # phi of Eq. 9
    correlation_weight: float = 0.0  # Of `correlation_loss`, added to Eq. 9.
    ranking_weight: float = 0.0  # Of `ranking_loss`, added to Eq. 9.
    quality_weight: float = 0.01  # gamma of Eq. 12
    reference_head_weight: float = 0.0  # Of `ReferenceHead`, if there is one.
    cam_target: str = "quality_map"  # Or `reference`.
    use_perception_weight: bool = True  # Eq. 11; False: Eq. 3.
    perception_pass: str = "full"  # Or `fast`; see `G2NPAN`.
    warmup_steps: int = 0  # With W = 0.
    generator_ema: float = 0.0  # Momentum of the averaged generator, if any.


class _Pass(NamedTuple):
    """The results of a network's forward and backward pass."""

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
    # The network whose features the head sees, and whose optimiser moves it.
    HEAD_OF = "quality_network"
    # Whether only the generator moves.
    generator_alone = False

    def _set_up(
        self,
        scoring_generator: keras.Model | None,
        tiles_per_side: int,
        reference_head: ReferenceHead | None,
    ) -> None:
        """Makes the scorer from the networks, which are already set."""
        self.reference_head = reference_head
        self.tiles_per_side = tiles_per_side
        self.scorer = build_scorer(
            self.quality_network, scoring_generator, tiles_per_side
        )
        self._train_quality_network = training_form(self.quality_network)
        # Otherwise `fit` would build by a call with a batch, under a strategy.
        self.built = True

    def compile(
        self, objective: Objective, *optimizers: keras.Optimizer
    ) -> None:
        """Sets the loss weights and gives each network its optimiser.

        Optimisers are built here so that a resumed run finds their moments.

        Args:
            objective: Weights and options of the losses.
            *optimizers: For the generator (Eq. 12), the discriminator (Eq.
                11) and the quality network (Eq. 9), or only the last of these.
        """
        # Without optimizer=None Keras makes and saves a hidden RMSprop.
        super().compile(optimizer=None)
        self.objective = objective
        self.trackers = [
            keras.metrics.Mean(name=name) for name in self._means_of(objective)
        ]
        for name, optimizer in zip(self.OPTIMIZERS, optimizers, strict=True):
            setattr(self, name, optimizer)
        for optimizer, variables in self.moved():
            optimizer.build(variables)

    def _means_of(self, objective: Objective) -> tuple[str, ...]:
        """Names of what is logged."""
        has_head = self.reference_head is not None
        return (*self.MEANS, *(["reference_head_loss"] if has_head else []))

    def call(self, inputs: Batch, training: bool = False) -> Batch:
        """Scores `inputs["image"]`, uint8, as `build_scorer` describes.

        Training or not, this is the blind path: only `train_step` trains.
        """
        return self.scorer(inputs["image"], training=False)

    def _maybe_symbolic_build(self, *unused: Any, **unused_too: Any) -> None:
        """Does nothing: the networks are built, and Keras' own way fails."""

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        """One step of every network that moves, from the weights before it.

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
        optimizers = [optimizer for optimizer, _ in self.moved()]
        gradients = precision.skip_together(optimizers, gradients)
        for (optimizer, variables), own in zip(
            self.moved(), gradients, strict=True
        ):
            optimizer.apply(own, variables)
        return self._means(terms)

    def moved(self) -> list[tuple[keras.Optimizer, list[keras.Variable]]]:
        """The optimiser of each network that a step moves, and its weights."""
        return [
            (getattr(self, optimizer), self._variables(net))
            for optimizer, net in zip(
                self.OPTIMIZERS, self.NETWORKS, strict=True
            )
        ]

    def _variables(self, network: str) -> list[keras.Variable]:
        """What the optimiser of a network moves."""
        variables = [*getattr(self, network).trainable_variables]
        if self.reference_head is not None and network == self.HEAD_OF:
            variables += self.reference_head.trainable_variables
        return variables

    def _means(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Updates the running means and returns them by name."""
        trackers = [t for t in self.trackers if t.name in terms]
        for tracker in trackers:
            tracker.update_state(terms[tracker.name])
        # Over several workers Keras averages logs along an axis, which they
        # must have (keras#20585).
        strategy = tf.distribute.get_strategy()
        many = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        return {
            tracker.name: tracker.result()[None] if many else tracker.result()
            for tracker in trackers
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
        variables = self._variables("quality_network")
        with tf.GradientTape() as tape:
            tape.watch(generated)
            assessed = self._train_quality_network(
                self._features(image, generated)
            )
            terms = _assessment_terms(
                assessed, batch, reference_cam, self.objective
            )
            head = self._head_terms(
                assessed.get("features"), image, reference, batch
            )
            mean = self._mean(
                self.quality_optimizer,
                terms["assessment_loss"] + self._weighted(head),
            )
        return _Pass(terms | head, *tape.gradient(mean, (variables, generated)))

    def _mean(self, optimizer: keras.Optimizer, loss: Tensor) -> Tensor:
        """The mean of a loss per example, with its optimiser's loss scale."""
        size = self.objective.global_batch_size
        return optimizer.scale_loss(losses.reduce_mean(loss, size))

    def _head_terms(
        self,
        features: Tensor | None,
        image: Tensor,
        reference: Tensor,
        batch: Batch,
    ) -> dict[str, Tensor]:
        """The head's loss per example by name, if it sees these features."""
        if self.reference_head is None or features is None:
            return {}
        targets = self.reference_head.standardized(
            reference_features(image, reference, batch["similarity"])
        )
        predicted = self.reference_head(features)
        # Smooth L1: some images differ very much from their references.
        loss = keras.losses.huber(targets, predicted)
        return {"reference_head_loss": loss}

    def _weighted(self, head: dict[str, Tensor]) -> Tensor:
        """What `_head_terms` adds to the loss of a network."""
        weight = self.objective.reference_head_weight
        return weight * head["reference_head_loss"] if head else 0.0

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
        self,
        quality_network: keras.Model,
        tiles_per_side: int = 1,
        use_reference_head: bool = False,
    ) -> None:
        super().__init__(name="plain_assessment")
        self.quality_network = quality_network
        features = quality_network.get_layer("cam").input
        head = head_for(features) if use_reference_head else None
        self._set_up(None, tiles_per_side, head)
        if head is not None:
            self._train_quality_network = training_form(
                keras.Model(
                    quality_network.input,
                    {**quality_network.output, "features": features},
                )
            )

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

    Choice: before that G may learn alone (`train_generator_alone`), by Eq. 2
    without its adversarial term. Such a step costs a fraction, and AQA's first
    steps then see the same kind of nuance as its last ones.

    Args:
        generator: From `build_generator`.
        discriminator: From `build_discriminator`.
        quality_network: From `build_quality_network`.
        tiles_per_side: Of the scorer; training sees single tiles.
        averaged_generator: Moving average of the generator, for the scorer to
            use; None: the scorer uses the generator itself.
        use_reference_head: A `ReferenceHead` sees F_last.
    """

    HEAD_OF = "generator"
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
        use_reference_head: bool = False,
    ) -> None:
        super().__init__(name="g2npan")
        self.generator = generator
        self.discriminator = discriminator
        self.quality_network = quality_network
        self.averaged_generator = averaged_generator
        features = generator.output["ufw_features"]
        self._set_up(
            generator if averaged_generator is None else averaged_generator,
            tiles_per_side,
            head_for(features) if use_reference_head else None,
        )
        self._train_generator = training_form(generator)
        self._train_discriminator = training_form(discriminator)

    def train_generator_alone(self, alone: bool) -> None:
        """Sets whether steps from now on move only the generator.

        May be called between two epochs of `fit`, and in a resumed run.
        """
        self.generator_alone = alone
        if not alone:
            precision.share_scale(
                [getattr(self, optimizer) for optimizer in self.OPTIMIZERS]
            )
        # The step needs another graph.
        self.make_train_function(force=True)

    def moved(self) -> list[tuple[keras.Optimizer, list[keras.Variable]]]:
        """As the base class, or of the generator alone if only that moves."""
        return super().moved()[: 1 if self.generator_alone else None]

    def _means_of(self, objective: Objective) -> tuple[str, ...]:
        weights = {
            "spectral_loss": objective.spectral_weight,
            "ssim_loss": objective.ssim_weight,
        }
        extra = [name for name, weight in weights.items() if weight]
        return (*super()._means_of(objective), *extra)

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
        if self.generator_alone:
            return self._gradients_alone(image, reference, batch)
        with tf.GradientTape() as tape:
            generated = self._train_generator(image)
            head = self._head_terms(
                generated["ufw_features"], image, reference, batch
            )
            head_loss = {
                name: self._mean(self.generator_optimizer, self._weighted(head))
                for name in head
            }
        assessment = self._assess(image, reference, generated, batch)
        weight = self._perception_weight(generated, batch["quality"])
        adversarial = self._discriminate(image, reference, generated, weight)
        gamma = self.objective.quality_weight
        # Eq. 12 is linear: combined gradients are the combination's gradient.
        upstream = {
            name: losses.perceptual_loss(
                adversarial.upstream[name], assessment.upstream[name], gamma
            )
            for name in generated
        }
        gradients = tape.gradient(
            generated | head_loss,
            self._variables("generator"),
            output_gradients=upstream | dict.fromkeys(head_loss, tf.ones(())),
        )
        terms = {
            **adversarial.terms,
            **assessment.terms,
            **head,
            "perceptual_loss": losses.perceptual_loss(
                adversarial.terms["generator_loss"],
                assessment.terms["assessment_loss"],
                gamma,
            ),
            "perception_weight": weight,
        }
        return [gradients, adversarial.gradients, assessment.gradients], terms

    def _gradients_alone(
        self, image: Tensor, reference: Tensor, batch: Batch
    ) -> tuple[list[list[Tensor]], dict[str, Tensor]]:
        """Eq. 2 without its adversarial term, which needs D."""
        objective = self.objective
        with tf.GradientTape() as tape:
            generated = self._train_generator(image)
            head = self._head_terms(
                generated["ufw_features"], image, reference, batch
            )
            terms, reconstruction = _reconstruction_terms(
                image, reference, generated["pseudo_reference"], objective
            )
            mean = self._mean(
                self.generator_optimizer,
                objective.reconstruction_weight * reconstruction
                + self._weighted(head),
            )
        gradients = tape.gradient(mean, self._variables("generator"))
        return [gradients], terms | head

    def _generate(self, image: Tensor) -> Batch:
        return self._train_generator(image, training=False)

    def _discriminate(
        self,
        image: Tensor,
        reference: Tensor,
        generated: Batch,
        weight: Tensor,
    ) -> _Pass:
        """D forward, and backward for itself (Eq. 11) and for G (Eq. 2)."""
        objective = self.objective
        pseudo_reference = generated["pseudo_reference"]
        variables = self.discriminator.trainable_variables
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(pseudo_reference)
            real_logits = self._train_discriminator(reference)
            fake_logits = self._train_discriminator(pseudo_reference)
            terms, reconstruction = _reconstruction_terms(
                image, reference, pseudo_reference, objective
            )
            terms |= {
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
                self._mean(optimizer, terms[name])
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


def _reconstruction_terms(
    image: Tensor,
    reference: Tensor,
    pseudo_reference: Tensor,
    objective: Objective,
) -> tuple[dict[str, Tensor], Tensor]:
    """Eq. 1 per example by name, and with what an option adds to it."""
    whole = losses.reconstruction_loss(reference, pseudo_reference)
    terms = {"reconstruction_loss": whole}
    if objective.spectral_weight:
        term = losses.spectral_loss(image, reference, pseudo_reference)
        terms["spectral_loss"] = term
        whole += objective.spectral_weight * term
    if objective.ssim_weight:
        term = losses.ssim_loss(reference, pseudo_reference)
        terms["ssim_loss"] = term
        whole += objective.ssim_weight * term
    return terms, whole


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

    Choice: at most `(1 + step) / (10 + step)`, as in TensorFlow's
    `ExponentialMovingAverage` with `num_updates`. With 0.999 alone the
    average after 180 steps would still be five sixths its start.

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
    replica context: every replica moves its own copy, and as their weights
    are equal, nothing is exchanged.

    Choice: the statistics of batch normalisation are averaged like the
    weights, so that both come from the same steps.

    Choice: a second network, not Keras' `use_ema`, which leaves out the
    statistics and must swap its average with the weights before use.
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
