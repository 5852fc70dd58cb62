import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from export import finished_run as runs
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from tests.finished_runs import FACTS
from tests.finished_runs import finished_run
from tests.finished_runs import random_images
from tests.finished_runs import save_run
from tests.pictures import shades

# Of the fold that the run is tested on.
CASES = ("case_2_0", "case_2_1")


class TinyFusion(tfds.core.GeneratorBasedBuilder):
    """Five folds of eight images; the first level tells the fold."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        texts = ("pair_id", "case_id", "algorithm", "modality")
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(128, 128, 3)),
                    "mos": tfds.features.Scalar(np.float32),
                    **{name: tfds.features.Text() for name in texts},
                }
            ),
        )

    def _split_generators(self, dl_manager):
        return {f"fold_{k}": self._generate_examples(k) for k in range(5)}

    def _generate_examples(self, fold):
        for index in range(8):
            level = 40 * fold + index
            case = f"case_{fold}_{index // 4}"
            image = np.full((128, 128, 3), level, np.uint8)
            image[64:] = 4 * np.arange(64)[:, None, None]
            texts = {"pair_id": case, "algorithm": "average", "modality": "x"}
            yield (
                str(level),
                {
                    "image": image,
                    "mos": 3.0,
                    "case_id": case,
                    **texts,
                },
            )


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A prepared data set."""
    folder = tmp_path_factory.mktemp("tfds")
    TinyFusion(data_dir=folder).download_and_prepare()
    return folder


def run_on(folder, facts=FACTS):
    config = Config(data="tiny_fusion", data_dir=str(folder), fold=2)
    return runs.FinishedRun(config, facts, finished_run().scorer)


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


def test_the_probe_is_the_test_part(base):
    probe = runs.probe_from_base(run_on(base))
    levels = sorted(probe.images[:, 0, 0, 0])
    assert levels == list(range(80, 88))
    assert probe.source == (
        "test part of tiny_fusion/1.0.0, group (by case), test fold 2 of 5"
    )


def test_images_without_content_are_no_probe(base, monkeypatch):
    monkeypatch.setattr(runs, "has_content", lambda pixels: pixels[0, 0, 0] % 2)
    probe = runs.probe_from_base(run_on(base))
    assert sorted(probe.images[:, 0, 0, 0]) == [81, 83, 85, 87]
    monkeypatch.setattr(runs, "has_content", lambda pixels: False)
    with pytest.raises(InputError, match="no test image with content"):
        runs.probe_from_base(run_on(base))


def test_a_long_test_part_is_sampled_from_end_to_end(base, monkeypatch):
    monkeypatch.setattr(runs, "MAX_IMAGES", 3)
    probe = runs.probe_from_base(run_on(base))
    in_order = runs.base.read(
        tfds.builder("tiny_fusion", data_dir=base), np.arange(16, 24)
    )
    chosen = in_order["image"][[0, 4, 7]]
    np.testing.assert_array_equal(probe.images, chosen)


def test_the_version_of_the_run_is_opened_not_the_newest(base, monkeypatch):
    monkeypatch.setattr(TinyFusion, "VERSION", tfds.core.Version("2.0.0"))
    assert len(runs.probe_from_base(run_on(base)).images) == 8


@pytest.mark.parametrize(
    "name", ["tiny_fusion/1.0.0", "tiny_fusion/9.9.9", "gone/x/1.0.0"]
)
def test_a_base_that_is_gone_is_an_error_and_is_not_built(tmp_path, name):
    with pytest.raises(InputError, match=f"^{name}: .*--images=FOLDER"):
        runs.probe_from_base(run_on(tmp_path, {**FACTS, "name": name}))
    assert list(tmp_path.iterdir()) == []


def test_a_base_that_has_become_another_is_an_error(base):
    with pytest.raises(InputError, match=r"images=999.* has images=40; .*--im"):
        runs.probe_from_base(run_on(base, {**FACTS, "images": 999}))


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
