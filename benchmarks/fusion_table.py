"""Table of the fusion algorithms by the established fusion metrics.

    python -m benchmarks.fusion_table --manual_dir=<Whole Brain Atlas folder>

prints Markdown: the metrics' means over the pairs of the data base, and how
far the algorithms' images are from each other.
"""

import pathlib
import time
from collections.abc import Callable

import cv2
import numpy as np
from absl import flags
from skimage.metrics import structural_similarity

from datasets.fusion import ALGORITHMS
from datasets.fusion import fuse
from datasets.fusion.color import luminance
from datasets.selection import select_pairs
from datasets.sources import SourcePair
from datasets.sources import list_atlas_pairs
from g2npan_tf import cli

_MANUAL_DIR = flags.DEFINE_string(
    "manual_dir", None, "Folder of the Whole Brain Atlas pairs.", required=True
)
_MAX_PAIRS = flags.DEFINE_integer(
    "max_pairs", 129, "Number of pairs, spread evenly over the cases."
)
_SIZE = 128
# Luminance above which a pixel of either source counts as the head.
_BACKGROUND = 5.0


def qabf(a: np.ndarray, b: np.ndarray, fused: np.ndarray) -> float:
    """Share of the sources' edges that arrive in the fused image, Q^AB/F.

    Source: C. S. Xydeas, V. Petrovic, "Objective image fusion performance
    measure", Electronics Letters 36(4), 308-309, 2000.

    Args:
        a: Luminance of the first source. float32 `[height, width]`, 0..255.
        b: Luminance of the second source. Same shape.
        fused: Luminance of the fused image. Same shape.

    Returns:
        Range [0, 0.9748]; higher is better.
    """
    strength, orientation = _edges(fused)
    total = weights = 0.0
    for source in (a, b):
        source_strength, source_orientation = _edges(source)
        largest = np.maximum(source_strength, strength)
        ratio = np.divide(
            np.minimum(source_strength, strength),
            largest,
            out=np.ones_like(largest),
            where=largest > 0,
        )
        alike = 1 - np.abs(source_orientation - orientation) / (np.pi / 2)
        kept_strength = 0.9994 / (1 + np.exp(-15 * (ratio - 0.5)))
        kept_orientation = 0.9879 / (1 + np.exp(-22 * (alike - 0.8)))
        total += np.sum(kept_strength * kept_orientation * source_strength)
        weights += np.sum(source_strength)
    return float(total / weights) if weights else 0.0


def mutual_information(
    a: np.ndarray, b: np.ndarray, fused: np.ndarray
) -> float:
    """Normalised mutual information with the sources, Q_MI.

    Source: M. Hossny, S. Nahavandi, D. Creighton, Electronics Letters
    44(18), 1066-1067, 2008, the corrected form of Qu's measure.

    Args:
        a: Luminance of the first source. float32 `[height, width]`, 0..255.
        b: Luminance of the second source. Same shape.
        fused: Luminance of the fused image. Same shape.

    Returns:
        Range [0, 2]; higher is better.
    """
    total = 0.0
    for source in (a, b):
        joint = np.histogram2d(
            source.ravel(), fused.ravel(), bins=256, range=[(0, 256)] * 2
        )[0]
        separate = _entropy(joint.sum(axis=0)) + _entropy(joint.sum(axis=1))
        if separate > 0:
            total += 2 * (separate - _entropy(joint)) / separate
    return total


def mean_ssim(a: np.ndarray, b: np.ndarray, fused: np.ndarray) -> float:
    """Mean of the structural similarities to both sources.

    Source: Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image
    quality assessment: from error visibility to structural similarity", IEEE
    Transactions on Image Processing 13(4), 600-612, 2004.

    Args:
        a: Luminance of the first source. float32 `[height, width]`, 0..255.
        b: Luminance of the second source. Same shape.
        fused: Luminance of the fused image. Same shape.

    Returns:
        Range [-1, 1]; higher is better.
    """
    similarities = [
        structural_similarity(
            source,
            fused,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for source in (a, b)
    ]
    return float(np.mean(similarities))


def spatial_frequency(a: np.ndarray, b: np.ndarray, fused: np.ndarray) -> float:
    """Root mean square of the fused image's row and column differences.

    Source: A. M. Eskicioglu, P. S. Fisher, "Image quality measures and their
    performance", IEEE Transactions on Communications 43(12), 2959-2965,
    1995.

    Args:
        a: Not used; all metrics are called alike.
        b: Not used.
        fused: Luminance of the fused image. float32 `[height, width]`, 0..255.

    Returns:
        Grey levels; higher is richer in detail, noise or artefacts.
    """
    del a, b
    squares = [np.sum(np.diff(fused, axis=axis) ** 2) for axis in (0, 1)]
    return float(np.sqrt(sum(squares) / fused.size))


METRICS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], float]] = {
    "Q^AB/F": qabf,
    "Q_MI": mutual_information,
    "SSIM": mean_ssim,
    "SF": spatial_frequency,
}


def measure_pair(pair: SourcePair) -> tuple[np.ndarray, np.ndarray]:
    """Fuse a pair with every algorithm and measure the results.

    Args:
        pair: The sources.

    Returns:
        The metrics and the processor time in ms, float64
        `[algorithms, metrics + 1]`; the mean absolute differences between
        the algorithms' luminances within the head, grey levels, float64
        `[algorithms, algorithms]`.
    """
    a, b = _grey(pair.source_a), _grey(pair.source_b)
    rows, images = [], []
    for name in ALGORITHMS:
        start = time.process_time()
        image = _grey(fuse(pair.source_a, pair.source_b, name))
        milliseconds = 1000 * (time.process_time() - start)
        metrics = [metric(a, b, image) for metric in METRICS.values()]
        rows.append([*metrics, milliseconds])
        images.append(image[np.maximum(a, b) > _BACKGROUND])
    differences = [
        [np.abs(one - other).mean() for other in images] for one in images
    ]
    return np.array(rows), np.array(differences)


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    """Lay out a Markdown table, all columns but the first to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def main(argv: list[str]) -> None:
    """Print both tables."""
    del argv
    cv2.setNumThreads(1)
    entries = list_atlas_pairs(pathlib.Path(_MANUAL_DIR.value), _SIZE)
    entries = select_pairs(entries, _MAX_PAIRS.value)
    results = [measure_pair(entry.load()) for entry in entries]
    rows, differences = (np.mean(x, axis=0) for x in zip(*results, strict=True))
    digits = (3, 3, 3, 2, 1)
    head = ["Algorithm", *METRICS, "ms"]
    cells = [
        [f"{value:.{n}f}" for value, n in zip(row, digits, strict=True)]
        for row in rows
    ]
    lines = [[f"`{k}`", *row] for k, row in zip(ALGORITHMS, cells, strict=True)]
    print(f"Means over {len(entries)} pairs.\n")
    print(markdown_table(head, lines))
    print("\nMean absolute difference within the head, grey levels of 255.\n")
    numbers = [str(i + 1) for i in range(len(ALGORITHMS))]
    lines = [
        [f"{number} `{name}`", *(f"{value:.1f}" for value in row)]
        for number, name, row in zip(
            numbers, ALGORITHMS, differences, strict=True
        )
    ]
    print(markdown_table(["Algorithm", *numbers], lines))


def _grey(image: np.ndarray) -> np.ndarray:
    """Luminance rounded to grey levels, as the metrics' histograms need it."""
    return np.rint(luminance(image, "ycbcr") * 255)


def _edges(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sobel's edge strength and orientation in [-pi/2, pi/2]."""
    x, y = (
        cv2.Sobel(image, cv2.CV_32F, *order, borderType=cv2.BORDER_CONSTANT)
        for order in ((1, 0), (0, 1))
    )
    tangent = np.divide(y, x, out=np.full_like(x, np.inf), where=x != 0)
    return np.hypot(x, y), np.arctan(tangent)


def _entropy(counts: np.ndarray) -> float:
    """Shannon entropy of a histogram, in nats."""
    share = counts[counts > 0] / counts.sum()
    return float(-np.sum(share * np.log(share)))


if __name__ == "__main__":
    cli.run(main)
