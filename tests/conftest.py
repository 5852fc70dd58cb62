"""Set-up that every test shares."""

import contextlib
import os
import pathlib
import shutil
import subprocess
from unittest import mock

from g2npan_tf.core import command

# Before TensorFlow, as the commands do.
os.environ.update({**command.ENVIRONMENT, **os.environ})

import pytest
import tensorflow as tf

from datasets import fusion
from datasets.fusion_quality import (
    fusion_quality_dataset_builder as builder_module,
)
from g2npan_tf.training import build
from tests import browser

# Two logical devices, so that one replica can be compared with two.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)


@pytest.fixture
def shared_data():
    """Real source pairs beside the project; skips where there are none."""
    repository = pathlib.Path(__file__).parent.parent
    directory = repository.parent / "shared" / "data"
    if not directory.is_dir():
        pytest.skip("no real data beside the project")
    return directory


@pytest.fixture
def eager_steps(monkeypatch):
    """Training without a graph: tracing takes longer than some steps."""
    original = build.compile_model

    def compile_model(model, *arguments):
        original(model, *arguments)
        model.run_eagerly = model.scorer.run_eagerly = True

    monkeypatch.setattr(build, "compile_model", compile_model)


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a file system of so many MiB, if this user may."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(size):
        if not shutil.which("mount"):
            pytest.skip("no mount command here")
        options = ["-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(disk)]
        done = subprocess.run(["mount", *options], capture_output=True)
        if done.returncode:
            pytest.skip("mounting a small file system is not permitted here")
        return disk

    yield mount
    if os.path.ismount(disk):
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


# Not for the session: Playwright keeps an event loop running in the thread,
# beside which other tests could not run theirs.
@pytest.fixture(scope="module")
def _running_browser():
    with browser.running_browser() as running:
        yield running


@pytest.fixture
def chromium(_running_browser):
    """Opens pages in a real browser; skips where there is none.

    `chromium.open(url, width, height)` gives a Playwright page that reaches
    only this machine; what goes wrong in it is listed in `chromium.errors`.
    """
    with contextlib.ExitStack() as stack:
        yield browser.Chromium(_running_browser, stack)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    """Folder with a small prepared `fusion_quality/phantom` data set.

    Ten heads and three fast fusion algorithms: 30 images, six in a fold.
    """
    directory = tmp_path_factory.mktemp("tfds")
    few = {
        name: fusion.ALGORITHMS[name]
        for name in ("average", "laplacian_pyramid", "discrete_wavelet")
    }
    phantom = builder_module.Builder.builder_configs["phantom"]
    with (
        mock.patch.object(builder_module, "ALGORITHMS", few),
        mock.patch.object(phantom, "num_cases", 10),
    ):
        builder_module.Builder(data_dir=directory).download_and_prepare()
    return str(directory)


@pytest.fixture(scope="session")
def served_model(tmp_path_factory):
    """Folder `g2npan` with versions 1 and 3 of the scorer of known arithmetic.

    Its quality is the mean brightness of an image.
    """
    from export import saved_model
    from export.serving import signatures
    from tests.artefacts import tiny_scorer

    base = tmp_path_factory.mktemp("served") / "g2npan"
    for version in (1, 3):
        folder = base / str(version)
        saved_model.write(tiny_scorer(), folder, version)
        signatures.write_warmup(folder, base.name, 128)
    return base


@pytest.fixture
def trainer(monkeypatch):
    """Stands for what trains, evaluates and measures."""
    from g2npan_tf.baselines import run
    from g2npan_tf.evaluation import statistics
    from tests.made_up_runs import Trainer

    fake = Trainer()
    monkeypatch.setattr(subprocess, "run", fake.run)
    monkeypatch.setattr(run, "measure", fake.measure)
    monkeypatch.setattr(statistics, "NUM_RESAMPLES", 20)
    return fake
