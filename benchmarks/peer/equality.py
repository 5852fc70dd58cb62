"""Shows that both engines compute the same: forward, losses, gradients.

Weights and images are random; arrays are named as PyTorch does.
"""

import dataclasses
import pathlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.peer.process import STYLES
from benchmarks.peer.process import PeerProcess
from benchmarks.timing import STEP
from benchmarks.timing import Subject
from g2npan_tf.core.config import Config
from g2npan_tf.model.discriminator import build_discriminator
from g2npan_tf.model.generator import build_generator
from g2npan_tf.model.quality_network import build_quality_network
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.training import build as training_build

Arrays = dict[str, np.ndarray]
# PyTorch's names of what Keras keeps in a layer.
_WEIGHTS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
# Largest deviations of float32 sums in another order; see `deviations`.
TOLERANCES = {
    "forward": 1e-4,
    "loss": 1e-4,
    "gradient": 1e-2,
    "statistics": 1e-4,
}
# A gradient that is 0 but for rounding, as that of a bias before batch
# normalisation, is compared with this part of the network's largest.
_FLOOR = 1e-3
# Each term of each loss shows in the gradients.
_LOSS_WEIGHTS = {
    "reconstruction_weight": 1.5,
    "adversarial_weight": 0.3,
    "cam_weight": 2.0,
    "quality_weight": 0.5,
}
# Pixels and images: few, so that rounding seldom crosses a kink of a ReLU.
_SIZE = 32
_BATCH_SIZE = 4
_BATCHES = 4


class _Recorder(keras.optimizers.SGD):
    """Keeps the gradients and moves nothing."""

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Keeps what an optimiser would use."""
        self.recorded = [np.asarray(gradient) for gradient in grads]


def check(
    config: Config, peer: PeerProcess, folder: pathlib.Path
) -> dict[str, float]:
    """Computes some batches in both engines from the same random weights.

    Rounding sometimes crosses a kink of a ReLU or changes the largest of a
    pool, which moves gradients by per cents, with every batch in another
    place. A mistake is there in every batch: of the gradients the smallest
    deviation of the batches counts, of all else the largest. The engines
    exchange files in `folder`.

    Returns:
        Largest deviation by kind and network, e.g. `gradient/generator`, of
        both styles of the peer's step.

    Raises:
        RuntimeError: If a deviation is above its tolerance.
    """
    config = dataclasses.replace(
        config,
        **_LOSS_WEIGHTS,  # type: ignore[arg-type]
        batch_size=_BATCH_SIZE,
        perception_warmup=0,
    )
    model = build(config, _SIZE)
    batches = [
        _compare(model, config, peer, folder, seed) for seed in range(_BATCHES)
    ]
    found: dict[str, float] = {}
    for name in batches[0]:
        kind = name.split(".")[0]
        choose = min if kind.startswith("gradient") else max
        worst = choose(batch[name] for batch in batches)
        found[kind] = max(found.get(kind, 0.0), worst)
    for kind, value in found.items():
        if value > TOLERANCES[kind.split("/")[0]]:
            raise RuntimeError(f"the engines differ: {kind} by {value:.1e}")
    return found


def _compare(
    model: G2NPAN,
    config: Config,
    peer: PeerProcess,
    folder: pathlib.Path,
    seed: int,
) -> dict[str, float]:
    """Deviation of every result of one batch, of the worse style."""
    batch = random_batch(_BATCH_SIZE, _SIZE, seed)
    randomize(model, batch, seed)
    weights = {
        f"weight/{name}": value
        for net in networks(model)
        for name, value in exported(net, net.weights, net.get_weights()).items()
    }
    case_path, result = folder / "case.npz", folder / "result.npz"
    images = {f"batch/{name}": value for name, value in batch.items()}
    np.savez(case_path, **{**weights, **images})  # type: ignore[arg-type]
    ours = compute(model, config, batch)
    found: dict[str, float] = {}
    for style in STYLES:
        peer.ask(
            "check",
            threads=1,
            case=str(case_path),
            result=str(result),
            style=style,
            loss_weights=_LOSS_WEIGHTS,
        )
        with np.load(result) as file:
            peers = dict(file)
        # PyTorch corrects the variance by n / (n - 1); the plain step runs
        # networks twice, which moves all statistics twice.
        left_out = "statistics" if style == "plain" else ".running_var"
        kept = {n: x for n, x in ours.items() if left_out not in n}
        peers = {n: x for n, x in peers.items() if left_out not in n}
        for name, value in deviations(kept, peers).items():
            found[name] = max(found.get(name, 0.0), value)
    return found


def compute(model: G2NPAN, config: Config, batch: Arrays) -> Arrays:
    """Outputs in inference mode, then one training step that moves nothing.

    Only the statistics of batch normalisation change.

    Returns:
        `forward/...`, `loss/...`, `gradient/...`, `statistics/...`.
    """
    image = scaled(batch["image"])
    reference = scaled(batch["reference"])
    generated = model.generator(image, training=False)
    outputs = {
        **generated,
        **assess(model, image, generated, training=False),
        "real_logits": model.discriminator(reference, training=False),
        **model.scorer(batch["image"], training=False),
    }
    training_build.compile_model(model, config, steps=1)
    recorders = [_Recorder(learning_rate=0.0) for _ in range(3)]
    model.compile(model.objective, *recorders)
    model.reset_metrics()
    terms = model.train_step({n: tf.constant(x) for n, x in batch.items()})
    results = {f"forward/{name}": value for name, value in outputs.items()}
    results |= {f"loss/{name}": value for name, value in terms.items()}
    for net, recorder in zip(networks(model), recorders, strict=True):
        variables, moving = net.trainable_variables, net.non_trainable_variables
        gradients = exported(net, variables, recorder.recorded)
        statistics = exported(net, moving, moving)
        results |= {f"gradient/{n}": x for n, x in gradients.items()}
        results |= {f"statistics/{n}": x for n, x in statistics.items()}
    return {name: np.asarray(value) for name, value in results.items()}


def deviations(ours: Arrays, peers: Arrays) -> dict[str, float]:
    """How far each result is from the peer's.

    Of gradients the norm of the difference relative to the norm, or to a
    thousandth of the largest in the network; of all else the largest
    difference relative to the largest value, if that is above 1. Infinite
    where a value is not finite.

    Raises:
        RuntimeError: If the names or shapes differ.
    """
    shapes = {name: value.shape for name, value in ours.items()}
    peer_shapes = {name: value.shape for name, value in peers.items()}
    if shapes != peer_shapes:
        different = sorted(set(shapes.items()) ^ set(peer_shapes.items()))
        raise RuntimeError(f"only one engine has {different}")
    found = {}
    for name, value in ours.items():
        network = name.split(".")[0]
        norms = [
            float(np.linalg.norm(other))
            for other_name, other in ours.items()
            if other_name.split(".")[0] == network
        ]
        found[name] = _deviation(name, value, peers[name], max(norms))
    return found


def _deviation(
    name: str, ours: np.ndarray, peers: np.ndarray, largest_norm: float
) -> float:
    """How far one result is from the other engine's."""
    difference = ours - peers
    if not np.isfinite(difference).all():
        return float("inf")
    if name.startswith("gradient"):
        scale = max(float(np.linalg.norm(ours)), _FLOOR * largest_norm)
        return float(np.linalg.norm(difference)) / scale
    return float(np.abs(difference).max() / max(1.0, np.abs(ours).max()))


def build(config: Config, image_size: int) -> G2NPAN:
    """The networks of a configuration for images of any size."""
    generator = build_generator(
        config.generator_filters,
        config.generator_strides,
        config.up_filters,
        config.up_scales,
        config.num_ufw,
        image_size,
    )
    return G2NPAN(
        generator,
        build_discriminator(
            config.discriminator_filters, image_size=image_size
        ),
        build_quality_network(
            config.backbone,
            config.vgg_width,
            config.vgg_batch_norm,
            tuple(generator.output["ufw_features"].shape[1:]),
            image_size,
        ),
    )


def training_step(model: G2NPAN, config: Config, threads: int) -> Subject:
    """Steps on one random batch again and again; Eq. 10 with warm-up 0."""
    size = model.scorer.input.shape[1]
    batch = random_batch(config.batch_size, size, seed=0)
    tensors = {name: tf.constant(value) for name, value in batch.items()}
    training_build.compile_model(model, config, steps=1)
    step = tf.function(model.train_step)
    return Subject(STEP, lambda: step(tensors), config.batch_size, 0.0, threads)


def networks(model: G2NPAN) -> tuple[keras.Model, ...]:
    """The three networks; their names are the peer's."""
    return model.generator, model.discriminator, model.quality_network


def exported(net: keras.Model, variables: Any, values: Any) -> Arrays:
    """Names and lays out values of variables as PyTorch does.

    Kernels `[rows, columns, in, out]` become `[out, in, rows, columns]`, and
    mirrored: TensorFlow's "same" pads an even image at its far end, a stride
    of 2 with `padding=1` uses only the near one. On mirrored images mirrored
    kernels sum the same pixels.

    Args:
        net: Its name is the prefix.
        variables: Some of its variables.
        values: An array for each: the weight, or its gradient.

    Returns:
        Arrays by name, e.g. `generator.down1_conv.weight`.
    """
    arrays = {}
    for variable, value in zip(variables, values, strict=True):
        layer, weight = variable.path.split("/")[-2:]
        array = np.asarray(value)
        if array.ndim == 4:
            array = array[::-1, ::-1].transpose(3, 2, 0, 1)
        arrays[f"{net.name}.{layer}.{_WEIGHTS[weight]}"] = array
    return arrays


def random_batch(batch_size: int, size: int, seed: int) -> Arrays:
    """Noisy patches of random colour, scores and CAM targets."""
    rng = np.random.default_rng(seed)
    shape = (2, batch_size, size // 8, size // 8, 3)
    coarse = rng.uniform(0, 180, shape).repeat(8, axis=2).repeat(8, axis=3)
    # Without the noise, pools would see equal pixels and choose any of them.
    noisy = coarse + rng.uniform(0, 75, coarse.shape)
    # From dark to bright, so that the second quality differs clearly.
    bright = np.linspace(0.1, 1, batch_size).reshape(-1, 1, 1, 1)
    image, reference = (bright * noisy).astype(np.uint8)
    grid = (batch_size, size // 16, size // 16)
    return {
        "image": image,
        "reference": reference,
        "quality": rng.random(batch_size, dtype=np.float32),
        "cam_target": rng.random(grid, dtype=np.float32),
    }


def randomize(model: G2NPAN, batch: Arrays, seed: int) -> None:
    """Gives every bias, scale and statistic a value that shows.

    The CAM's bias is set so that some images get W = 1 and some W = 0, and none
    is so near the threshold that another engine's roundings turn it.
    """
    rng = np.random.default_rng(seed)
    for net in networks(model):
        for variable in net.weights:
            name, shape = variable.path.split("/")[-1], variable.shape
            if name == "gamma":
                variable.assign(rng.uniform(0.5, 1.5, shape))
            elif name == "moving_variance":
                # Above 1, or the sums over skips would grow and grow.
                variable.assign(rng.uniform(2.0, 4.0, shape))
            elif name != "kernel":
                variable.assign(rng.normal(0, 0.1, shape))
    logits = _second_logits(model, scaled(batch["image"]))
    bias = model.quality_network.get_layer("cam").bias
    bias.assign_sub([_widest_gap(np.asarray(logits))])


def _widest_gap(values: np.ndarray) -> float:
    """The middle of the widest gap between neighbours."""
    ordered = np.sort(values)
    lower = int(np.argmax(np.diff(ordered)))
    return float(ordered[lower] + ordered[lower + 1]) / 2


def _second_logits(model: G2NPAN, image: tf.Tensor) -> tf.Tensor:
    """Q_pre of I_hq as Eq. 10 finds it: with the means after a pass."""
    kept = [net.get_weights() for net in networks(model)]
    generated = model.generator(image, training=True)
    assess(model, image, generated, training=True)
    pseudo_reference = generated["pseudo_reference"]
    again = model.generator(pseudo_reference, training=False)
    assessed = assess(model, pseudo_reference, again, training=False)
    for net, values in zip(networks(model), kept, strict=True):
        net.set_weights(values)
    return assessed["quality_logit"]


def assess(
    model: G2NPAN, image: tf.Tensor, generated: Any, training: bool
) -> dict[str, tf.Tensor]:
    """The quality network on an image and what the generator made of it."""
    nuance = tf.abs(generated["pseudo_reference"] - image)
    features = generated["ufw_features"]
    return model.quality_network(
        {"image": image, "discrepancy": nuance, "ufw_features": features},
        training=training,
    )


def scaled(pixels: np.ndarray) -> tf.Tensor:
    """uint8 to 0..1."""
    return tf.constant(pixels / np.float32(255))
