"""The command that looks into a run."""

import pytest

from g2npan_tf.core import config as config_module
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.data import base
from g2npan_tf.experiments import diagnose
from g2npan_tf.experiments import diagnosis
from tests.finished_runs import FACTS
from tests.tiny import TINY
from tests.tiny import run_python
from tests.training.test_start_weights import built


@pytest.fixture(scope="module", params=[True, False], ids=["GAN", "plain"])
def run(request, data_dir, tmp_path_factory):
    """What is left of a run that was never trained."""
    workdir = tmp_path_factory.mktemp("run")
    settings = Config(data_dir=data_dir, use_gan=request.param, **TINY)
    facts = base.facts(base.open_base(settings))
    config_module.save(settings, facts, workdir / "config.json")
    model = built(settings, seed=5)
    model.save_weights(workdir / "best.weights.h5")
    model.scorer.save(workdir / "scorer.keras")
    return workdir, request.param


def test_everything_is_reported_and_nothing_changed(run):
    workdir, has_gan = run
    before = {path: path.read_bytes() for path in workdir.iterdir()}
    found = diagnosis.examine(workdir, 1)
    assert found.fit.keys() == {"train", "validation", "test"}
    assert all(-1 <= fit.srcc <= 1 for fit in found.fit.values())
    assert found.network == ("G2NPAN" if has_gan else "VGG11 + CAM")
    assert bool(found.score) == has_gan
    assert ("generator" in found.gradients) == has_gan
    text = diagnose.table(found)
    assert "simulated scores" in text
    assert f"| train | {found.fit['train'].images} |" in text
    assert ("Mean nuance" in text) == has_gan
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
