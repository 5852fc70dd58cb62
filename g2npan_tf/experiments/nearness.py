"""How near the generated reference is to the true one, on a run's images."""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np

from g2npan_tf.evaluation.statistics import Difference
from g2npan_tf.evaluation.statistics import bootstrap
from g2npan_tf.model import losses
from g2npan_tf.model.cam_target import similarity_map
from g2npan_tf.model.scorer import predict

# What is measured of two images against I_GT; only of SSIM is more better.
MEASURES = {
    "mse": "mean squared error",
    "ssim": "SSIM",
    "spectrum": "log spectra, mean difference",
    "change": "log spectra of what is changed, mean difference",
}


@dataclasses.dataclass(frozen=True)
class Nearness:
    """One measure against I_GT, mean over images; 95 % limits by case."""

    image: float  # Of I_org.
    generated: float  # Of I_hq.
    difference: Difference  # The latter minus the former.


def nearness(
    scorer: keras.Model,
    images: np.ndarray,
    references: np.ndarray,
    cases: Sequence[str] | np.ndarray,
    batch_size: int,
) -> dict[str, Nearness]:
    """Compares what a generator makes of images, and they, with I_GT.

    The measures of `MEASURES`: MSE (Eq. 1), mean SSIM, the distance of the
    log spectra (`losses.spectral_loss`) of the images, and of what I_hq has
    changed and what is to be changed, where the image itself changes nothing.

    Args:
        scorer: Of a network with GAN.
        images: I_org, uint8 `[n, size, size, 3]`.
        references: I_GT, as `images`.
        cases: Names of the images' cases, `[n]`.
        batch_size: Images at a time.

    Returns:
        A value for each key of `MEASURES`.
    """
    values = []
    for start in range(0, len(images), batch_size):
        part = slice(start, start + batch_size)
        image, reference = (
            pixels[part].astype(np.float32) / 255
            for pixels in (images, references)
        )
        made = predict(scorer, images[part], batch_size)["reference"]
        values.append(
            [_measured(image, reference, best) for best in (image, made)]
        )
    # Measure, image or generated, row.
    table = np.concatenate(values, axis=-1).transpose(1, 0, 2)
    resampled = bootstrap(
        [np.asarray(cases)],
        lambda rows: (table[:, 1] - table[:, 0])[:, rows[0]].mean(axis=-1),
    )
    means = table.mean(axis=-1)
    return {
        name: Nearness(
            float(means[k, 0]), float(means[k, 1]), resampled.difference(k)
        )
        for k, name in enumerate(MEASURES)
    }


def _measured(
    image: np.ndarray, reference: np.ndarray, best: np.ndarray
) -> np.ndarray:
    """Each measure of what shall be the reference, `[measures, n]`."""
    return np.stack(
        [
            losses.reconstruction_loss(reference, best),
            [
                similarity_map(*pair).mean()
                for pair in zip(best, reference, strict=True)
            ],
            losses.spectral_loss(np.zeros_like(image), reference, best),
            losses.spectral_loss(image, reference, best),
        ]
    )
