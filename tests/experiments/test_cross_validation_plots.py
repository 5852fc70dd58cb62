"""The three drawings of cross-validated predictions."""

import cv2

from g2npan_tf.experiments import cross_validation_plots
from tests.evaluation.test_report import drawn_predictions


def test_each_drawing_is_a_picture_and_curves_need_a_log(tmp_path):
    log = tmp_path / "log.csv"
    rows = drawn_predictions()
    cross_validation_plots.draw(rows, {"run": log}, "base", tmp_path)
    assert not (tmp_path / "curves.png").exists()
    log.write_text("epoch,quality_loss,val_srcc\n1,0.6,0.1\n2,0.5,\n")
    cross_validation_plots.draw(rows, {"run": log}, "base", tmp_path)
    for name in ("scatter", "algorithms", "curves"):
        picture = cv2.imread(str(tmp_path / f"{name}.png"))
        assert picture.shape[0] > 200
