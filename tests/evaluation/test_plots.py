"""The plots hold what was measured."""

import numpy as np

from g2npan_tf.evaluation import plots
from tests.html_checks import Elements


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


def said(html):
    return [image["alt"] for image in Elements(str(html)).find("img")]


def test_agreement_shows_each_image_and_the_algorithms_best_first():
    members = rows()
    points, means = said(plots.agreement(members))
    assert "30 points" in points
    true = {
        name: plots.scores_of(
            [row for row in members if row["algorithm"] == name]
        )
        for name in ("method_0", "method_1", "method_2")
    }
    best = sorted(true, key=lambda name: -true[name][0].mean())
    for which, kind in enumerate(("MOS", "predicted")):
        for name in best:
            value = true[name][which].mean()
            assert f"{kind} {name} {value:.3g}" in means
    assert means.index(best[0]) < means.index(best[1]) < means.index(best[2])


def test_constant_predictions_and_single_images_are_drawn():
    constant = [row | {"predicted_mos": "3.0"} for row in rows()]
    for members in (constant, rows(1)):
        assert len(said(plots.agreement(members))) == 2


def test_learning_curves_of_the_logs_that_are_there(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("epoch,quality_loss,val_srcc\n1,0.6,\n2,0.5,0.3\n")
    logs = {"one": log, "two": tmp_path / "none.csv"}
    drawn = said(plots.learning_curves(logs))
    assert len(drawn) == 2
    assert "two" not in "".join(drawn)
    assert plots.points_of_log(log, "val_srcc") == ([2.0], [0.3])


def test_without_a_log_that_is_said(tmp_path):
    text = plots.learning_curves({"one": tmp_path / "log.csv"})
    assert "no log.csv" in text


def test_the_scores_are_columns():
    true, predicted = plots.scores_of(rows(4))
    assert true.shape == predicted.shape == (4,)
