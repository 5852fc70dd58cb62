"""Table of the fusion algorithms by the established fusion metrics.

    python -m benchmarks.fusion_table --manual_dir=<Whole Brain Atlas folder>

prints Markdown: the metrics' means over the pairs of the data set, and how
far the algorithms' images are from each other.
"""

import pathlib
import time
from collections.abc import Callable

import cv2
import numpy as np
from absl import flags
from skimage.metrics import structural_similarity

from datasets.atlas import list_atlas_pairs
from datasets.atlas import select_pairs
from datasets.fusion import ALGORITHMS
from datasets.fusion import fuse
from datasets.fusion.color import luminance
from datasets.groups import SourcePair
from g2npan_tf.baselines import hossny
from g2npan_tf.baselines import oefp
from g2npan_tf.core import command

_SIZE = 128
# Luminance above which a pixel of either source counts as the head.
_BACKGROUND = 5


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    flags.DEFINE_string(
        "manual_dir",
        None,
        "Folder of the Whole Brain Atlas pairs.",
        required=True,
    )
    flags.DEFINE_integer(
        "max_pairs", 129, "Number of pairs, spread evenly over the cases."
    )


def mean_ssim(a: np.ndarray, b: np.ndarray, fused: np.ndarray) -> float:
    """Mean of the structural similarities to both sources.

    Source: Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image
    quality assessment: from error visibility to structural similarity", IEEE
    Transactions on Image Processing 13(4), 600-612, 2004.

    Args:
        a: Luminance of the first source. uint8 `[height, width]`, 0..255.
        b: Luminance of the second source. Same shape.
        fused: Luminance of the fused image. Same shape.

    Returns:
        Range [-1, 1]; higher is better.
    """
    similarities = [
        structural_similarity(
            source.astype(np.float32),
            fused.astype(np.float32),
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
        fused: Luminance of the fused image. uint8 `[height, width]`, 0..255.

    Returns:
        Grey levels; higher is richer in detail, noise or artefacts.
    """
    del a, b
    levels = fused.astype(np.float32)
    squares = [np.sum(np.diff(levels, axis=axis) ** 2) for axis in (0, 1)]
    return float(np.sqrt(sum(squares) / fused.size))


METRICS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], float]] = {
    "Q^AB/F": oefp,
    "Q_MI": hossny,
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
        head = image[np.maximum(a, b) > _BACKGROUND]
        images.append(head.astype(np.float32))
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
    entries = list_atlas_pairs(pathlib.Path(flags.FLAGS.manual_dir), _SIZE)
    entries = select_pairs(entries, flags.FLAGS.max_pairs)
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
    return np.rint(luminance(image, "ycbcr") * 255).astype(np.uint8)


if __name__ == "__main__":
    define_flags()
    command.run(main)
