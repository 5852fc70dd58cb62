"""What the figures of a trained model do not say, for its card."""

import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from g2npan_tf.evaluation.results import Results
from g2npan_tf.evaluation.table import number
from g2npan_tf.scoring import model_facts

USE = "Research use only. This is not a medical device."


def limits(
    facts: Mapping[str, Any],
    evaluations: Sequence[Results],
    size: int,
) -> list[str]:
    """What the figures do not say, and where the model is no better.

    Args:
        facts: Of the base it was trained on.
        evaluations: Of each results.json.
        size: Side in pixels of what the model scores.

    Returns:
        Sentences.
    """
    lines = [
        USE,
        f"Every image is brought to a square of side {size}; what is lost by "
        "that, no score can tell.",
        "Scores of images unlike those of training (other modalities, "
        "scanners, organs, algorithms) are not known to mean anything.",
        "The maps show what the score was added up from; they prove no cause.",
        "One run: other seeds and folds give other figures. Intervals are of "
        "the images that were scored, not of other bases.",
    ]
    if facts.get("scores") == "simulated":
        lines.insert(
            1,
            "Trained on simulated scores: it has learned the rules of a "
            "simulated panel, not what radiologists think.",
        )
    if model_facts.has_no_readers(facts):
        lines.insert(
            1,
            f"Trained on a formula ({facts['scores']}), to pretrain only: it "
            "knows nothing of what radiologists think.",
        )
    if facts.get("caveat"):
        lines.append(
            f"{facts['name']}: {facts['caveat']}. A figure on it is no figure "
            "on new patients, and may largely be recognising algorithm and "
            "modality, whose mean MOS needs no image."
        )
    for one in evaluations:
        lines += _no_better(one)
    return lines


def _no_better(results: Results) -> list[str]:
    """Where the model is below another method, or not clearly above it."""
    lines = []
    for name, scopes in results.gains.items():
        for scope, gain in scopes.items():
            if gain.low > 0 or math.isnan(gain.difference):
                continue
            is_below = gain.high < 0
            where = "over all images" if scope == "all" else "within a group"
            lines.append(
                f"On {results.data['name']} ({results.part}) its SRCC "
                f"{where} is "
                f"{'below' if is_below else 'not clearly above'} that of "
                f"{name} ({number(gain.difference)})."
            )
    return lines
