"""The plots hold what was measured."""

import dataclasses

import numpy as np

from g2npan_tf.evaluation import plots
from g2npan_tf.evaluation.results import Predictions
from g2npan_tf.evaluation.results import Split
from tests.html_checks import Elements


def rows(count=30):
    rng = np.random.default_rng(0)
    mos, noise = rng.uniform(1, 5, count), rng.normal(0, 0.4, count)
    places = np.arange(count)
    split = Split(
        np.array([f"p{i}" for i in places]),
        np.array([f"method_{i % 3}" for i in places]),
        np.array([["CT", "PET"][i % 2] for i in places]),
        mos,
    )
    return Predictions(split.image, split, mos + noise)


def said(html):
    return [image["alt"] for image in Elements(str(html)).find("img")]


def test_agreement_shows_each_image_and_the_algorithms_best_first():
    members = rows()
    points, means = said(plots.agreement(members))
    assert "30 points" in points
    names = ("method_0", "method_1", "method_2")
    mine = {n: members.at(members.split.algorithm == n) for n in names}
    best = sorted(names, key=lambda name: -mine[name].split.mos.mean())
    for name, some in mine.items():
        assert f"MOS {name} {some.split.mos.mean():.3g}" in means
        assert f"predicted {name} {some.predicted.mean():.3g}" in means
    assert means.index(best[0]) < means.index(best[1]) < means.index(best[2])


def test_constant_predictions_and_single_images_are_drawn():
    constant = dataclasses.replace(rows(), predicted=np.full(30, 3.0))
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
