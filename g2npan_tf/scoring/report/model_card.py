"""What a reader of a score must know of the model that gave it."""

from collections.abc import Mapping
from typing import Any

from g2npan_tf.report import page
from g2npan_tf.report.page import Html
from g2npan_tf.report.page import tag
from g2npan_tf.scoring import model_facts

MEANING = (
    "A score holds for images like those that the model learned from. The map "
    "of local quality adds up to the score; it is no proof of a cause."
)


def render(model: str, facts: Mapping[str, Any]) -> Html:
    """The model's card.

    Args:
        model: The artefact, as it was named.
        facts: From `model_facts.read`.

    Returns:
        Names and values, what they mean and what they do not.
    """
    described = page.definitions(model_facts.describe(model, dict(facts)))
    note = tag("p", f"{page.DISCLAIMER} {MEANING}", class_="note")
    return tag("div", described, note, class_="card")


def warning(facts: Mapping[str, Any]) -> Html:
    """What stands out at the top if no radiologist stands behind it."""
    caution = model_facts.caution(facts)
    return tag("p", caution, class_="warning") if caution else Html("")
