"""The models that come with the package: their names, files and cards.

`python -m export.shipped` makes them; beside each file is its card.
"""

import os
import pathlib
from collections.abc import Iterator
from typing import Any

from g2npan_tf.core import plain_json
from g2npan_tf.scoring import model_facts

FOLDER = pathlib.Path(__file__).parent / "models"
DEFAULT = "fusion"
# Key of a card's part that only such models have.
SHIPPED = "shipped"


def names() -> list[str]:
    """The models that ship, the default first."""
    found = [path.stem for path in FOLDER.glob("*.tflite")]
    return sorted(found, key=lambda name: (name != DEFAULT, name))


def resolve(model: str | os.PathLike[str]) -> pathlib.Path:
    """The path of a model: of one that ships, if text is its name, or as given.

    Choice: a name wins over a file or folder of that name, so that a command
    means the same in every working folder; `./fusion` is the path, and so is
    a `pathlib.Path`.
    """
    if isinstance(model, str) and model in names():
        return _file(model)
    return pathlib.Path(model)


def card(name: str) -> dict[str, Any]:
    """The card of a model, as `export.shipped` writes it."""
    return plain_json.parse(_file(name).with_suffix(".json").read_bytes())


def note(model: str | os.PathLike[str]) -> str:
    """Which model, whose scores, and for what, in one line or none."""
    path = resolve(model)
    for name in names():
        if path == _file(name):
            return f"{_said(name, card(name))}."
    caution = model_facts.caution(model_facts.read(path))
    return f"{caution} Research use only." if caution else ""


def listing() -> str:
    """What `--list_models` prints."""
    return "\n".join(line for name in names() for line in _lines(name))


def _lines(name: str) -> Iterator[str]:
    """The lines of one model in the listing."""
    found = card(name)
    words = found[SHIPPED]
    unseen = words["cross_validation"]
    yield f"{_said(name, found)}{' (default)' * (name == DEFAULT)}"
    yield f"  learned from  {model_facts.learned_from(found['data'])}"
    for method, figures in unseen["figures"].items():
        low, high = figures["srcc_low"], figures["srcc_high"]
        yield (
            f"  cross-valid.  {method}: SRCC {figures['srcc']:.3f} "
            f"({low:.3f} to {high:.3f}), PLCC {figures['plcc']:.3f}, "
            f"RMSE [0, 1] {figures['rmse']:.3f}"
        )
    yield f"                {unseen['images']} images, {unseen['protocol']}"
    if (share := unseen["inside_interval"]) is not None:
        yield f"                {share:.1%} of MOS inside the 90 % interval"
    yield f"  not for       {words['not_for']}"
    yield f"  licences      {words['licences']}"
    yield f"  made by       {words['command']}"
    yield f"  file          {_file(name)}, {found['bytes'] / 1000:.0f} kB"
    yield f"  SHA-256       {found['sha256']}"


def _said(name: str, found: dict[str, Any]) -> str:
    """The core of a card in one line."""
    words = found[SHIPPED]
    return (
        f"Model {name} predicts the scores of {words['readers']} for "
        f"{words['for']}; {found['use']}"
    )


def _file(name: str) -> pathlib.Path:
    return FOLDER / f"{name}.tflite"
