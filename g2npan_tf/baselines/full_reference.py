"""What the true reference tells: a bound for one that is generated.

No method of Table 1, and not blind: G2NPAN compares an image with a reference
that it generates, these with the one that it tries to generate.
"""

from collections.abc import Callable

import cv2
import numpy as np

from g2npan_tf.baselines.bmpri import import_regression
from g2npan_tf.baselines.grey_levels import luminance
from g2npan_tf.baselines.similarity import structural_similarity
from g2npan_tf.core.errors import InputError

# Standard deviations in pixels between which the bands lie, an octave apart.
BAND_SDS = (1.0, 2.0, 4.0)
# A power below that of half a grey level is quantisation.
POWER_FLOOR = (0.5 / 255) ** 2
NUM_FEATURES = 5 + len(BAND_SDS)
# Choice: of LIBSVM's usual order, not searched for.
SVR_C, SVR_EPSILON = 5.0, 0.1


def reference_rmse(image: np.ndarray, reference: np.ndarray) -> float:
    """Root mean squared error of I_org from I_GT on [0, 1].

    Both are uint8 grey `[height, width]` or RGB `[height, width, 3]`, of which
    the luminance counts, and of one size; else `InputError`.
    """
    return float(
        np.sqrt(np.mean(np.square(np.subtract(*_both(image, reference)))))
    )


def reference_features(image: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Hand-made features of two images as `reference_rmse` takes them.

    Returns:
        float64 `[8]`: RMSE; RMSE of both smoothed; SSIM (Wang et al., IEEE TIP
        2004); difference of the means; correlation of what is finer than a
        pixel; and for each band of `BAND_SDS` the logarithm of its power in
        the image over that in the reference.
    """
    ours, true = _both(image, reference)
    smooth = [cv2.GaussianBlur(x, (0, 0), 2.0) for x in (ours, true)]
    fine = [x - cv2.GaussianBlur(x, (0, 0), BAND_SDS[0]) for x in (ours, true)]
    deviations = np.std(fine[0]) * np.std(fine[1])
    shared = np.mean((fine[0] - fine[0].mean()) * (fine[1] - fine[1].mean()))
    powers = np.array([_band_powers(x) for x in (ours, true)])
    return np.array(
        [
            np.sqrt(np.mean(np.square(ours - true))),
            np.sqrt(np.mean(np.square(smooth[0] - smooth[1]))),
            structural_similarity(ours, true, 1.0),
            ours.mean() - true.mean(),
            shared / max(deviations, POWER_FLOOR),
            *np.log(powers[0] / powers[1]),
        ]
    )


def fit_reference(
    features: np.ndarray, mos: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Support vector regression from features `[n, 8]` to MOS `[n]`, 1..5."""
    regression = import_regression()
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    model = regression(C=SVR_C, epsilon=SVR_EPSILON)
    model.fit((features - mean) / spread, mos)
    return lambda rows: model.predict((rows - mean) / spread)


def _both(
    image: np.ndarray, reference: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Luminance of the two on [0, 1]."""
    if np.shape(image)[:2] != np.shape(reference)[:2]:
        raise InputError(
            f"reference must have the size of the image "
            f"{list(np.shape(image)[:2])}. "
            f"Received: {list(np.shape(reference)[:2])}"
        )
    ours, true = (
        (x if np.ndim(x) == 2 else luminance(x)) / 255.0
        for x in (image, reference)
    )
    return ours, true


def _band_powers(grey: np.ndarray) -> list[float]:
    """Mean square of each band, with a floor."""
    powers, finer = [], grey
    for sd in BAND_SDS:
        coarser = cv2.GaussianBlur(grey, (0, 0), sd)
        powers.append(float(np.mean(np.square(finer - coarser))) + POWER_FLOOR)
        finer = coarser
    return powers
