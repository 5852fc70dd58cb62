"""The model card of a run: what it is, was measured, and must not be used for.

Made from what is in the run's folder, so that no figure is typed by hand.
"""

import importlib.metadata
import json
import pathlib
import platform
import zipfile
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import METHOD
from g2npan_tf.core.config import Config
from g2npan_tf.core.config import name_of
from g2npan_tf.core.files import written_aside
from g2npan_tf.data import protocols
from g2npan_tf.evaluation.front_matter import front_matter
from g2npan_tf.evaluation.model_limits import USE
from g2npan_tf.evaluation.model_limits import limits
from g2npan_tf.evaluation.results import Results
from g2npan_tf.evaluation.results import read
from g2npan_tf.evaluation.table import table
from g2npan_tf.scoring import model_facts
from g2npan_tf.scoring.model_facts import whose

FILE = "model_card.md"
_PACKAGES = ("g2npan-tf", "tensorflow", "keras", "numpy")
_SETTINGS = (
    "preset",
    "use_gan",
    "backbone",
    "num_ufw",
    "batch_size",
    "learning_rate",
    "seed",
)
_LOADING = """```python
import g2npan_tf

assessor = g2npan_tf.Assessor.load("scorer.keras")
mos = assessor.score([pixels])  # uint8 [height, width, 3] -> MOS 1..5
maps = assessor.explain([pixels])[0]  # cam, and with a GAN reference, nuance
```

or without this package, `keras.saving.load_model("scorer.keras")`: it needs no
custom objects and takes uint8 `[batch, {size}, {size}, 3]`."""
_CITATION = """```bibtex
@article{tian2024g2npan,
  title   = {{GAN}-guided nuance perceptual attention network for multimodal
             medical fusion image quality assessment},
  author  = {Tian, Chuangeng and Zhang, Lei},
  journal = {Frontiers in Neuroscience},
  volume  = {18},
  year    = {2024},
  doi     = {10.3389/fnins.2024.1415679}
}
```"""


def write(
    workdir: pathlib.Path, size: int, output: pathlib.Path | None = None
) -> pathlib.Path:
    """Writes the card of an evaluated run, replaced whole.

    Args:
        workdir: Folder of the run, with `evaluation/results.json`, or such
            files in folders there, or both.
        size: Side in pixels of what the model scores.
        output: Folder of the card, and of further results.json if there is
            one; None: the workdir.

    Returns:
        The file.

    Raises:
        OSError: If the disk does not take it.
    """
    settings, facts = config_module.load(workdir / "config.json")
    home = workdir / "evaluation"
    paths = [home / "results.json", *sorted(home.glob("*/results.json"))]
    if output:
        paths.append(output / "results.json")
    paths = list(dict.fromkeys(path.resolve() for path in paths))
    evaluations = [read(path, Results) for path in paths if path.exists()]
    summary = _json(workdir / "training.json")
    parameters = count_parameters(workdir / "scorer.keras")
    path = (output or workdir) / FILE
    with written_aside(path) as aside:
        aside.write_text(
            card(settings, facts, evaluations, summary, parameters, size)
        )
    return path


def card(
    settings: Config,
    facts: Mapping[str, Any],
    evaluations: Sequence[Results],
    summary: Mapping[str, Any],
    parameters: int,
    size: int,
) -> str:
    """Writes the text of a model card.

    Args:
        settings: Of the run.
        facts: Of the base it was trained on.
        evaluations: Of each results.json.
        summary: What training.json holds; empty if there is none.
        parameters: Of the scorer.
        size: Side in pixels of what it scores.

    Returns:
        Markdown with a head in YAML.
    """
    parts = {
        "Use": f"{USE} It tells without a reference how good a fused medical "
        "image is, on the scale of mean opinion scores (MOS), 1 to 5.",
        "Scores": _scores(facts),
        "How to load it": _LOADING.format(size=size),
        "Training": _training(settings, facts, summary, parameters, size),
        **{
            f"Figures {place}: {one.data['name']}, {one.part} "
            f"({whose(one.data)})": table(one)
            for place, one in enumerate(evaluations, 1)
        },
        "Limits": "\n".join(
            f"- {line}" for line in limits(facts, evaluations, size)
        ),
        "Versions": _versions(),
        "Citation": _CITATION,
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in parts.items())
    title = (
        f"# {name_of(settings)}, {settings.preset}, trained on {facts['name']}"
    )
    return f"{front_matter(evaluations, METHOD)}\n{title}\n\n{body}\n"


def count_parameters(path: pathlib.Path) -> int:
    """Counts the numbers in a `.keras` file without building the model.

    Args:
        path: Of the scorer.

    Returns:
        Of all layers, also those that training does not change.
    """
    import h5py

    count = 0

    def add(name: str, item: object) -> None:
        nonlocal count
        if isinstance(item, h5py.Dataset):
            count += int(item.size)

    with (
        zipfile.ZipFile(path) as archive,
        archive.open("model.weights.h5") as content,
        h5py.File(content) as file,
    ):
        file.visititems(add)
    return count


def _scores(facts: Mapping[str, Any]) -> str:
    """Whose scores it learned, simulated or real."""
    if facts.get("scores") == "simulated":
        return (
            "**Simulated.** The scores that it learned come from a panel of "
            "simulated readers; no radiologist judged these images."
        )
    if model_facts.has_no_readers(facts):
        return (
            f"**A formula's.** It learned {facts['scores']}, to pretrain "
            "only; nobody judged these images."
        )
    if "scores" not in facts:
        return "**Unknown.** Nobody said whose scores it learned."
    return f"**Real.** It learned the {whose(facts)}."


def _training(
    settings: Config,
    facts: Mapping[str, Any],
    summary: Mapping[str, Any],
    parameters: int,
    size: int,
) -> str:
    """Data, protocol, settings and size as a list."""
    named = {
        "Data": facts["name"],
        "Protocol": f"{protocols.describe(settings)} left out",
        "Parameters": f"{parameters:,}",
        "Input": f"uint8 RGB, {size} x {size}",
        "Settings": ", ".join(
            f"{name} {getattr(settings, name)}" for name in _SETTINGS
        )
        + " (all: config.json)",
    }
    if summary:
        best = summary.get("best_val_srcc")
        named["Epochs"] = (
            f"{summary['epochs']}, the best one {summary['best_epoch']}"
            + (f" (validation SRCC {best:.3f})" if best is not None else "")
        )
    if found := summary.get("calibration"):
        named["Calibration"] = (
            f"logit * {found['scale']:.2f} {found['offset']:+.2f}, fitted to "
            f"{found['images']} images of training and validation part"
        )
    return "\n".join(f"- {name}: {value}" for name, value in named.items())


def _versions() -> str:
    """What the figures were made with."""
    versions = {"Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed as a package"
    return "Evaluated with " + ", ".join(
        f"{name} {version}" for name, version in versions.items()
    )


def _json(path: pathlib.Path) -> dict[str, Any]:
    """What a file holds; nothing if it is not there."""
    return json.loads(path.read_text()) if path.exists() else {}
