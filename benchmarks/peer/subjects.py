"""What TensorFlow does in its turns: training steps, each way to infer."""

import functools
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from benchmarks.peer.case import random_batch
from export import saved_model
from export import tflite
from g2npan_tf.core import command
from g2npan_tf.core.config import Config
from g2npan_tf.model.train_step import G2NPAN
from g2npan_tf.training import build

Call = Callable[[], Any]


def training_step(model: G2NPAN, config: Config) -> Call:
    """Steps on one batch again and again, Eq. 10 included.

    Args:
        model: Is compiled, and trained by the measurement.
        config: Of the same experiment; warm-up 0.

    Returns:
        One step.
    """
    size = model.scorer.input.shape[1]
    batch = random_batch(config.batch_size, size, seed=0)
    tensors = {name: tf.constant(value) for name, value in batch.items()}
    build.compile_model(model, config, steps=1)
    step = tf.function(model.train_step)
    return lambda: step(tensors)


def scorers(
    scorer: keras.Model, batch_sizes: tuple[int, ...], folder: pathlib.Path
) -> dict[tuple[str, int], Call]:
    """The scorer by `tf.function` and as a SavedModel.

    Args:
        scorer: From `build_scorer`; need not be trained.
        batch_sizes: Images per call.
        folder: Gets the SavedModel.

    Returns:
        One call, by name and batch size.
    """
    graph = tf.function(lambda x: scorer(x, training=False))
    saved_model.write(scorer, folder / "saved_model")
    loaded = tf.saved_model.load(str(folder / "saved_model"))
    calls: dict[tuple[str, int], Call] = {}
    for size in batch_sizes:
        images = tf.constant(_pixels(scorer, size))
        calls["`tf.function`", size] = functools.partial(graph, images)
        # By way of `loaded`, which owns the variables.
        calls["SavedModel", size] = functools.partial(
            _score_pixels, loaded, images
        )
    return calls


def litert(
    scorer: keras.Model, threads: tuple[int, ...], folder: pathlib.Path
) -> dict[int, Call]:
    """The scorer in LiteRT, one image a call.

    Args:
        scorer: From `build_scorer`; need not be trained.
        threads: Numbers of threads.
        folder: Gets the file.

    Returns:
        One call, by number of threads.
    """
    path = folder / "scorer.tflite"
    path.write_bytes(tflite.convert(scorer))
    image = _pixels(scorer, 1)
    calls: dict[int, Call] = {}
    for number in threads:
        with command.quiet_stderr():
            interpreter = Interpreter(str(path), num_threads=number)
            runner = interpreter.get_signature_runner(tflite.SIGNATURE)
            # The first call loads the kernels and says so.
            runner(image=image)
        calls[number] = functools.partial(runner, image=image)
    return calls


def _score_pixels(loaded: Any, images: tf.Tensor) -> dict[str, tf.Tensor]:
    """Calls the SavedModel."""
    return loaded.signatures["score_pixels"](image=images)


def _pixels(scorer: keras.Model, batch_size: int) -> np.ndarray:
    """Images of noise."""
    shape = (batch_size, *scorer.input.shape[1:])
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
