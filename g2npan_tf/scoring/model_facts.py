"""What an artefact's side file says of the model: data, readers, version."""

import contextlib
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from g2npan_tf.core import plain_json
from g2npan_tf.core.config import ALL
from g2npan_tf.core.config import NO_TEST

SIMULATED = "simulated"
UNKNOWN = "unknown"
# How the name of scores ends that are a formula's.
NO_READERS = "(no readers)"


def read(model: str | os.PathLike) -> dict[str, Any]:
    """What training kept of its data: `name`, `scores`...; perhaps empty."""
    return _side_file(model).get("data", {})


def protocol(model: str | os.PathLike) -> str:
    """What trained the model and what did not, in words; perhaps empty."""
    return _protocol(_side_file(model))


def is_simulated(facts: Mapping[str, Any]) -> bool:
    """Whether the model's readers were simulated."""
    return facts.get("scores") == SIMULATED


def has_no_readers(facts: Mapping[str, Any]) -> bool:
    """Whether a formula gave the scores, as for pretraining."""
    return str(facts.get("scores", "")).endswith(NO_READERS)


def whose(facts: Mapping[str, Any]) -> str:
    """Whose scores a data set has, and its caveat, as every figure says."""
    scores = facts.get("scores", UNKNOWN)
    is_word = scores in (SIMULATED, UNKNOWN)
    words = f"{scores} scores" if is_word else f"scores of {scores}"
    return f"{words}; {facts['caveat']}" if facts.get("caveat") else words


def trained_on(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The facts of each data set whose images trained, from a run's facts."""
    extra = [facts["extra_data"]] if facts.get("extra_data") else []
    return extra if facts.get("extra_only") else [facts, *extra]


def learned_from(facts: Mapping[str, Any]) -> str:
    """What a run trained on and whose scores those are, in a few words."""
    return " and ".join(
        f"{one['name']} ({whose(one)})" for one in trained_on(facts)
    )


def extra_words(facts: Mapping[str, Any]) -> str:
    """What trained beside or instead of a run's data set; empty if nothing."""
    extra = facts.get("extra_data")
    if not extra:
        return ""
    how = "alone" if facts.get("extra_only") else "too"
    return (
        f"{extra['name']} ({whose(extra)}); its {extra.get('images')} images "
        f"train {how}, without what the protocol holds out"
    )


def caution(facts: Mapping[str, Any]) -> str:
    """What must be known of a model that learned from no radiologist."""
    sources = trained_on(facts)
    learned = [words for words in map(_no_radiologist, sources) if words]
    if not learned:
        return ""
    words = " and ".join(dict.fromkeys(learned))
    if len(learned) < len(sources):
        return (
            f"This model learned from {words} too, not from radiologists "
            "alone: nothing says which of them a score is like."
        )
    return (
        f"This model predicts {words}, not radiologists: its scores show "
        "how the method works and say nothing on what radiologists would say."
    )


def _no_radiologist(facts: Mapping[str, Any]) -> str:
    """Who gave the scores, if no radiologist did; else empty."""
    if is_simulated(facts):
        return "simulated readers"
    return f"a formula, {facts['scores']}" if has_no_readers(facts) else ""


def describe(
    model: str | os.PathLike, facts: Mapping[str, Any]
) -> dict[str, str]:
    """The facts in words, by name, in the order in which they are shown."""
    readers = facts.get("scores") or "not known"
    if is_simulated(facts) and facts.get("num_readers"):
        readers = f"{facts['num_readers']}, {SIMULATED}"
    learned = (
        str(one[x])
        for one in trained_on(facts)
        for x in ("name", "caveat")
        if one.get(x)
    )
    described = {
        "Model": pathlib.Path(os.path.abspath(model)).name,
        "Learned from": "; ".join(learned) or "not known",
        "Readers": str(readers),
    }
    return described | _further(_side_file(model))


def _protocol(side: Mapping[str, Any]) -> str:
    """As an export says it, or by the settings of a run."""
    settings = side.get("config")
    settings = settings if isinstance(settings, dict) else {}
    name = settings.get("protocol")
    part = f"fold {settings.get('fold')}" if name != ALL else NO_TEST
    said = side.get("protocol") or (name and f"{name}, {part}")
    return str(said or "")


def _further(side: dict[str, Any]) -> dict[str, str]:
    """What else a side file says: how it was tested, which file it is."""
    values = {
        "Protocol": _protocol(side),
        "Precision": side.get("precision"),
        "Version": side.get("version"),
        "SHA-256": side.get("sha256"),
    }
    return {name: str(value) for name, value in values.items() if value}


def _side_file(model: str | os.PathLike) -> dict[str, Any]:
    """The first side file that says what the data was; else empty."""
    try:
        candidates = _candidates(pathlib.Path(model))
    except (OSError, ValueError):
        candidates = []
    for candidate in candidates:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            content = plain_json.parse(candidate.read_bytes())
            return {**content, "data": dict(content["data"])}
    return {}


def _candidates(path: pathlib.Path) -> list[pathlib.Path]:
    """Where the facts may be: beside a file, inside a folder."""
    if path.suffix == ".tflite":
        return [path.with_suffix(".json")]
    folder = path if path.is_dir() else path.parent
    versions = [p for p in folder.glob("*") if p.name.isdecimal()]
    versions.sort(key=lambda p: -int(p.name))
    places = [folder / "config.json", folder / "parity.json"]
    return places + [version / "parity.json" for version in versions[:1]]
