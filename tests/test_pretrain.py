"""Pretraining as a user calls it, and a run that starts from it."""

import json
import shlex

import cv2
import keras
import numpy as np
import pytest

import pretrain
from datasets.pretraining.groups import SCORES
from datasets.pretraining.slices import draw_slice
from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.training import run
from tests.training.test_run import TINY
from tests.training.test_run import command

PLAIN = {**TINY, "use_gan": False, "use_local_contrast": True}


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A finished pretraining on five slices, and what it said."""
    folder = tmp_path_factory.mktemp("pre")
    for case in range(5):
        (folder / "slices" / str(case)).mkdir(parents=True)
        pixels = draw_slice(case, 256, 0, "MR")
        cv2.imwrite(str(folder / "slices" / str(case) / "0.png"), pixels)
    settings = Config(**{**PLAIN, "epochs": 1, "crops_per_image": 1})
    skipped = ("--data", "--data_dir", "--manual_dir")
    flags = [
        flag
        for flag in config_module.to_flags(settings)
        if flag.partition("=")[0] not in skipped
    ]
    done = command(
        "pretrain.py",
        f"--workdir={folder / 'run'}",
        f"--data_dir={folder / 'tfds'}",
        f"--manual_dir={folder / 'slices'}",
        *flags,
    )
    assert done.returncode == 0, done.stderr
    return folder / "run", done.stdout


def test_every_place_says_that_no_reader_scored(pretrained):
    workdir, stdout = pretrained
    assert f"(scores of {SCORES})" in stdout
    config, facts = config_module.load(workdir / "config.json")
    assert config.data == "fusion_quality/distortions"
    assert facts["scores"] == SCORES
    assert facts["source"] == "slices"
    summary = json.loads((workdir / "training.json").read_text())
    assert summary["data"]["scores"] == SCORES


def test_the_last_line_is_the_command_that_goes_on(pretrained):
    workdir, stdout = pretrained
    words = shlex.split(stdout.splitlines()[-1].partition(":")[2])
    assert words[1:4] == [
        "train.py",
        f"--init_from={workdir}",
        "--preset=paper",
    ]
    assert "--use_gan=False" in words
    assert "--vgg_width=0.0625" in words
    assert not any(word.startswith("--learning_rate") for word in words)


def test_a_run_on_whole_images_starts_from_its_weights(
    pretrained, data_dir, tmp_path
):
    workdir, _ = pretrained
    start = keras.saving.load_model(workdir / "scorer.keras")
    config = Config(
        **{**PLAIN, "epochs": 1, "learning_rate": 1e-8},
        data_dir=data_dir,
        init_from=str(workdir),
    )
    run.run(config, tmp_path / "run")
    scorer = keras.saving.load_model(tmp_path / "run/scorer.keras")
    kernels = [
        net.get_layer("quality_network").get_layer("cam").kernel
        for net in (start, scorer)
    ]
    np.testing.assert_allclose(*kernels, atol=1e-5)


def test_data_may_still_be_chosen_and_arguments_are_refused(tmp_path):
    done = command("pretrain.py", f"--workdir={tmp_path}/run", "--data=no/base")
    assert done.returncode == 2
    assert "--data=no/base" in done.stderr
    done = command("pretrain.py", "slices")
    assert done.returncode == 2
    assert "unexpected argument slices" in done.stderr


def test_its_default_is_a_base_of_the_project():
    from datasets.fusion_quality import fusion_quality_dataset_builder as module

    name, _, config = pretrain.DATA.partition("/")
    assert name == module.Builder.name
    assert config in module.Builder.builder_configs
