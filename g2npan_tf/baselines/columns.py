"""The columns of a fusion researcher's table: measure, direction, range."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from g2npan_tf.baselines import fusion_measures
from g2npan_tf.baselines.hossny import hossny
from g2npan_tf.baselines.oefp import oefp
from g2npan_tf.baselines.rsfe import rsfe
from g2npan_tf.baselines.tang import tang
from g2npan_tf.baselines.tsallis import tsallis

# Takes source A, source B and the fused image, uint8 grey `[height, width]`.
Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


@dataclasses.dataclass(frozen=True)
class Column:
    """One measure as a table shows it.

    Attributes:
        name: Its name in papers on fusion, or in Table 1.
        low: Lower end of its range.
        high: Upper end, which may be infinite.
        zero_is_best: Whether the value nearest to 0 is best, not the highest.
    """

    name: str
    low: float
    high: float
    zero_is_best: bool = False

    @property
    def better(self) -> str:
        """Direction in a word or two."""
        return "nearest 0" if self.zero_is_best else "higher"

    @property
    def range(self) -> str:
        """Range in figures."""
        return f"{self.low:.4g} to {self.high:.4g}"

    @property
    def of_means(self) -> "Column":
        """The column of means over images, in which no signs cancel out."""
        if not self.zero_is_best:
            return self
        return dataclasses.replace(self, name=f"|{self.name}|", low=0)

    def to_mean(self, value: float) -> float:
        """What an image's value contributes to the mean."""
        return abs(value) if self.zero_is_best else value

    def goodness(self, value: float) -> float:
        """A value, or a mean, as a number where higher is better."""
        return -abs(value) if self.zero_is_best else value


def _of_fused(measure: Callable[[np.ndarray], float]) -> Measure:
    """A measure that ignores the sources."""
    return lambda source_a, source_b, fused: measure(fused)


G2NPAN = Column("G2NPAN", 1, 5)
# What every paper prints, then the closed-form methods of Table 1; BMPRI, the
# sixth of them, is learned from scores.
MEASURES: dict[Column, Measure] = {
    Column("EN", 0, 8): _of_fused(fusion_measures.entropy),
    Column("SD", 0, 127.5): _of_fused(fusion_measures.standard_deviation),
    Column("SF", 0, 255 * math.sqrt(2)): _of_fused(
        fusion_measures.spatial_frequency
    ),
    Column("AG", 0, 255): _of_fused(fusion_measures.average_gradient),
    Column("MI", 0, 16): fusion_measures.mutual_information,
    Column("SCD", -2, 2): fusion_measures.correlations_of_differences,
    Column("SSIM", -1, 1): fusion_measures.mean_similarity,
    Column("VIF", 0, math.inf): fusion_measures.mean_visual_information,
    Column("Hossny", 0, 2): hossny,
    Column("TEIA", 0, math.inf): tsallis,
    Column("OEFP", 0, 0.974794): oefp,
    Column("rSFe", -1, math.inf, zero_is_best=True): rsfe,
    Column("Tang", 0, 200): _of_fused(tang),
}
