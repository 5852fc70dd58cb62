"""What a configuration means: its networks, its objective, its optimisers."""

from collections.abc import Callable
from typing import Any

import keras

from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data.batches import Sampling
from g2npan_tf.model import precision
from g2npan_tf.model.discriminator import build_discriminator
from g2npan_tf.model.generator import build_generator
from g2npan_tf.model.quality_network import build_quality_network
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.model.train_step import Objective
from g2npan_tf.model.train_step import PlainAssessment
from g2npan_tf.model.train_step import TrainingModel

# One cycle: the share of the steps in which the rate rises, and the divisor
# of the peak that it starts from.
RISE = 0.15
RISE_FROM = 25
# From the number of a step, from 0 on, to a rate.
Schedule = Callable[[Any], Any]


def build(config: Config, tiles_per_side: int = 1) -> TrainingModel:
    """Builds the networks of an experiment with random weights, uncompiled."""
    try:
        with precision.policy(config.precision):
            networks = _networks(config)
    except ValueError as error:
        raise InputError(f"network settings: {error}") from error
    generator, discriminator, quality_network, average = networks
    use_head = config.reference_head_weight > 0
    if generator is None:
        return PlainAssessment(quality_network, tiles_per_side, use_head)
    return G2NPAN(
        generator,
        discriminator,
        quality_network,
        tiles_per_side,
        average,
        use_head,
    )


def compile_model(model: TrainingModel, config: Config, steps: int) -> None:
    """Gives each network its Adam and the step its loss weights.

    Section: 4.1.3. `steps` are those of an epoch.

    Choice: a network's schedule spans the steps that it takes. If the
    generator first trains alone, its schedule runs to the end there, as in a
    run of its own, and then again with the other networks at a lower rate: a
    full one would undo what it has learned.
    """
    objective = Objective(
        global_batch_size=config.batch_size,
        reconstruction_weight=config.reconstruction_weight,
        spectral_weight=config.spectral_weight,
        ssim_weight=config.ssim_weight,
        adversarial_weight=config.adversarial_weight,
        cam_weight=config.cam_weight,
        correlation_weight=config.correlation_weight,
        ranking_weight=config.ranking_weight,
        quality_weight=config.quality_weight,
        reference_head_weight=config.reference_head_weight,
        cam_target=config.cam_target,
        use_perception_weight=config.use_perception_weight,
        perception_pass=config.perception_pass,
        warmup_steps=config.perception_warmup * steps,
        generator_ema=config.generator_ema,
    )
    alone = config.epochs_alone
    rates = {}
    for name in model.OPTIMIZERS:
        rates[name] = _schedule(config, steps, config.epochs - alone)
        if alone and name == "generator_optimizer":
            first = _schedule(config, steps, alone)
            rates[name] = _InTwoStages(
                first, rates[name], alone * steps, config.generator_finetune
            )
    optimizers = [
        precision.with_loss_scale(keras.optimizers.Adam(rate), config.precision)
        for rate in rates.values()
    ]
    model.compile(objective, *optimizers)


def sampling(config: Config) -> Sampling:
    """How an experiment draws its batches."""
    return Sampling(
        batch_size=config.batch_size,
        seed=config.seed,
        augment=config.augment,
        crops_per_image=config.crops_per_image,
        cam_kappa=config.cam_kappa,
        tile_size=config.tile_size,
    )


class _InTwoStages(keras.optimizers.schedules.LearningRateSchedule):
    """One schedule after the other, the second one scaled."""

    def __init__(
        self, first: Schedule, second: Schedule, steps: int, factor: float
    ) -> None:
        super().__init__()
        self.first, self.second = first, second
        self.steps, self.factor = steps, factor

    def __call__(self, step: Any) -> Any:
        """The rate of a step, from 0."""
        later = keras.ops.maximum(step - self.steps, 0)
        return keras.ops.where(
            step < self.steps,
            self.first(step),
            self.factor * self.second(later),
        )


def _schedule(config: Config, steps: int, epochs: int) -> Schedule:
    """How the rate falls over `epochs` of `steps`."""
    if config.lr_schedule == "cosine":
        # A dry run has no epochs, but it takes two steps.
        return keras.optimizers.schedules.CosineDecay(
            config.learning_rate, decay_steps=max(1, epochs) * steps
        )
    if config.lr_schedule == "one_cycle":
        total = max(1, epochs) * steps
        rise = int(RISE * total)
        return keras.optimizers.schedules.CosineDecay(
            config.learning_rate / RISE_FROM,
            decay_steps=max(1, total - rise),
            warmup_target=config.learning_rate,
            warmup_steps=rise,
        )
    return keras.optimizers.schedules.ExponentialDecay(
        config.learning_rate,
        decay_steps=config.lr_decay_every * steps,
        decay_rate=config.lr_decay,
        staircase=True,
    )


def _networks(config: Config) -> tuple[keras.Model | None, ...]:
    generator, discriminator, average, features = None, None, None, None
    if config.use_gan:
        generator = _generator(config)
        features = tuple(generator.output["ufw_features"].shape[1:])
    quality_network = build_quality_network(
        config.backbone,
        config.vgg_width,
        config.vgg_batch_norm,
        features,
        config.tile_size,
        config.use_local_contrast,
        config.stem_filters,
        config.spectrum_filters if config.use_spectrum else 0,
        config.statistics_filters if config.use_scene_statistics else 0,
    )
    if generator is not None:
        discriminator = build_discriminator(
            config.discriminator_filters, config.tile_size
        )
        # Built last, so that the other networks start as without it.
        if config.generator_ema:
            average = _generator(config)
            average.set_weights(generator.get_weights())
    return generator, discriminator, quality_network, average


def _generator(config: Config) -> keras.Model:
    return build_generator(
        config.generator_filters,
        config.generator_strides,
        config.up_filters,
        config.up_scales,
        config.num_ufw,
        config.tile_size,
        config.use_generator_skip,
        config.use_generator_detail,
    )
