"""A card says where the model is no better."""

import dataclasses

from g2npan_tf.evaluation import model_limits
from tests.evaluation.test_results import RESULTS
from tests.evaluation.test_results import gain

GAINS = {
    "better": {"all": gain(0.1, 0.3)},
    "equal": {"all": gain(-0.1, 0.3)},
    "worse": {"all": gain(0.1, 0.2), "within_group": gain(-0.3, -0.1)},
    "unknown": {"all": gain(float("nan"), float("nan"))},
}


def test_every_method_that_is_not_clearly_beaten_is_named():
    evaluation = dataclasses.replace(RESULTS, gains=GAINS)
    text = "\n".join(model_limits.limits({}, [evaluation], 128))
    assert "better (" not in text
    assert "SRCC over all images is not clearly above that of equal (" in text
    assert "SRCC within a group is below that of worse (0.100)" in text
    assert "not clearly above that of unknown" in text


def test_the_part_is_named():
    evaluation = dataclasses.replace(
        RESULTS, gains=GAINS, excluded=["modality:b"]
    )
    text = "\n".join(model_limits.limits({}, [evaluation], 128))
    assert "On base/1.0.0 (test; without modality:b) its SRCC over all" in text


def test_simulated_scores_are_named_only_where_they_are():
    simulated = model_limits.limits({"scores": "simulated"}, [], 512)
    assert "not what radiologists think" in simulated[1]
    formula = model_limits.limits({"scores": "SSIM (no readers)"}, [], 512)
    assert "nothing of what radiologists think" in formula[1]
    real = " ".join(model_limits.limits({"scores": "two readers"}, [], 512))
    assert "simulated" not in real
    assert "formula" not in real
    assert "side 512" in real
    facts = {"name": "b", "scores": "two readers", "caveat": "one patient"}
    said = model_limits.limits(facts, [], 512)
    assert any("b: one patient. A figure" in line for line in said)
    assert real.startswith("Research use only. This is not a medical device.")
