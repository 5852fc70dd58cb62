"""Scores images with any artefact of the project: one class, one result.

TensorFlow is imported only for the artefacts that need it; a `.tflite` file
runs on LiteRT alone.
"""

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import threading
import zipfile
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from g2npan_tf.core import plain_json
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.errors import missing_package
from g2npan_tf.core.outputs import SCORER
from g2npan_tf.images.content import scorer_image
from g2npan_tf.images.read import SCORER_SIZE
from g2npan_tf.images.read import resize
from g2npan_tf.scoring import shipped

if TYPE_CHECKING:
    import keras

# Side in pixels of a cell of the class activation map.
CAM_CELL = 16
# What Keras writes into a `.keras` file, and how large its scorers may be.
MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
MAX_BYTES = 2**31
MAX_CONFIG_BYTES = 2**24

# Numbers of an image that only some artefacts give beside its score.
FURTHER = ("mos_low", "mos_high", "mos_spread", "distance")
# The percentile of `distance` above which an image is outside.
OUTSIDE_ABOVE = 99.0

# Named float32 outputs, batch first.
_Outputs = dict[str, np.ndarray]
# Maps uint8 `[batch, size, size, 3]` to outputs; the flag says whether the
# maps are wanted beside the scores.
_Runner = Callable[[np.ndarray, bool], _Outputs]


@dataclasses.dataclass(frozen=True)
class Assessment:
    """What the scorer says about one image, and what it looked at.

    Attributes:
        mos: Predicted mean opinion score, range [1, 5].
        quality: The same on the range [0, 1].
        mos_low: Lower end of the 90 % prediction interval of the readers' MOS
            (`evaluation.conformal.half_width`), range [1, 5].
        mos_high: Its upper end.
        mos_spread: Standard deviation between the scores of the models that
            are packed as one; None of a single model.
        distance: How far the image is from those that the model learned from,
            as the percentile of these (`model.scope`), range [0, 100].
        cam: Local quality, float32 `[8, 8]`, range [0, 1], 1 is good.
        reference: Generated best version of the image, float32
            `[128, 128, 3]`, RGB, range [0, 1].
        nuance: |reference - image|, of the same shape and range.

    A map that the model does not have is None: one trained without the GAN
    has neither `reference` nor `nuance`. A picture without content has none,
    and NaN for `mos` and `quality`.
    """

    mos: float
    quality: float
    cam: np.ndarray | None = None
    reference: np.ndarray | None = None
    nuance: np.ndarray | None = None
    mos_low: float | None = None
    mos_high: float | None = None
    mos_spread: float | None = None
    distance: float | None = None


def is_outside(distance: float | np.ndarray | None) -> Any:
    """Whether images are unlike those that the model learned from; bool.

    An image of a model that gives no `distance` is not said to be.
    """
    return False if distance is None else distance > OUTSIDE_ABOVE


class Assessor:
    """A loaded artefact, which threads may share; use `Assessor.load`."""

    def __init__(
        self,
        runner: _Runner,
        batch_size: int = 16,
        size: int = SCORER_SIZE,
        check_content: bool = True,
        further: tuple[str, ...] = (),
    ):
        """Wraps what runs a scorer on a batch of uint8 `[size, size, 3]`.

        `further` are those of `FURTHER` that it gives.
        """
        self.further = further
        self._runner = runner
        self._check_content = check_content
        self.batch_size = batch_size
        self.size = size
        # Interpreters are not made for several threads.
        self._lock = threading.Lock()

    @classmethod
    def load(
        cls,
        path: str | os.PathLike,
        *,
        batch_size: int = 16,
        num_threads: int | None = None,
        check_content: bool = True,
    ) -> "Assessor":
        """Loads an artefact and tries it on one black image.

        Args:
            path: `scorer.keras`, a training workdir that holds one, a
                SavedModel folder, a folder of numbered versions of it (the
                highest is taken) or a `.tflite` file; or, as text, the name
                of a model that comes with the package (`shipped.resolve`).
            batch_size: Images at once; limits the memory, changes no score.
            num_threads: For LiteRT; None takes every core.
            check_content: Whether pictures without content get NaN
                (`content.has_content`); False where the caller has looked.

        Raises:
            InputError: If there is no such artefact, it is of another kind,
                damaged, not a scorer, not the file that the side file of a
                `.tflite` describes, or needs a package that is missing.
        """
        path = shipped.resolve(path)
        try:
            file = _model_file(path)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise InputError(f"{path}: {reason}") from error
        with _readable(path):
            if file.is_dir():
                runner, size = _saved_model_runner(file)
            elif file.suffix == ".keras":
                runner, size = _keras_runner(file)
            else:
                runner, size = _litert_runner(file, num_threads)
            further = _try(runner, size)
        return cls(runner, batch_size, size, check_content, further)

    def score(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Predicts the mean opinion score of every image.

        Args:
            images: uint8 `[height, width, 3]`, RGB, of any sizes.

        Returns:
            MOS, float32 `[len(images)]`, range [1, 5]; NaN for a picture
            without content: blank, or a mask of two levels.

        Raises:
            InputError: If an image is another array.
        """
        return self.numbers(images)["mos"]

    def numbers(self, images: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Predicts as `score` does.

        Returns:
            `mos` and what is in `further` by name, float32 `[len(images)]`
            each; NaN likewise.
        """
        names = ("mos", *self.further)
        found: list[list[np.ndarray]] = [[] for _ in names]
        for batch, shown in self._batches(images):
            outputs = self._run(batch, False)
            for name, column in zip(names, found, strict=True):
                column.append(np.where(shown, outputs[name], np.nan))
        empty = np.zeros(0, np.float32)
        return {
            name: np.concatenate([empty, *column]).astype(np.float32)
            for name, column in zip(names, found, strict=True)
        }

    def explain(self, images: Sequence[np.ndarray]) -> list[Assessment]:
        """Predicts as `score` does and also returns the maps."""
        assessments = []
        for batch, shown in self._batches(images):
            outputs = self._run(batch, True)
            assessments += [
                _assessment(outputs, index)
                if shown[index]
                else Assessment(np.nan, np.nan)
                for index in range(len(batch))
            ]
        return assessments

    def _run(self, batch: np.ndarray, maps: bool) -> _Outputs:
        """Runs the model; threads take turns."""
        with self._lock:
            return self._runner(batch, maps)

    def _batches(
        self, images: Sequence[np.ndarray]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Resizes and stacks the images; says which show something."""
        black = np.zeros((self.size, self.size, 3), np.uint8)
        for start in range(0, len(images), self.batch_size):
            part = images[start : start + self.batch_size]
            batch = list(map(self._scorer_input, part))
            shown = np.array([item is not None for item in batch])
            yield np.stack([black if x is None else x for x in batch]), shown

    def _scorer_input(self, pixels: np.ndarray) -> np.ndarray | None:
        """Checks one image and brings it to the scorer's size."""
        pixels = np.asarray(pixels)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise InputError(
                "an image is uint8 [height, width, 3]. "
                f"Received: {pixels.dtype} {list(pixels.shape)}"
            )
        if self._check_content:
            return scorer_image(pixels, self.size)
        return resize(pixels, self.size)


def load_keras(path: pathlib.Path) -> "keras.Model":
    """Loads an untrusted `.keras` file, or raises an `InputError`.

    Keras' safe mode builds nothing but Keras' own layers and operations; what
    the archive holds and how large it is are checked before.
    """
    _check_archive(path)
    with _readable(path):
        import keras

        return keras.saving.load_model(path, compile=False, safe_mode=True)


def _check_archive(path: pathlib.Path) -> None:
    """Compares names and sizes in an archive with what Keras writes."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: damaged, or not a scorer (no archive that Keras wrote)"
        ) from error
    if sorted(member.filename for member in members) != sorted(MEMBERS):
        raise InputError(f"{path}: not just {', '.join(sorted(MEMBERS))}")
    size = sum(member.file_size for member in members)
    if size > MAX_BYTES:
        raise InputError(
            f"{path}: {size:,} bytes; expected at most {MAX_BYTES:,}"
        )
    for member in members:
        is_config = member.filename == "config.json"
        if is_config and member.file_size > MAX_CONFIG_BYTES:
            raise InputError(f"{path}: config.json is too large")


@contextlib.contextmanager
def _readable(path: pathlib.Path) -> Iterator[None]:
    """Turns what parsers raise on a damaged artefact, anything, into a line."""
    try:
        yield
    except InputError:
        raise
    except ModuleNotFoundError as error:
        raise InputError(
            f"{path}: {missing_package(error) or error}"
        ) from error
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(
            f"{path}: damaged, or not a scorer "
            f"({' '.join(reason.split())[:200]})"
        ) from error


def _check_digest(path: pathlib.Path) -> None:
    """Compares a `.tflite` with the SHA-256 of its side file, if there is one.

    Finds damage and mixed-up files, not an attacker, who would change both.
    """
    side_file = path.with_suffix(".json")
    try:
        content = plain_json.parse(side_file.read_bytes())
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise InputError(
            f"{side_file}: unreadable; expected what the export wrote beside "
            f"{path.name}"
        ) from error
    expected = content.get("sha256") if isinstance(content, dict) else None
    if expected is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise InputError(
            f"{path}: not the file that {side_file.name} describes (SHA-256 "
            f"{found[:12]}..., expected {str(expected)[:12]}...)"
        )


def _assessment(outputs: _Outputs, index: int) -> Assessment:
    """Takes one image's row out of a batch of outputs."""
    maps = {
        name: outputs[name][index]
        for name in ("cam", "reference", "nuance")
        if name in outputs
    }
    mos = float(outputs["mos"][index])
    further: dict[str, Any] = {
        name: float(outputs[name][index]) for name in FURTHER if name in outputs
    }
    return Assessment(mos, float(outputs["quality"][index]), **maps, **further)


def _model_file(path: pathlib.Path) -> pathlib.Path:
    """The `.keras` or `.tflite` file, or the SavedModel's folder, of a path."""
    expected = (
        f"expected a name ({', '.join(shipped.names())}), a training workdir, "
        "scorer.keras, a SavedModel folder or a .tflite file"
    )
    if not os.path.exists(path):
        # Says why, if it is something else than that.
        with contextlib.suppress(FileNotFoundError, ValueError):
            path.stat()
        raise InputError(f"{path}: no such model; {expected}")
    if (path / SCORER).is_file():
        return path / SCORER
    if path.is_dir():
        # As TF Serving wants it, the highest version counts.
        versions = [p for p in path.iterdir() if p.name.isdecimal()]
        path = max(versions, key=lambda p: int(p.name), default=path)
    if not (path / "saved_model.pb").is_file() and not (
        path.is_file() and path.suffix in (".keras", ".tflite")
    ):
        raise InputError(f"{path}: not a model; {expected}")
    if path.is_file() and path.suffix == ".tflite":
        _check_digest(path)
    return path


def _keras_runner(path: pathlib.Path) -> tuple[_Runner, int]:
    """Runs a `.keras` file as one graph; with the side of its image."""
    model = load_keras(path)
    import tensorflow as tf

    from g2npan_tf.model.inference_form import inference_form

    form = inference_form(model)
    graph = tf.function(
        lambda image: form(image, training=False),
        input_signature=[tf.TensorSpec(model.input_shape, tf.uint8)],
    )
    return lambda batch, maps: _to_numpy(graph(batch)), model.input_shape[1]


def _saved_model_runner(path: pathlib.Path) -> tuple[_Runner, int]:
    """Runs the pixel signatures of a SavedModel."""
    import tensorflow as tf

    model = tf.saved_model.load(str(path))

    def run(batch: np.ndarray, maps: bool) -> _Outputs:
        name = "explain_pixels" if maps else "score_pixels"
        return _to_numpy(model.signatures[name](image=tf.constant(batch)))

    # Its images may have any size, so the map says what it works on.
    explained = model.signatures["explain_pixels"].structured_outputs
    return run, explained["cam"].shape[1] * CAM_CELL


def _litert_runner(
    path: pathlib.Path, num_threads: int | None
) -> tuple[_Runner, int]:
    """Runs a `.tflite` file, an image at a time."""
    from ai_edge_litert.interpreter import Interpreter

    threads = num_threads or os.cpu_count() or 1
    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    names = list(interpreter.get_signature_list())
    name = "serving_default" if len(names) > 1 else names[0]
    signature = interpreter.get_signature_runner(name)

    def run(batch: np.ndarray, maps: bool) -> _Outputs:
        rows = [signature(image=row[None]) for row in batch]
        return {
            key: np.concatenate([row[key] for row in rows]) for key in rows[0]
        }

    return run, int(interpreter.get_input_details()[0]["shape"][1])


def _to_numpy(outputs: dict) -> _Outputs:
    """Copies TensorFlow's named outputs."""
    return {name: tensor.numpy() for name, tensor in outputs.items()}


def _try(runner: _Runner, size: int) -> tuple[str, ...]:
    """Scores one black image: a model that is no scorer shows it here.

    Gives the names of the further numbers.
    """
    black = np.zeros((1, size, size, 3), np.uint8)
    for maps in (False, True):
        outputs = runner(black, maps)
        for name in ("mos", "quality"):
            if name not in outputs or outputs[name].shape != (1,):
                raise ValueError(f"expected an output {name} of shape [batch]")
    return tuple(name for name in FURTHER if name in outputs)
