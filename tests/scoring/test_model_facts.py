import json

import pytest

from g2npan_tf.scoring import model_facts

FACTS = {"name": "fusion_quality/phantom/1.1.0", "scores": "simulated"}


@pytest.mark.parametrize(
    ("model", "side_file"),
    [
        ("g2npan.tflite", "g2npan.json"),
        ("run", "run/config.json"),
        ("run/scorer.keras", "run/config.json"),
        ("exported", "exported/10/parity.json"),
        ("exported/10", "exported/10/parity.json"),
    ],
)
def test_facts_are_found_beside_every_kind_of_artefact(
    tmp_path, model, side_file
):
    (tmp_path / "exported" / "9").mkdir(parents=True)
    stale = json.dumps({"data": {"name": "older"}})
    (tmp_path / "exported" / "9" / "parity.json").write_text(stale)
    path = tmp_path / side_file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"data": FACTS}))
    assert model_facts.read(tmp_path / model) == FACTS


@pytest.mark.parametrize("content", ["", "{", "[]", '{"data": 3}', "\xff"])
def test_damaged_side_files_tell_nothing(tmp_path, content):
    (tmp_path / "g2npan.json").write_text(content)
    assert model_facts.read(tmp_path / "g2npan.tflite") == {}
    assert model_facts.read(tmp_path / "missing" / "run") == {}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (FACTS, "simulated scores"),
        ({"scores": "three radiologists"}, "scores of three radiologists"),
        ({}, "unknown scores"),
        (
            {"scores": "three radiologists", "caveat": "by set"},
            "scores of three radiologists; by set",
        ),
    ],
)
def test_scores_are_told_with_those_who_gave_them(facts, words):
    assert model_facts.whose(facts) == words


@pytest.mark.parametrize(
    ("facts", "readers", "learned"),
    [
        ({}, "not known", "not known"),
        ({**FACTS, "num_readers": 8}, "8, simulated", FACTS["name"]),
        (
            {"name": "study", "scores": "three", "num_readers": 3},
            "three",
            "study",
        ),
        ({"name": "study", "caveat": "by set"}, "not known", "study; by set"),
    ],
)
def test_readers_are_described_with_their_number(facts, readers, learned):
    assert model_facts.describe("x/g2npan.tflite", facts) == {
        "Model": "g2npan.tflite",
        "Learned from": learned,
        "Readers": readers,
    }


def test_only_models_without_radiologists_need_caution():
    formula = {"scores": "similarity (no readers)"}
    assert "predicts simulated readers, not" in model_facts.caution(FACTS)
    assert "a formula, similarity (no" in model_facts.caution(formula)
    for facts in ({}, {"scores": "three radiologists"}, {"scores": None}):
        assert model_facts.caution(facts) == ""


REAL = {"name": "study/1.0.0", "scores": "two radiologists"}
MADE = {"name": "random/1.0.0", "scores": "simulated"}
FORMULA = {"name": "ssim/1.0.0", "scores": "SSIM (no readers)"}


def test_what_trained_beside_the_data_set_is_named_and_warned_of():
    both = REAL | {"extra_data": MADE, "extra_only": False}
    alone = both | {"extra_only": True}
    assert model_facts.learned_from(both) == (
        "study/1.0.0 (scores of two radiologists) and random/1.0.0 "
        "(simulated scores)"
    )
    assert "study" not in model_facts.learned_from(alone)
    assert model_facts.extra_words(REAL) == ""
    for facts, how in ((both, "too"), (alone, "alone")):
        words = f"images train {how}, without what the protocol holds out"
        assert model_facts.extra_words(facts).endswith(words)
    assert "simulated readers too" in model_facts.caution(both)
    assert model_facts.caution(alone) == model_facts.caution(MADE)
    assert model_facts.caution(MADE | {"extra_data": MADE}) == (
        model_facts.caution(MADE)
    )
    assert "simulated readers and a formula, SSIM" in model_facts.caution(
        MADE | {"extra_data": FORMULA}
    )
    assert not model_facts.caution(REAL | {"extra_data": REAL})
    said = model_facts.describe("model", both)["Learned from"]
    assert said == "study/1.0.0; random/1.0.0"
