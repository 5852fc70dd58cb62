"""What is timed: the training step, each way to infer, the input pipeline."""

import contextlib
import pathlib
import sys
from collections.abc import Callable
from importlib.util import find_spec

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from ai_edge_litert.interpreter import Interpreter

from benchmarks.timing import PIPELINE
from benchmarks.timing import STEP
from benchmarks.timing import Subject
from datasets.fusion_quality.fusion_quality_dataset_builder import Builder
from export import saved_model
from export import tflite
from g2npan_tf.core import command
from g2npan_tf.core.config import Config
from g2npan_tf.data import base
from g2npan_tf.data import batches as training_data
from g2npan_tf.model.inference_form import inference_form
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.training import build
from g2npan_tf.training import dry_run

THREADS = (1, 2)
# Operation by operation: for comparison, the project never runs it so.
EAGER = "Keras, `model(x)`"
# For comparison, where it is installed.
OPENVINO = "OpenVINO"
# Of each fold; four pairs. Decoded images are cached, so more only takes
# longer to build.
IMAGES_PER_FOLD = 40


def prepare_small_base(data_dir: pathlib.Path, config: str = "phantom") -> None:
    """Builds a part of a data set that needs no files, where TFDS finds it."""
    tfds.disable_progress_bar()
    few = tfds.download.DownloadConfig(max_examples_per_split=IMAGES_PER_FOLD)
    # Standard output is for the table.
    with contextlib.redirect_stdout(sys.stderr):
        Builder(config=config, data_dir=data_dir).download_and_prepare(
            download_config=few
        )


def training_subjects(model: G2NPAN, config: Config) -> list[Subject]:
    """Prepares the training step and the pipeline that feeds it.

    The step is timed on one batch again and again, so without the pipeline;
    the model is compiled and trained by it.
    """
    builder = base.open_base(config)
    batches, steps = training_data.training_batches(
        base.training_sources(builder, None, config),
        build.sampling(config),
        model.scorer.output["cam"].shape[1:],
    )
    build.compile_model(model, config, steps)
    iterator = iter(batches)
    batch = next(iterator)
    step = tf.function(model.train_step)
    gflop = sum(dry_run.step_gflop(model).values())
    # As many threads as the peak is measured with.
    threads = max(THREADS)
    size = config.batch_size
    return [
        Subject(STEP, lambda: step(batch), size, gflop, threads),
        Subject(PIPELINE, lambda: next(iterator), size, 0.0, threads),
    ]


def inference_subjects(
    scorer: keras.Model, batch_size: int, folder: pathlib.Path
) -> list[Subject]:
    """Prepares every way to score images.

    Args:
        scorer: From `build_scorer`; need not be trained.
        batch_size: Images per call of all but LiteRT, which takes one.
        folder: Gets a SavedModel, `saved_model`, and `scorer.tflite`.

    Returns:
        Keras, `tf.function`, SavedModel, LiteRT with each of `THREADS`, and
        OpenVINO beside it where it is installed.
    """
    rng = np.random.default_rng(0)
    shape = (batch_size, *scorer.input.shape[1:])
    images = tf.constant(rng.integers(0, 256, shape, dtype=np.uint8))
    gflop = dry_run.forward_gflop(scorer)
    # As `Assessor` runs a scorer.keras.
    form = inference_form(scorer)
    graph = tf.function(lambda x: form(x, training=False))
    saved_model.write(scorer, folder / "saved_model")
    loaded = tf.saved_model.load(str(folder / "saved_model"))
    calls = {
        EAGER: lambda: scorer(images, training=False),
        "`tf.function`": lambda: graph(images),
        # By way of `loaded`, which owns the variables.
        "SavedModel, `score_pixels`": lambda: loaded.signatures["score_pixels"](
            image=images
        ),
    }
    subjects = [
        Subject(f"Inference, {name}", call, batch_size, gflop, max(THREADS))
        for name, call in calls.items()
    ]
    path = folder / "scorer.tflite"
    path.write_bytes(tflite.convert(scorer))
    engines = [_litert, *([_openvino] if find_spec("openvino") else [])]
    return subjects + [
        engine(path, images[:1].numpy(), gflop, threads)
        for threads in THREADS
        for engine in engines
    ]


def is_shipped(name: str) -> bool:
    """Whether a name is of a way to score that this project ships."""
    return name.startswith("Inference") and not (
        name.endswith(EAGER) or OPENVINO in name
    )


def _litert(
    path: pathlib.Path, image: np.ndarray, gflop: float, threads: int
) -> Subject:
    """LiteRT on one image at a time."""
    with command.quiet_stderr():
        interpreter = Interpreter(str(path), num_threads=threads)
        runner = interpreter.get_signature_runner(tflite.SIGNATURE)
        # The first call loads the kernels and says so.
        runner(image=image)
    return _engine(
        "LiteRT float32", lambda: runner(image=image), gflop, threads
    )


def _openvino(
    path: pathlib.Path, image: np.ndarray, gflop: float, threads: int
) -> Subject:
    """OpenVINO with the same file, on one image at a time."""
    import openvino

    core = openvino.Core()
    options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    model = core.compile_model(core.read_model(path), "CPU", options)
    return _engine(
        f"{OPENVINO}, the same file", lambda: model([image]), gflop, threads
    )


def _engine(
    name: str, call: Callable[[], object], gflop: float, threads: int
) -> Subject:
    """An engine that takes one image at a time."""
    plural = "s" * (threads > 1)
    return Subject(
        f"Inference, {name}, {threads} thread{plural}", call, 1, gflop, threads
    )
