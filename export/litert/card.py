"""The card of a LiteRT file: what a user or a program must know of it.

The schema of TFLite Support (`TFLITE_METADATA`) needs a package that has no
build for today's Pythons; so the card is an entry of its own, as JSON.
"""

import hashlib
import json
import pathlib
from typing import TYPE_CHECKING
from typing import Any

import flatbuffers

# The schema comes without types.
from ai_edge_litert import schema_py_generated as schema

import g2npan_tf
from export import parity
from export.litert.conversion import SIGNATURE
from g2npan_tf.core import mos
from g2npan_tf.core import plain_json
from g2npan_tf.core.config import ALL
from g2npan_tf.scoring.model_facts import learned_from

if TYPE_CHECKING:
    from export.finished_run import FinishedRun

ENTRY = "g2npan_tf.card.json"
_IDENTIFIER = b"TFL3"
_MEANINGS = {
    "mos": "predicted mean opinion score",
    "quality": "the same on the range 0..1",
    "cam": "local quality, 1 is good",
    "reference": "generated best version of the image, RGB",
    "nuance": "|reference - image|",
    "mos_low": "lower end of the 90 % prediction interval of the readers' MOS",
    "mos_high": "its upper end",
    "distance": "of the image from those that trained, as a percentile of "
    "these; above 99 the score may mean nothing",
    "mos_spread": "standard deviation between the packed models' MOS",
}
_SCALE = [mos.MOS_MIN, mos.MOS_MAX]
_RANGES = {
    "mos": _SCALE,
    "mos_low": _SCALE,
    "mos_high": _SCALE,
    "distance": [0.0, 100.0],
    "mos_spread": [0.0, mos.MOS_MAX - mos.MOS_MIN],
}


def card(
    run: "FinishedRun",
    precision: str,
    outputs: parity.Outputs,
    calibration: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Makes the card that is written into the file, JSON-ready.

    Args:
        run: What was exported.
        precision: One of `conversion.PRECISIONS`.
        outputs: Of the file on some images.
        calibration: Facts of `conversion.calibration`, for full int8.
    """
    has_test_part = run.members == 1 and run.config.protocol != ALL
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
        "scale": _SCALE,
        "direction": "higher is better",
        "use": "research only; not a medical device",
        "data": run.facts,
        "preset": run.config.preset,
        "protocol": run.protocol,
        "test_fold": run.config.fold if has_test_part else None,
        "models": run.members,
    }


def description(run: "FinishedRun", precision: str) -> str:
    """One line for viewers of models."""
    return (
        f"G2NPAN-TF {g2npan_tf.__version__}, {precision}: predicted mean "
        "opinion score 1..5 of a fused medical image; trained on "
        f"{learned_from(run.facts)}; research only"
    )


def side_file(path: pathlib.Path, content: dict[str, Any]) -> dict[str, Any]:
    """Adds to a card what is known only of the finished file."""
    data = path.read_bytes()
    return {
        "file": path.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        **content,
    }


def add(model: bytes, described: str, content: dict[str, Any]) -> bytes:
    """Writes a description and a card into a `.tflite` file's content."""
    changed = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    changed.description = described
    buffer = schema.BufferT()
    buffer.data = list(json.dumps(content).encode())
    entry = schema.MetadataT()
    entry.name, entry.buffer = ENTRY, len(changed.buffers)
    changed.buffers.append(buffer)
    changed.metadata = [*(changed.metadata or []), entry]
    builder = flatbuffers.Builder(len(model) + 2**16)
    builder.Finish(changed.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def read(model: bytes) -> tuple[str, dict[str, Any]]:
    """Reads the description and the card; empty if there is none."""
    content = schema.Model.GetRootAs(model, 0)
    described = (content.Description() or b"").decode()
    for index in range(content.MetadataLength()):
        entry = content.Metadata(index)
        if entry.Name().decode() == ENTRY:
            data = content.Buffers(entry.Buffer()).DataAsNumpy()
            return described, plain_json.parse(bytes(data))
    return described, {}


def _describe(name: str, values: Any, meaning: str) -> dict[str, Any]:
    """One output of the card."""
    return {
        "dtype": str(values.dtype),
        "shape": [1, *values.shape[1:]],
        "range": _RANGES.get(name, [0.0, 1.0]),
        "meaning": meaning,
    }
