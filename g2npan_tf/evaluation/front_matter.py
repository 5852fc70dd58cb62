"""The head of a model card, as model hubs read it: YAML between two lines."""

import json
import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from g2npan_tf.evaluation.results import TEST
from g2npan_tf.evaluation.results import Agreement
from g2npan_tf.evaluation.results import Results
from g2npan_tf.evaluation.statistics import METRICS
from g2npan_tf.scoring.model_facts import whose

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


def front_matter(evaluations: Sequence[Results], method: str) -> str:
    """Writes the head of the card of a trained model.

    Args:
        evaluations: Of each results.json.
        method: The model among the methods.

    Returns:
        Lines from `---` to `---`. Figures that are not defined are left out,
        and those of images that the model may have learned from.
    """
    listed = [one for one in evaluations if not _has_training_images(one)]
    content: dict[str, Any] = {
        "license": "apache-2.0",
        "library_name": "keras",
        "tags": list(_TAGS),
        "metrics": [TYPES[name] for name in METRICS],
    }
    if listed:
        results = [_result(one, method) for one in listed]
        content["model-index"] = [
            {"name": listed[0].shown(method), "results": results}
        ]
    return f"---\n{yaml(content)}---\n"


def yaml(value: Mapping[str, Any], indent: int = 0) -> str:
    """Writes nested mappings, lists and scalars as YAML.

    Texts are quoted as in JSON, of which YAML takes every scalar, so that
    none is taken for something else.

    Args:
        value: With texts, numbers, booleans, and lists and mappings of them.
        indent: Spaces before each line.

    Returns:
        Lines, each with its end.
    """
    space = " " * indent
    lines = []
    for name, item in value.items():
        if isinstance(item, Mapping):
            lines.append(f"{space}{name}:\n{yaml(item, indent + 2)}")
        elif isinstance(item, list):
            lines.append(f"{space}{name}:\n")
            lines += [_item(one, indent) for one in item]
        else:
            lines.append(f"{space}{name}: {_scalar(item)}\n")
    return "".join(lines)


def _item(value: Any, indent: int) -> str:
    """One item of a list."""
    if not isinstance(value, Mapping):
        return f"{' ' * indent}- {_scalar(value)}\n"
    # The dash takes the place of the first line's indent.
    return f"{' ' * indent}- {yaml(value, indent + 2)[indent + 2 :]}"


def _scalar(value: Any) -> str:
    """One scalar; YAML 1.1 takes a number like 1e-07 for a text."""
    text = json.dumps(value)
    if isinstance(value, float) and "e" in text and "." not in text:
        return text.replace("e", ".0e")
    return text


def _has_training_images(results: Results) -> bool:
    """Whether it is the run's own base, and more than its test part."""
    here, trained = results.data, results.trained_on or {}
    both = here.keys() & trained.keys()
    return (
        (results.split or TEST) != TEST
        and "name" in both
        and all(here[name] == trained[name] for name in both)
    )


def _result(results: Results, method: str) -> dict[str, Any]:
    """One evaluation as hubs list it."""
    facts = results.data
    base, _, version = facts["name"].rpartition("/")
    scores = facts.get("scores", "unknown")
    return {
        "task": {
            "type": "image-quality-assessment",
            "name": "Blind quality assessment of fused medical images",
        },
        "dataset": {
            "type": base,
            "name": f"{facts['name']} ({whose(facts)})",
            "split": results.part,
            "revision": version,
            "args": {
                "protocol": results.protocol,
                "images": results.images,
                "scores": scores,
            },
        },
        "metrics": [
            _metric(name, results.methods[method])
            for name in METRICS
            if math.isfinite(getattr(results.methods[method].raw, name))
        ],
    }


def _metric(name: str, figures: Agreement) -> dict[str, Any]:
    """One figure with its interval."""
    limits = figures.interval[name]
    ends = {"low": limits.low, "high": limits.high}
    known = {end: x for end, x in ends.items() if math.isfinite(x)}
    metric = {
        "type": TYPES[name],
        "name": name.upper(),
        "value": getattr(figures.raw, name),
    }
    return {**metric, "args": known} if known else metric
