"""Shows that both engines compute the same: forward, losses, gradients."""

import dataclasses
import pathlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.peer import case
from benchmarks.peer.case import Arrays
from benchmarks.peer.peer_process import STYLES
from benchmarks.peer.peer_process import PeerProcess
from g2npan_tf.core.config import Config
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.training import build

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
    deviation of the batches counts, of all else the largest.

    Args:
        config: Of the networks.
        peer: The other engine, with the same configuration.
        folder: For the files that they exchange.

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
    model = case.build(config, _SIZE)
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
    batch = case.random_batch(_BATCH_SIZE, _SIZE, seed)
    case.randomize(model, batch, seed)
    weights = {
        f"weight/{name}": value
        for net in case.networks(model)
        for name, value in case.exported(
            net, net.weights, net.get_weights()
        ).items()
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

    Args:
        model: Is compiled; only the statistics of batch normalisation change.
        config: Its losses' weights count.
        batch: From `random_batch`.

    Returns:
        `forward/...`, `loss/...`, `gradient/...`, `statistics/...`.
    """
    image = case.scaled(batch["image"])
    reference = case.scaled(batch["reference"])
    generated = model.generator(image, training=False)
    outputs = {
        **generated,
        **case.assess(model, image, generated, training=False),
        "real_logits": model.discriminator(reference, training=False),
        **model.scorer(batch["image"], training=False),
    }
    build.compile_model(model, config, steps=1)
    recorders = [_Recorder(learning_rate=0.0) for _ in range(3)]
    model.compile(model.objective, *recorders)
    model.reset_metrics()
    terms = model.train_step({n: tf.constant(x) for n, x in batch.items()})
    results = {f"forward/{name}": value for name, value in outputs.items()}
    results |= {f"loss/{name}": value for name, value in terms.items()}
    for net, recorder in zip(case.networks(model), recorders, strict=True):
        variables, moving = net.trainable_variables, net.non_trainable_variables
        gradients = case.exported(net, variables, recorder.recorded)
        statistics = case.exported(net, moving, moving)
        results |= {f"gradient/{n}": x for n, x in gradients.items()}
        results |= {f"statistics/{n}": x for n, x in statistics.items()}
    return {name: np.asarray(value) for name, value in results.items()}


def deviations(ours: Arrays, peers: Arrays) -> dict[str, float]:
    """How far each result is from the peer's.

    Of gradients the norm of the difference relative to the norm, or to a
    thousandth of the largest in the network; of all else the largest
    difference relative to the largest value, if that is above 1. Infinite
    where a value is not finite.

    Args:
        ours: From `compute`.
        peers: The peer's; must have the same names.

    Returns:
        By the names of the results.

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
