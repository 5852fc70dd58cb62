"""Examples of fused images, graded by the simulated panel."""

from collections.abc import Mapping

import numpy as np

from datasets.groups import Examples
from datasets.groups import SourcePair
from datasets.groups import best_of_group
from datasets.groups import encode
from datasets.panel import readers


def graded_examples(
    pair: SourcePair, images: Mapping[str, np.ndarray], texts: Mapping[str, str]
) -> Examples:
    """Lets the panel grade a group's images; the best is its reference.

    Args:
        pair: What was fused.
        images: Name of an algorithm -> its image, uint8 `[h, w, 3]`, RGB.
        texts: Features of the whole group: `pair_id`, `case_id`, `modality`.

    Yields:
        Key `<pair>/<algorithm>` and the example's features; images are PNG.
    """
    pair_id = texts["pair_id"]
    keys = {name: f"{pair_id}/{name}" for name in images}
    grades = {
        name: readers.grade(
            pair.source_a, pair.source_b, image, seed_key=keys[name]
        )
        for name, image in images.items()
    }
    mos = {name: readers.mos(grades[name]) for name in images}
    # The same in the whole group: encoded once.
    shared = {
        "reference": encode(images[best_of_group(mos, pair_id)]),
        "source_a": encode(pair.source_a),
        "source_b": encode(pair.source_b),
        **texts,
    }
    for name, image in images.items():
        yield (
            keys[name],
            {
                "image": encode(image),
                "mos": mos[name],
                "grades": grades[name],
                "algorithm": name,
                **shared,
            },
        )
