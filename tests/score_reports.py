"""A small report of images of known scores, without any network."""

import numpy as np
from PIL import Image

from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.report import writer
from g2npan_tf.scoring.rows import score_files
from tests.pictures import shades

SIMULATED = {"name": "phantom", "scores": "simulated", "num_readers": 8}


def brightness(batch, maps, use_gan=True):
    """A scorer in one line: quality is the mean brightness."""
    quality = batch.mean(axis=(1, 2, 3), dtype=np.float32) / 255
    outputs = {"mos": 1 + 4 * quality, "quality": quality}
    if maps:
        cells = batch.reshape(len(batch), 8, 16, 8, 16, 3)
        outputs["cam"] = cells.mean(axis=(2, 4, 5)).astype(np.float32) / 255
        if use_gan:
            outputs["reference"] = 1 - batch.astype(np.float32) / 255
            outputs["nuance"] = np.abs(outputs["reference"] - batch / 255)
    return outputs


def save_grey(path, value=90):
    path.parent.mkdir(exist_ok=True, parents=True)
    shades(value).save(path)
    return path


def save_images(directory, algorithms, num_pairs, size=(40, 32)):
    """Writes `pair_1/<algorithm>.png`, from dark to bright ones."""
    paths = []
    for pair in range(num_pairs):
        for place, name in enumerate(algorithms):
            path = directory / f"pair_{pair + 1}" / f"{name}.png"
            path.parent.mkdir(exist_ok=True, parents=True)
            ramp = np.linspace(0, 40, size[0] * size[1]).reshape(size)
            grey = (50 * (place + 1) + 4 * pair + ramp).astype(np.uint8)
            Image.fromarray(grey).save(path)
            paths.append(path)
    return paths


def write_report(directory, paths, facts=SIMULATED, table=None, assessor=None):
    """Scores files into a report, as the command does; returns the rows."""
    assessor = assessor or Assessor(brightness)
    rows = []
    with writer.reported(directory, "model.tflite", facts, table) as report:
        for image in score_files(assessor, paths, maps=True):
            report.add(image)
            rows.append(image.row)
    return rows
