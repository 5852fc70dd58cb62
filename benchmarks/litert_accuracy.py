"""How near each LiteRT file is to the Keras scorer on the whole test part."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Callable
from collections.abc import Mapping

import numpy as np

from export import parity
from export.finished_run import FinishedRun
from export.tflite import run_file
from g2npan_tf.core.files import written_aside
from g2npan_tf.core.outputs import SCORER
from g2npan_tf.data import base
from g2npan_tf.data import protocols
from g2npan_tf.evaluation import statistics


@dataclasses.dataclass(frozen=True)
class Accuracy:
    """Differences of a file's MOS to that of Keras, on the test part.

    Attributes:
        largest: Maximum of the absolute difference.
        mean: Mean of it.
        bias: Mean of the signed difference.
        srcc: What the file's SRCC with the readers has more than Keras'.
        plcc: The same of the PLCC.
    """

    largest: float
    mean: float
    bias: float
    srcc: float
    plcc: float


def accuracy(
    readers: np.ndarray, exact: np.ndarray, found: np.ndarray
) -> Accuracy:
    """Compares predicted scores.

    Args:
        readers: MOS of the readers. Float `[n]`, 1..5.
        exact: Predicted by scorer.keras. Same shape and range.
        found: Predicted by the file.

    Returns:
        The differences.
    """
    difference = found.astype(np.float64) - exact
    return Accuracy(
        float(np.abs(difference).max()),
        float(np.abs(difference).mean()),
        float(difference.mean()),
        statistics.srcc(readers, found) - statistics.srcc(readers, exact),
        statistics.plcc(readers, found) - statistics.plcc(readers, exact),
    )


class HeldOut:
    """The test part of a run; predictions are kept, so that a stop costs one.

    Attributes:
        readers: MOS of the readers. Float `[n]`, 1..5.
        exact: MOS predicted by scorer.keras. Same shape and range.
    """

    def __init__(
        self, run: FinishedRun, workdir: pathlib.Path, kept: pathlib.Path
    ):
        """Reads the images and scores them with Keras.

        Args:
            run: The finished run.
            workdir: Its folder.
            kept: Folder for predictions; made if missing.

        Raises:
            InputError: If the data set of the run is not there any more.
        """
        builder = base.reopen(run.config, run.facts)
        examples = base.read(builder, base.divide(builder, run.config).test)
        self._images = examples["image"]
        self._part = f"{run.facts['name']} {protocols.describe(run.config)}"
        self._kept = kept
        kept.mkdir(parents=True, exist_ok=True)
        self.readers = examples["mos"]
        self.exact = self._once(
            workdir / SCORER,
            lambda images: run.scorer.predict(
                images, batch_size=parity.BATCH_SIZE, verbose=0
            ),
        )

    def predict(self, model: pathlib.Path) -> np.ndarray:
        """Scores the images with a `.tflite` file, unless that was done."""
        return self._once(model, lambda images: run_file(model, images))

    def _once(
        self,
        model: pathlib.Path,
        predict: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    ) -> np.ndarray:
        """Predicts the MOS, or reads what this model predicted before."""
        digest = hashlib.sha256(model.read_bytes() + self._part.encode())
        path = self._kept / f"{digest.hexdigest()[:16]}.npy"
        if not path.is_file():
            found = np.asarray(predict(self._images)["mos"])
            with written_aside(path) as aside, aside.open("wb") as file:
                np.save(file, found)
        return np.load(path, allow_pickle=False)
