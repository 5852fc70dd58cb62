"""The report of `make bench` and what it times."""

import contextlib
import pathlib

import pytest

from benchmarks import bench
from benchmarks import machine
from benchmarks import narrow
from benchmarks import subjects
from g2npan_tf.core.config import Config
from g2npan_tf.core.presets import PRESETS
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.training import build
from tests import artefacts
from tests import tiny

TINY = {
    "generator_filters": (4, 4, 4),
    "generator_strides": (2, 2, 1),
    "up_filters": (4, 4, 4),
    "up_scales": (1, 1, 2, 2),
    "num_ufw": 0,
    "discriminator_filters": (4, 4),
    "vgg_width": 0.02,
    "vgg_batch_norm": True,
}


@pytest.fixture
def tiny_bench(monkeypatch):
    """Tiny networks, one round, no training, commands that are not run."""
    monkeypatch.setitem(PRESETS, "compact", TINY)
    monkeypatch.setattr(bench, "ROUNDS", 1)
    # A peak that no network comes near, however busy the machine is.
    monkeypatch.setattr(
        machine,
        "peak_meter",
        lambda threads: contextlib.nullcontext(lambda: 1e6 * threads),
    )
    monkeypatch.setattr(machine, "peak_memory_mib", lambda command: 1000.0)
    monkeypatch.setattr(narrow, "table", lambda *arguments: "narrow network")
    # Tracing the real step and scorer takes longer than all the rest.
    monkeypatch.setattr(G2NPAN, "train_step", lambda self, batch: self(batch))
    infer = subjects.inference_subjects
    monkeypatch.setattr(
        subjects,
        "inference_subjects",
        lambda scorer, *arguments: infer(artefacts.tiny_scorer(), *arguments),
    )


def test_report_has_every_figure(tiny_bench, data_dir, tmp_path):
    text = bench.report("compact", 4, 0.0, tmp_path, data_dir)
    for name in (
        "Matrix product, 1 thread ",
        "Matrix product, 2 threads ",
        "Generator, forward",
        "Discriminator, forward",
        "Quality network, forward",
        "Training step (generator",
        "Training step |",
        "Inference, Keras, `model(x)`",
        "Inference, `tf.function`",
        "Inference, SavedModel, `score_pixels`",
        "Inference, LiteRT float32, 1 thread ",
        "Inference, LiteRT float32, 2 threads ",
        "Input pipeline alone",
        "Peak memory, one epoch of train.py",
        "Peak memory, g2npan_tf.scoring.score with LiteRT",
    ):
        assert text.count(f"| {name}") == 1, name
    assert "- TensorFlow's kernels: " in text
    assert "narrow network" in text
    assert "| 1000000 GFLOP/s | 1000000 to 1000000 |" in text
    assert "| at least 60 %: not reached" in text
    assert "Not reached: Training step: " in text
    assert "| below 3 GiB: reached |" in text
    assert len(list(tmp_path.glob("pictures/*.png"))) > 0


def test_the_timed_ways_give_the_same_scores(tmp_path):
    scorer = artefacts.tiny_scorer()
    ways = subjects.inference_subjects(scorer, 2, tmp_path)
    ways = [way for way in ways if subjects.OPENVINO not in way.name]
    assert [(way.images, way.threads) for way in ways] == [
        *[(2, 2)] * 3,
        (1, 1),
        (1, 2),
    ]
    assert [subjects.is_shipped(way.name) for way in ways] == [False] + [
        True
    ] * 4
    scores = [float(way.call()["mos"][0]) for way in ways]
    assert scores == pytest.approx([scores[0]] * len(ways), abs=1e-4)


def test_a_small_base_is_enough_for_a_batch(monkeypatch, tmp_path):
    monkeypatch.setattr(subjects, "IMAGES_PER_FOLD", 10)
    subjects.prepare_small_base(tmp_path)
    config = Config(**TINY, data_dir=str(tmp_path), batch_size=16)
    step, pipeline = subjects.training_subjects(build.build(config), config)
    batch = pipeline.call()
    assert batch["image"].shape == (16, 128, 128, 3)
    assert step.images == pipeline.images == 16


def test_the_makefile_calls_it():
    makefile = pathlib.Path(tiny.REPOSITORY, "Makefile").read_text()
    assert "python -m benchmarks.bench" in makefile
