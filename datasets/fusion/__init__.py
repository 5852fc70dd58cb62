"""Medical image fusion algorithms, one family a file.

Each algorithm is a pure function of two luminance images, float32
`[height, width]` in [0, 1], any size from 1 x 1 on. `fuse` adds the colour.
"""

from collections.abc import Callable

import numpy as np

from datasets.fusion import color
from datasets.fusion.convolutional_sparse import convolutional_sparse_fusion
from datasets.fusion.edge_preserving import cross_bilateral_fusion
from datasets.fusion.edge_preserving import guided_filter_fusion
from datasets.fusion.linear import pca
from datasets.fusion.linear import weighted_average
from datasets.fusion.pcnn import pcnn_fusion
from datasets.fusion.pyramid import contrast_pyramid
from datasets.fusion.pyramid import laplacian_pyramid
from datasets.fusion.wavelet import discrete_wavelet
from datasets.fusion.wavelet import stationary_wavelet
from g2npan_tf.core.errors import InputError

# The order is part of the data set: add at the end, never reorder.
ALGORITHMS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "average": weighted_average,
    "pca": pca,
    "laplacian_pyramid": laplacian_pyramid,
    "discrete_wavelet": discrete_wavelet,
    "contrast_pyramid": contrast_pyramid,
    "stationary_wavelet": stationary_wavelet,
    "guided_filter": guided_filter_fusion,
    "cross_bilateral": cross_bilateral_fusion,
    "convolutional_sparse": convolutional_sparse_fusion,
    "pcnn": pcnn_fusion,
}


def fuse(
    source_a: np.ndarray, source_b: np.ndarray, algorithm: str
) -> np.ndarray:
    """Fuse two co-registered images, uint8 RGB `[height, width, 3]`.

    The luminances are fused; the chroma of the coloured, functional image is
    kept, as the field does. Two grey sources give an exactly grey image.

    Choice: where both sources are coloured, the chroma is `source_a`'s.

    Raises:
        InputError: If a name is unknown, or a source's shape or dtype wrong.
    """
    if algorithm not in ALGORITHMS:
        known = ", ".join(ALGORITHMS)
        raise InputError(
            f"algorithm must be one of {known}. Received: {algorithm!r}"
        )
    check_sources(source_a, source_b)
    luminance_a = color.luminance(source_a)
    luminance_b = color.luminance(source_b)
    fused = ALGORITHMS[algorithm](luminance_a, luminance_b)
    if color.is_grey(source_a):
        return color.replace_luminance(source_b, luminance_b, fused)
    return color.replace_luminance(source_a, luminance_a, fused)


def check_sources(source_a: np.ndarray, source_b: np.ndarray) -> None:
    """Checks that two images are uint8 RGB of one shape, not empty.

    Raises:
        InputError: If they are not; it says which one and what it is.
    """
    for name, source in (("source_a", source_a), ("source_b", source_b)):
        if source.dtype != np.uint8:
            raise InputError(f"{name} must be uint8. Received: {source.dtype}")
        if source.ndim != 3 or source.shape[2] != 3 or not source.size:
            raise InputError(
                f"{name} must have shape [height, width, 3], not empty. "
                f"Received: {list(source.shape)}"
            )
    if source_a.shape != source_b.shape:
        raise InputError(
            "source_a and source_b must have one shape. Received: "
            f"{list(source_a.shape)} and {list(source_b.shape)}"
        )
