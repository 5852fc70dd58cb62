"""`--epochs=0` tries everything and leaves nothing behind."""

import dataclasses

import pytest

from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.training import dry_run
from g2npan_tf.training import run
from tests.training.test_run import TINY


@pytest.fixture(scope="module")
def config(data_dir):
    return Config(**{**TINY, "epochs": 0}, data_dir=data_dir)


@pytest.fixture
def facts(config, eager_steps, tmp_path):
    """Of all three networks, beside an empty folder."""
    return run.run(config, tmp_path / "run")


def test_a_dry_run_measures_everything_and_saves_nothing(
    facts, config, tmp_path
):
    assert not list(tmp_path.iterdir())
    assert facts["images"] == {"train": 21, "validation": 3, "test": 6}
    assert facts["steps_per_epoch"] == 21 // 8
    assert set(facts["parameters"]) == {
        "generator",
        "discriminator",
        "quality_network",
    }
    forward = facts["forward_gflop"]
    # One more pass of two networks for Eq. 10.
    assert facts["step_gflop"] == pytest.approx(
        4 * forward["generator"]
        + 7 * forward["discriminator"]
        + 4 * forward["quality_network"]
    )
    memory = facts["memory_mib"]
    # 1.3 MiB are 80,000 values of an image, which is what one block has.
    assert memory["activations"] > 8 * 1.3
    parameters = sum(facts["parameters"].values())
    assert memory["weights"] == pytest.approx(16 * parameters / 2**20)
    assert 100 < memory["start"] <= memory["forward"] <= memory["step"]
    assert 0 < facts["seconds"]["step"]
    assert 1 <= facts["mos"][0] <= facts["mos"][1] <= 5
    text = dry_run.table(facts)
    for part in (
        "21 train, 3 validate, 6 test; 2 steps of 8",
        f"{facts['parameters']['generator']:,}",
        f"{facts['step_gflop']:.3f}",
        "replicas: 1",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) < 200


def test_a_dry_run_does_not_claim_the_folder_nor_touch_a_run(
    config, eager_steps, tmp_path
):
    plain = dataclasses.replace(config, use_gan=False)
    run.run(plain, tmp_path)
    other = dataclasses.replace(plain, epochs=1, learning_rate=1e-4)
    run.run(other, tmp_path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    run.run(dataclasses.replace(other, epochs=0), tmp_path)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before
    # It says what the real command would say.
    with pytest.raises(InputError, match=r"learning_rate=0\.0001, this one"):
        run.run(plain, tmp_path)
