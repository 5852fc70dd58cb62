"""What a `.tflite` file says of itself: a description and the card.

The schema of TFLite Support (`TFLITE_METADATA`) needs a package that has no
build for today's Pythons; so the card is an entry of its own, as JSON.
"""

import json
from typing import Any

import flatbuffers

# The schema comes without types.
from ai_edge_litert import schema_py_generated as schema

from g2npan_tf.core import plain_json

ENTRY = "g2npan_tf.card.json"
_IDENTIFIER = b"TFL3"


def add(model: bytes, description: str, card: dict[str, Any]) -> bytes:
    """Writes a description and a card into a model.

    Args:
        model: Content of a `.tflite` file.
        description: One line that viewers of models show.
        card: JSON-ready.

    Returns:
        Content of the file that computes the same.
    """
    changed = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    changed.description = description
    buffer = schema.BufferT()
    buffer.data = list(json.dumps(card).encode())
    entry = schema.MetadataT()
    entry.name, entry.buffer = ENTRY, len(changed.buffers)
    changed.buffers.append(buffer)
    changed.metadata = [*(changed.metadata or []), entry]
    builder = flatbuffers.Builder(len(model) + 2**16)
    builder.Finish(changed.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def read(model: bytes) -> tuple[str, dict[str, Any]]:
    """Reads what `add` wrote.

    Args:
        model: Content of a `.tflite` file.

    Returns:
        The description and the card; empty if there is none.
    """
    content = schema.Model.GetRootAs(model, 0)
    description = (content.Description() or b"").decode()
    for index in range(content.MetadataLength()):
        entry = content.Metadata(index)
        if entry.Name().decode() == ENTRY:
            data = content.Buffers(entry.Buffer()).DataAsNumpy()
            return description, plain_json.parse(bytes(data))
    return description, {}
