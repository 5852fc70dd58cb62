"""The process that PyTorch runs in: a JSON request a line, an answer a line.

    python -m benchmarks.peer.worker SETTINGS

SETTINGS are the fields of the project's configuration as JSON. Needs PyTorch
and NumPy and nothing of the package.
"""

import json
import sys
import time
from typing import Any

import numpy as np
import torch

from benchmarks.peer import training
from benchmarks.peer.networks import Networks
from benchmarks.timing import take_turn

Answer = dict[str, Any]
Arrays = dict[str, np.ndarray]
# Containers that no Keras layer has a name for.
_CONTAINERS = ("encoder.", "decoder.", "layers.")


class Worker:
    """The networks of `settings` and what can be asked of them."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.networks = Networks(settings)

    def answer(self, do: str, **request: Any) -> Answer:
        """Does `describe`, `check`, `train` or `score`."""
        torch.set_num_threads(request.pop("threads"))
        answer = getattr(self, do)(**request)
        return {**answer, "processor_seconds": time.process_time()}

    def describe(self) -> Answer:
        """The version; every answer has the process's time."""
        return {"version": torch.__version__}

    def check(
        self,
        case: str,
        result: str,
        style: str,
        loss_weights: dict[str, float],
    ) -> Answer:
        """Computes everything once, from given weights and images.

        Args:
            case: File with the arrays `weight/...` and `batch/...`.
            result: File to write: `forward/...` in inference mode, `loss/...`,
                `gradient/...` and `statistics/...` of a step.
            style: `plain` or `tuned`.
            loss_weights: Take the place of those of the settings.
        """
        with np.load(case) as file:
            arrays = dict(file)
        self._load(arrays)
        self.networks.to(memory_format=training.STYLES[style])
        batch = _batch(arrays, style, mirrored=True)
        results = {
            f"forward/{name}": value
            for name, value in _forward(self.networks, batch).items()
        }
        # Weights that do not move give all gradients at the same weights.
        settings = {**self.settings, **loss_weights, "learning_rate": 0.0}
        trainer = training.Trainer(self.networks, settings)
        self.networks.train()
        for name, value in trainer.step(batch, style).items():
            results[f"loss/{name}"] = value
        for name, value in self.networks.named_parameters():
            results[f"gradient/{_exported_name(name)}"] = value.grad
        for name, value in self._statistics().items():
            results[f"statistics/{name}"] = value
        arrays = {name: x.detach().numpy() for name, x in results.items()}
        np.savez(result, **arrays)
        return {}

    def train(self, batch_size: int, seconds: float, style: str) -> Answer:
        """Times training steps on one batch."""
        self.networks.to(memory_format=training.STYLES[style]).train()
        trainer = training.Trainer(self.networks, self.settings)
        batch = _batch(self._random_case(batch_size), style)
        times = take_turn(lambda: trainer.step(batch, style), seconds)
        return {"times": times}

    def score(self, batch_size: int, seconds: float, style: str) -> Answer:
        """Times the blind path from pixels to scores and maps."""
        self.networks.to(memory_format=training.STYLES[style]).eval()
        case = self._random_case(batch_size)
        pixels = torch.from_numpy(case["batch/image"])
        times = take_turn(
            lambda: training.score_pixels(self.networks, pixels, style), seconds
        )
        return {"times": times}

    def _random_case(self, batch_size: int) -> Arrays:
        """A batch without meaning."""
        rng = np.random.default_rng(0)
        size = self.settings["image_size"]
        shape = (batch_size, size, size, 3)
        grid = (batch_size, size // 16, size // 16)
        return {
            "batch/image": rng.integers(0, 256, shape, dtype=np.uint8),
            "batch/reference": rng.integers(0, 256, shape, dtype=np.uint8),
            "batch/quality": rng.random(batch_size, dtype=np.float32),
            "batch/cam_target": rng.random(grid, dtype=np.float32),
        }

    @torch.no_grad()
    def _load(self, arrays: Arrays) -> None:
        """Sets every weight and statistic from the arrays `weight/...`."""
        values = dict(self.networks.named_parameters())
        exported = {_exported_name(name): x for name, x in values.items()}
        for name, value in {**exported, **self._statistics()}.items():
            given = torch.from_numpy(arrays[f"weight/{name}"])
            if given.shape != value.shape:
                raise ValueError(f"{name}: {given.shape}, not {value.shape}")
            value.copy_(given)

    def _statistics(self) -> dict[str, torch.Tensor]:
        """Means and variances of batch normalisation."""
        return {
            _exported_name(name): value
            for name, value in self.networks.named_buffers()
            if "running" in name
        }


def _batch(
    arrays: Arrays, style: str, mirrored: bool = False
) -> training.Batch:
    """The arrays `batch/...`; mirrored to go with mirrored kernels."""
    image, reference, quality, cam_target = (
        torch.from_numpy(arrays[f"batch/{name}"])
        for name in ("image", "reference", "quality", "cam_target")
    )
    image = training.scaled(image, style)
    reference = training.scaled(reference, style)
    if mirrored:
        image, reference, cam_target = (
            x.flip((-2, -1)) for x in (image, reference, cam_target)
        )
    return training.Batch(image, reference, quality, cam_target)


def _exported_name(name: str) -> str:
    """`generator.encoder.down1.conv.bias` to `generator.down1_conv.bias`."""
    network, _, rest = name.partition(".")
    for container in _CONTAINERS:
        rest = rest.removeprefix(container)
    layer, _, weight = rest.rpartition(".")
    return f"{network}.{layer.replace('.', '_')}.{weight}"


@torch.no_grad()
def _forward(
    networks: Networks, batch: training.Batch
) -> dict[str, torch.Tensor]:
    """Outputs in inference mode, maps mirrored back, channels last."""
    networks.eval()
    generated, features = networks.generator(batch.image)
    cam_logits, quality_logit = networks.quality_network(
        batch.image, (generated - batch.image).abs(), features
    )
    results = {
        "pseudo_reference": generated,
        "ufw_features": features,
        "cam_logits": cam_logits,
        "quality_logit": quality_logit,
        "real_logits": networks.discriminator(batch.reference),
        **training.blind(networks, batch.image),
    }
    for name, value in results.items():
        if value.ndim > 1:
            value = value.flip((-2, -1))
        results[name] = value.movedim(1, -1) if value.ndim == 4 else value
    return results


def main() -> None:
    """Answers until standard input ends."""
    worker = Worker(json.loads(sys.argv[1]))
    for line in sys.stdin:
        print(json.dumps(worker.answer(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
