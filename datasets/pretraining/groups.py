"""Groups for pretraining: a slice and damaged versions of it, no readers."""

import dataclasses
import zlib
from typing import Any

import cv2
import numpy as np

from datasets.fusion_quality.configs import DistortionsConfig
from datasets.groups import Entry
from datasets.groups import Examples
from datasets.groups import encode
from datasets.pretraining import distortions
from g2npan_tf.scoring.model_facts import NO_READERS

# Whose the scores are; stands wherever a figure of such a data set does.
SCORES = f"full-reference similarity {NO_READERS}"
UNDAMAGED = "undamaged"
# Choice: side in pixels of slices that are seen in tiles; the size of the
# Whole Brain Atlas.
TILED_SIZE = 256
# Of Xue et al. for grey levels of 0 to 255.
STABILITY = 170.0
# Choice: the deviation at which a score has fallen to MOS 1 + 4/e; it spreads
# the scores of `distortions` over the scale.
DEVIATION_SCALE = 0.09


@dataclasses.dataclass(frozen=True)
class DistortedGroup:
    """A slice, how many damaged images it gets, and the data set's seed."""

    source: Entry[np.ndarray]
    per_slice: int
    seed: int

    @property
    def case_id(self) -> str:
        """Patient or subject."""
        return self.source.case_id

    @property
    def modality(self) -> str:
        """What is shown."""
        return self.source.modality


def distorted_examples(group: DistortedGroup) -> Examples:
    """Damages a slice in several ways and scores the results.

    Choice: what damage a slice gets depends on its name and the seed only.

    Yields:
        Key `<slice>/<damage>_<level>` and the example's features; images are
        PNG bytes, the slice itself comes first.
    """
    entry = group.source
    reference = entry.load()
    name_hash = zlib.crc32(entry.pair_id.encode())
    rng = np.random.default_rng([group.seed, name_hash])
    images = {UNDAMAGED: reference} | {
        f"{name}_{level}": distortions.distort(reference, name, level, rng)
        for name, level in distortions.draw(rng, group.per_slice)
    }
    shared = {
        "reference": encode(reference),
        "pair_id": entry.pair_id,
        "case_id": entry.case_id,
        "modality": entry.modality,
    }
    for name, image in images.items():
        deviation = gradient_deviation(image, reference)
        yield (
            f"{entry.pair_id}/{name}",
            {
                "image": encode(image),
                "mos": to_mos(deviation),
                "deviation": deviation,
                "algorithm": name,
                **shared,
            },
        )


def describe(config: DistortionsConfig) -> dict[str, Any]:
    """What metadata say of a data set before its slices are known."""
    return {
        "scores": SCORES,
        "sampling": "resize" if config.is_whole else "tiles",
        "distortions": list(distortions.DISTORTIONS),
        "per_slice": config.per_slice,
    }


def gradient_deviation(image: np.ndarray, reference: np.ndarray) -> float:
    """GMSD: how unevenly the edges of the reference are kept.

    W. Xue, L. Zhang, X. Mou, A. C. Bovik, "Gradient magnitude similarity
    deviation", IEEE TIP 23(2), 684-695, 2014, with its Prewitt filter, its
    halving of the size and its constant.

    Choice: over the pixels that the reference shows, not over the black
    around them, which would otherwise decide how large a deviation can be.

    Returns:
        0 for equal images (uint8 RGB of one shape); seldom above 0.35.
    """
    one, two = _gradient(image), _gradient(reference)
    kept = (2 * one * two + STABILITY) / (one**2 + two**2 + STABILITY)
    shown = _halved(reference) > distortions.BACKGROUND_LEVEL
    return float(kept[shown].std()) if shown.any() else 0.0


def to_mos(deviation: float) -> float:
    """Brings a deviation to the readers' scale, (1, 5]; no reader said so."""
    return 1.0 + 4.0 * float(np.exp(-deviation / DEVIATION_SCALE))


def _halved(image: np.ndarray) -> np.ndarray:
    """Luminance at half the size, float64 `[height / 2, width / 2]`."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64)
    return cv2.blur(grey, (2, 2))[1::2, 1::2]


def _gradient(image: np.ndarray) -> np.ndarray:
    """Prewitt gradient magnitude at half the size."""
    grey = _halved(image)
    kernel = np.array([[1.0, 0.0, -1.0]] * 3) / 3
    return np.hypot(
        cv2.filter2D(grey, -1, kernel), cv2.filter2D(grey, -1, kernel.T)
    )
