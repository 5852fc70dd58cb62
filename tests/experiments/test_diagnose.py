"""The command that looks into a run."""

import dataclasses

import pytest

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base
from g2npan_tf.experiments import diagnose
from g2npan_tf.experiments import diagnosis
from g2npan_tf.scoring.model_facts import whose
from tests.finished_runs import FACTS
from tests.tiled_base import TiledBase
from tests.tiny import TINY
from tests.tiny import run_python
from tests.training.test_start_weights import built

RUNS = {
    "GAN": {},
    "plain": {"use_gan": False},
    "tiled GAN with spectra": {"data": "tiled_base", "use_spectrum": True},
}


@pytest.fixture(scope="module", params=RUNS.values(), ids=list(RUNS))
def run(request, data_dir, tmp_path_factory):
    """What is left of a run that was never trained."""
    workdir = tmp_path_factory.mktemp("run")
    settings = Config(data_dir=data_dir, **TINY, **request.param)
    if settings.data == "tiled_base":
        folder = tmp_path_factory.mktemp("tiled")
        TiledBase(data_dir=folder).download_and_prepare()
        settings = dataclasses.replace(settings, data_dir=str(folder))
    builder = base.open_base(settings)
    config_module.save(settings, base.facts(builder), workdir / "config.json")
    model = built(settings, seed=5, tiles_per_side=base.tiles_per_side(builder))
    model.save_weights(workdir / "best.weights.h5")
    model.scorer.save(workdir / "scorer.keras")
    return workdir, settings


def test_everything_is_reported_and_nothing_changed(run):
    workdir, settings = run
    has_gan = settings.use_gan
    before = {path: path.read_bytes() for path in workdir.iterdir()}
    found = diagnosis.examine(workdir, 1)
    assert found.fit.keys() == {"train", "validation", "test"}
    assert all(-1 <= fit.srcc <= 1 for fit in found.fit.values())
    assert found.network == ("G2NPAN" if has_gan else "VGG11 + CAM")
    assert bool(found.score) == has_gan
    assert ("generator" in found.gradients) == has_gan
    text = diagnose.table(found)
    assert whose(found.data) in text
    assert f"| train | {found.fit['train'].images} |" in text
    assert ("Mean nuance" in text) == has_gan
    assert ("| F_last | " in text) == has_gan
    assert ("| spectra or scene statistics | " in text) == settings.use_spectrum
    assert bool(found.nearness) == has_gan
    assert ("| SSIM | " in text) == has_gan
    assert before == {path: path.read_bytes() for path in workdir.iterdir()}


@pytest.mark.parametrize("flags", [(), ("--workdir=/none",)])
def test_what_is_no_run_is_refused_in_one_line(flags):
    done = run_python("-m", "g2npan_tf.experiments.diagnose", *flags)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_a_run_without_weights_is_refused(tmp_path):
    config_module.save(Config(**TINY), FACTS, tmp_path / "config.json")
    with pytest.raises(InputError, match=r"best.weights.h5"):
        diagnosis.examine(tmp_path, 1)
