import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from datasets.fusion_quality import (
    fusion_quality_dataset_builder as builder_module,
)
from export import finished_run as runs
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base
from tests.finished_runs import FACTS
from tests.finished_runs import finished_run
from tests.finished_runs import random_images
from tests.finished_runs import save_run
from tests.pictures import shades


@pytest.fixture
def run(data_dir):
    config = Config(data_dir=data_dir, fold=2)
    facts = base.facts(base.open_base(config))
    # The scorer is not used.
    return runs.FinishedRun(config, facts, None)


@pytest.fixture
def test_images(run):
    builder = base.open_base(run.config)
    test = base.divide(builder, run.config).test
    return base.read(builder, test)["image"]


def test_a_run_is_loaded_with_its_scorer(tmp_path):
    loaded = runs.load(save_run(finished_run(False), tmp_path))
    assert loaded.config == finished_run(False).config
    assert loaded.facts == FACTS
    images = random_images(2)
    np.testing.assert_array_equal(
        loaded.scorer.predict(images, verbose=0)["mos"],
        finished_run(False).scorer.predict(images, verbose=0)["mos"],
    )


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(InputError, match=r"config\.json: not found"):
        runs.load(tmp_path)
    save_run(finished_run(False), tmp_path)
    (tmp_path / "scorer.keras").unlink()
    with pytest.raises(InputError, match=r"scorer\.keras: not found"):
        runs.load(tmp_path)
    (tmp_path / "scorer.keras").write_text("not a zip")
    with pytest.raises(InputError, match=r"scorer\.keras: damaged"):
        runs.load(tmp_path)


def test_the_probe_is_the_test_part_in_the_version_of_the_run(
    run, test_images, monkeypatch
):
    newest = tfds.core.Version("9.0.0")
    monkeypatch.setattr(builder_module.Builder, "VERSION", newest)
    probe = runs.probe_from_base(run)
    np.testing.assert_array_equal(probe.images, test_images)
    assert probe.source == (
        f"test part of {run.facts['name']}, group (by case), test fold 2 of 5"
    )


def test_images_without_content_are_no_probe(run, test_images, monkeypatch):
    answers = iter([True, False] * 3)
    monkeypatch.setattr(runs, "has_content", lambda pixels: next(answers))
    probe = runs.probe_from_base(run)
    np.testing.assert_array_equal(probe.images, test_images[::2])
    monkeypatch.setattr(runs, "has_content", lambda pixels: False)
    with pytest.raises(InputError, match="no test image with content"):
        runs.probe_from_base(run)


def test_a_long_test_part_is_sampled_from_end_to_end(
    run, test_images, monkeypatch
):
    monkeypatch.setattr(runs, "MAX_IMAGES", 3)
    probe = runs.probe_from_base(run)
    np.testing.assert_array_equal(probe.images, test_images[[0, 2, 5]])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"name": "gone/x/1.0.0"}, "^gone/x/1.0.0: .*"),
        ({"images": 999}, "images=999.* has images=30; .*"),
    ],
)
def test_a_data_set_that_is_gone_or_another_is_an_error(run, changed, reason):
    other = runs.FinishedRun(run.config, run.facts | changed, None)
    with pytest.raises(InputError, match=f"{reason}--images=FOLDER"):
        runs.probe_from_base(other)


def test_a_folder_of_images_of_any_size_is_a_probe(tmp_path):
    for index, size in enumerate([(128, 128), (200, 90)]):
        shades(50 + index, size[::-1]).save(tmp_path / f"{index}.png")
    probe = runs.probe_from_folder(tmp_path)
    assert probe.images.shape == (2, 128, 128, 3)
    np.testing.assert_array_equal(probe.images[:, 64, 64, 0], [50, 51])
    assert str(tmp_path) not in probe.source


def test_a_folder_without_images_is_an_error(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match="a folder with image files"):
            runs.probe_from_folder(path)
    Image.new("L", (40, 40), 255).save(tmp_path / "blank.png")
    with pytest.raises(InputError, match=r"blank\.png: no content"):
        runs.probe_from_folder(tmp_path)
    (tmp_path / "blank.png").unlink()
    (tmp_path / "fake.png").write_text("text")
    with pytest.raises(InputError, match=r"fake\.png"):
        runs.probe_from_folder(tmp_path)
