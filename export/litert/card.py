"""The card of a LiteRT file: what a user or a program must know of it."""

import hashlib
import pathlib
from typing import TYPE_CHECKING
from typing import Any

import g2npan_tf
from export import parity
from export.litert.conversion import SIGNATURE
from g2npan_tf.core import mos
from g2npan_tf.data import protocols
from g2npan_tf.scoring.model_facts import whose

if TYPE_CHECKING:
    from export.finished_run import FinishedRun

_MEANINGS = {
    "mos": "predicted mean opinion score",
    "quality": "the same on the range 0..1",
    "cam": "local quality, 1 is good",
    "reference": "generated best version of the image, RGB",
    "nuance": "|reference - image|",
}


def card(
    run: "FinishedRun",
    precision: str,
    outputs: parity.Outputs,
    calibration: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Makes the card that is written into the file.

    Args:
        run: What was exported.
        precision: One of `litert_conversion.PRECISIONS`.
        outputs: Of the file on some images.
        calibration: `Calibration.facts`, for full int8.

    Returns:
        JSON-ready content.
    """
    calibrated = {"calibration": calibration} if calibration else {}
    return {
        "format": "LiteRT (TensorFlow Lite)",
        "precision": precision,
        **calibrated,
        "version": g2npan_tf.__version__,
        "signature": SIGNATURE,
        "input": {
            "name": "image",
            "dtype": "uint8",
            "shape": [1, *run.scorer.input_shape[1:]],
            "range": [0, 255],
            "meaning": "fused image, RGB; other sizes by area averaging",
        },
        "outputs": {
            name: _describe(name, outputs[name], meaning)
            for name, meaning in _MEANINGS.items()
            if name in outputs
        },
        "scale": [mos.MOS_MIN, mos.MOS_MAX],
        "direction": "higher is better",
        "use": "research only; not a medical device",
        "data": run.facts,
        "preset": run.config.preset,
        "protocol": protocols.describe(run.config),
        "test_fold": run.config.fold,
    }


def description(run: "FinishedRun", precision: str) -> str:
    """One line for viewers of models."""
    return (
        f"G2NPAN-TF {g2npan_tf.__version__}, {precision}: predicted mean "
        f"opinion score 1..5 of a fused medical image; trained on "
        f"{run.facts['name']} ({whose(run.facts)}); "
        "research only"
    )


def side_file(path: pathlib.Path, content: dict[str, Any]) -> dict[str, Any]:
    """Adds to a card what only the finished file tells.

    Args:
        path: The file.
        content: From `card`.

    Returns:
        JSON-ready content with `file`, `sha256` and `bytes` first.
    """
    data = path.read_bytes()
    return {
        "file": path.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        **content,
    }


def _describe(name: str, values: Any, meaning: str) -> dict[str, Any]:
    """One output of the card."""
    return {
        "dtype": str(values.dtype),
        "shape": [1, *values.shape[1:]],
        "range": [mos.MOS_MIN, mos.MOS_MAX] if name == "mos" else [0.0, 1.0],
        "meaning": meaning,
    }
