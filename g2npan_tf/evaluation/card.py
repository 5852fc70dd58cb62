"""The model card of a run: what it is, was measured, and must not be used for.

Made from what is in the run's folder, so that no figure is typed by hand; its
head in YAML is what model hubs read.
"""

import importlib.metadata
import json
import math
import os
import pathlib
import platform
import zipfile
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import yaml

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import ALL
from g2npan_tf.core.config import METHOD
from g2npan_tf.core.config import Config
from g2npan_tf.core.files import written_aside
from g2npan_tf.core.outputs import CROSS_VALIDATION
from g2npan_tf.core.outputs import SUMMARY
from g2npan_tf.core.run_names import name_of
from g2npan_tf.data import protocols
from g2npan_tf.evaluation.results import TEST
from g2npan_tf.evaluation.results import Agreement
from g2npan_tf.evaluation.results import CrossValidation
from g2npan_tf.evaluation.results import Facts
from g2npan_tf.evaluation.results import Results
from g2npan_tf.evaluation.results import read
from g2npan_tf.evaluation.table import attribution
from g2npan_tf.evaluation.table import number
from g2npan_tf.evaluation.table import table
from g2npan_tf.scoring import model_facts
from g2npan_tf.scoring.model_facts import whose

FILE = "model_card.md"
USE = "Research use only. This is not a medical device."
NOT_TESTED = (
    "It trained on every scored image of its data set: no figure of that data "
    "set is one of this very model."
)
# What hubs call the figures.
TYPES = {
    "plcc": "pearsonr",
    "srcc": "spearmanr",
    "krcc": "kendalltau",
    "rmse": "rmse",
}
_TAGS = (
    "image-quality-assessment",
    "blind-image-quality-assessment",
    "medical-image-fusion",
    "g2npan",
)
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
    summary = workdir / SUMMARY
    others = workdir / CROSS_VALIDATION
    origin = attribution(facts)
    parts = {
        "Use": f"{USE} It predicts without a reference how good a fused "
        "medical image is, on the scale of mean opinion scores (MOS), 1 to 5.",
        "Scores": f"**{origin.strong}**{origin.text}",
        "How to load it": _LOADING.format(size=size),
        "Training": _training(
            settings,
            facts,
            json.loads(summary.read_text()) if summary.exists() else {},
            {
                "Parameters": f"{count_parameters(workdir / 'scorer.keras'):,}",
                "Input": f"uint8 RGB, {size} x {size}",
            },
        ),
        **{
            f"Figures {place}: {one.data['name']}, {one.part} "
            f"({whose(one.data)})": table(one)
            for place, one in enumerate(evaluations, 1)
        },
        **(_of_folds(read(others, CrossValidation)) if others.exists() else {}),
        "Limits": "\n".join(
            f"- {line}"
            for line in [
                *([NOT_TESTED] if settings.protocol == ALL else []),
                *limits(facts, evaluations, size),
            ]
        ),
        "Versions": _versions(),
        "Citation": _CITATION,
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in parts.items())
    title = f"{name_of(settings)}, {settings.preset}, trained on"
    names = " and ".join(x["name"] for x in model_facts.trained_on(facts))
    head = f"{front_matter(evaluations)}\n# {title} {names}"
    path = (output or workdir) / FILE
    with written_aside(path) as aside:
        aside.write_text(f"{head}\n\n{body}\n")
    return path


def count_parameters(path: pathlib.Path) -> int:
    """Counts the numbers in a `.keras` file without building the model.

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


def _training(
    settings: Config,
    facts: Facts,
    summary: Mapping[str, Any],
    sizes: Mapping[str, str],
) -> str:
    """Data, protocol, settings and size as a list."""
    extra = model_facts.extra_words(facts)
    named = {
        "Data": facts["name"],
        **({"Extra data": extra} if extra else {}),
        "Protocol": protocols.left_out(settings),
        **sizes,
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
    if settings.like:
        named["Like"] = (
            f"the cross-validation {os.path.basename(settings.like)}: epochs "
            "are the mean of its runs' best ones"
        )
    if found := summary.get("calibration"):
        alone = facts.get("extra_only")
        part = "the extra data" if alone else "training and validation part"
        named["Calibration"] = (
            f"logit * {found['scale']:.2f} {found['offset']:+.2f}, fitted to "
            f"{found['images']} images of {part}"
        )
        if last := found.get("unseen"):
            named["Calibration"] += (
                f", then (logit * {last['scale']:.2f} {last['offset']:+.2f}) "
                f"to what that cross-validation's runs predict of "
                f"{last['images']} images which each of them had not seen"
            )
    if around := summary.get("interval"):
        named["Interval"] = (
            f"{around['coverage']:.0%}, MOS +- {around['half_width']:.2f}, "
            f"from {around['images']} images of {around['cases']} cases, "
            "scored by models that had not learned from them"
        )
    if known := summary.get("scope"):
        named["Scope"] = (
            "`distance` is the percentile of an image's distance from "
            f"{known['images']} training images of {known['cases']} cases; "
            "above 99 it is outside, and its score may mean nothing"
        )
    return "\n".join(f"- {name}: {value}" for name, value in named.items())


def _of_folds(results: CrossValidation) -> dict[str, str]:
    """Figures of a cross-validation of the same settings, by title."""
    return {
        f"Figures of {len(results.folds)} other models, seed {seed}: "
        "cross-validation of the same settings": "**Not of this model**, which "
        "has seen these images: each is predicted by a model of the same "
        f"settings that had not.\n\n{table(results.of_seed(seed))}"
        for seed in results.seeds
    }


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


def limits(
    facts: Facts, evaluations: Sequence[Results], size: int
) -> list[str]:
    """What the figures do not say, and where the model is no better.

    Facts are of training's data set, size is the scorer's side in pixels.
    """
    lines = [
        USE,
        f"Every image is brought to a square of side {size}; what is lost by "
        "that, no score can show.",
        "Scores of images unlike those of training (other modalities, "
        "scanners, organs, algorithms) are not known to mean anything.",
        "The maps show what the score was added up from; they prove no cause.",
        "One run: other seeds and folds give other figures. Intervals are of "
        "the images that were scored, not of other data sets.",
    ]
    sources = model_facts.trained_on(facts)
    if any(map(model_facts.is_simulated, sources)):
        lines.insert(
            1,
            "Trained on simulated scores: it has learned the rules of a "
            "simulated panel, not what radiologists think.",
        )
    for one in filter(model_facts.has_no_readers, sources):
        lines.insert(
            1,
            f"Trained on a formula ({one['scores']}), to pretrain only: it "
            "knows nothing of what radiologists think.",
        )
    if facts.get("caveat"):
        lines.append(
            f"{facts['name']}: {facts['caveat']}. A figure on it is no figure "
            "on new patients, and may largely be recognising algorithm and "
            "modality, whose mean MOS needs no image."
        )
    return lines + [line for one in evaluations for line in _no_better(one)]


def _no_better(results: Results) -> list[str]:
    """Where the model is below another method, or not clearly above it."""
    lines = []
    for name, scopes in results.gains.items():
        for scope, gain in scopes.items():
            if gain.low > 0 or math.isnan(gain.difference):
                continue
            where = "over all images" if scope == "all" else "within a group"
            verdict = "below" if gain.high < 0 else "not clearly above"
            lines.append(
                f"On {results.data['name']} ({results.part}) its SRCC {where} "
                f"is {verdict} that of {name} ({number(gain.difference)})."
            )
    return lines


def front_matter(evaluations: Sequence[Results]) -> str:
    """The head of a card, as model hubs read it.

    Returns:
        Lines from `---` to `---`. Figures that are not defined are left out,
        and those of images that the model may have learned from.
    """
    listed = [one for one in evaluations if not _has_training_images(one)]
    content: dict[str, Any] = {
        "license": "apache-2.0",
        "library_name": "keras",
        "tags": list(_TAGS),
        "metrics": list(TYPES.values()),
    }
    if listed:
        found = [_listed(one) for one in listed]
        content["model-index"] = [
            {"name": listed[0].shown(METHOD), "results": found}
        ]
    text = yaml.safe_dump(content, sort_keys=False, width=1000)
    return f"---\n{text}---\n"


def _has_training_images(results: Results) -> bool:
    """Whether it is the run's own data set, and more than its test part."""
    here, trained = results.data, results.trained_on or {}
    both = here.keys() & trained.keys()
    return (
        (results.split or TEST) != TEST
        and "name" in both
        and all(here[name] == trained[name] for name in both)
    )


def _listed(results: Results) -> dict[str, Any]:
    """One evaluation as hubs list it."""
    facts = results.data
    data_set, _, version = facts["name"].rpartition("/")
    method = results.methods[METHOD]
    metrics = [_metric(name, method) for name in TYPES]
    return {
        "task": {
            "type": "image-quality-assessment",
            "name": "Blind quality assessment of fused medical images",
        },
        "dataset": {
            "type": data_set,
            "name": f"{facts['name']} ({whose(facts)})",
            "split": results.part,
            "revision": version,
            "args": {
                "protocol": results.protocol,
                "images": results.images,
                "scores": facts.get("scores", "unknown"),
            },
        },
        "metrics": [one for one in metrics if math.isfinite(one["value"])],
    }


def _metric(name: str, figures: Agreement) -> dict[str, Any]:
    """One figure with its interval."""
    interval = figures.interval[name]
    ends = {"low": interval.low, "high": interval.high}
    known = {end: x for end, x in ends.items() if math.isfinite(x)}
    metric = {
        "type": TYPES[name],
        "name": name.upper(),
        "value": getattr(figures.raw, name),
    }
    return {**metric, "args": known} if known else metric
