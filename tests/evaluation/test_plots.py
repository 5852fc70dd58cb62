"""The plots hold what was measured."""

import re

import numpy as np

from g2npan_tf.evaluation import plots


def rows(count=30):
    rng = np.random.default_rng(0)
    mos, noise = rng.uniform(1, 5, count), rng.normal(0, 0.4, count)
    return [
        {
            "algorithm": f"method_{i % 3}",
            "modality": ["CT", "PET"][i % 2],
            "mos": f"{m:.4f}",
            "predicted_mos": f"{m + e:.4f}",
        }
        for i, (m, e) in enumerate(zip(mos, noise, strict=True))
    ]


def test_agreement_has_a_dot_an_image_and_the_fit():
    text = plots.agreement(rows())
    (dots,) = re.findall(r'd="([^"]*)" class="dots', text)
    assert dots.count("h0") == 30
    (curve,) = re.findall(r'd="([^"]*)" class="curve', text)
    # A rising fit: heights on a page fall.
    heights = [float(y) for y in re.findall(r"[ML]\S+ ([\d.]+)", curve)]
    assert len(heights) == 200
    assert heights[0] > heights[-1]


def test_bars_put_the_prediction_below_the_mos_best_first():
    members = rows()
    text = plots.agreement(members)
    tips = re.findall(r"<title>(method_\d|predicted): ([\d.]+)", text)
    assert len(tips) == 6
    assert [name for name, _ in tips[1::2]] == ["predicted"] * 3
    means = [float(value) for _, value in tips[::2]]
    assert means == sorted(means, reverse=True)
    for (name, shown), (_, predicted) in zip(
        tips[::2], tips[1::2], strict=True
    ):
        mine = [row for row in members if row["algorithm"] == name]
        true, guess = plots.scores_of(mine)
        assert abs(true.mean() - float(shown)) < 6e-4
        assert abs(guess.mean() - float(predicted)) < 6e-4


def test_constant_predictions_and_single_images_are_drawn():
    constant = [row | {"predicted_mos": "3.0"} for row in rows()]
    for members in (constant, rows(1)):
        assert "<svg" in plots.agreement(members)


def test_learning_curves_of_the_logs_that_are_there(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("epoch,quality_loss,val_srcc\n1,0.6,\n2,0.5,0.3\n")
    logs = {"one": log, "two": tmp_path / "none.csv"}
    text = plots.learning_curves(logs)
    assert text.count("<svg") == 2
    assert "two" not in text
    (path,) = re.findall(r'd="(M[^"]*L[^"]*)" class="curve', text)
    assert path.count("L") == 1


def test_without_a_log_that_is_said(tmp_path):
    text = plots.learning_curves({"one": tmp_path / "log.csv"})
    assert "no log.csv" in text


def test_the_scores_are_columns():
    true, predicted = plots.scores_of(rows(4))
    assert true.shape == predicted.shape == (4,)
