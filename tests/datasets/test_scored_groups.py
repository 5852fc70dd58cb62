"""Groups of scored images become examples."""

import collections
import pathlib

import cv2
import numpy as np

from datasets import scored_groups
from datasets.scored_groups import ScoredGroup
from datasets.scored_groups import ScoredImage

PIXELS = {
    name: np.full((4, 4, 3), i, np.uint8) for i, name in enumerate("abcde")
}


def decode(data):
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    return image


def group_of(reads, reference="", sources=None):
    def read(path):
        reads.append(path.name)
        return PIXELS[path.name]

    images = tuple(
        ScoredImage(name, pathlib.Path(name), f"by_{name}", mos, {"extra": mos})
        for name, mos in (("a", 2.0), ("b", 4.0), ("c", 3.0))
    )
    return ScoredGroup(
        "pair", "case", "CT-MRI", images, reference, read, sources
    )


def test_examples_hold_pixels_scores_and_names():
    examples = dict(scored_groups.scored_examples(group_of([])))
    assert list(examples) == ["a", "b", "c"]
    example = examples["c"]
    np.testing.assert_array_equal(decode(example["image"]), PIXELS["c"])
    np.testing.assert_array_equal(decode(example["reference"]), PIXELS["b"])
    assert example["mos"] == example["extra"] == 3.0
    assert example["algorithm"] == "by_c"
    assert example["pair_id"] == "pair"
    assert example["case_id"] == "case"
    assert example["modality"] == "CT-MRI"
    assert "sources" not in example


def test_a_named_reference_goes_before_the_best_mos():
    examples = dict(scored_groups.scored_examples(group_of([], "a")))
    np.testing.assert_array_equal(
        decode(examples["c"]["reference"]), PIXELS["a"]
    )


def test_sources_are_in_every_example():
    group = group_of([], sources=(pathlib.Path("d"), pathlib.Path("e")))
    for _, example in scored_groups.scored_examples(group):
        first, second = map(decode, example["sources"])
        np.testing.assert_array_equal(first, PIXELS["d"])
        np.testing.assert_array_equal(second, PIXELS["e"])


def test_images_are_read_one_at_a_time():
    reads = []
    examples = scored_groups.scored_examples(group_of(reads))
    assert reads == []
    next(examples)
    assert reads == ["b", "a"]


def test_colours_survive_the_encoding():
    image = np.zeros((2, 2, 3), np.uint8)
    image[..., 0] = 200
    np.testing.assert_array_equal(decode(scored_groups.encode(image)), image)


def test_single_best_image_is_the_reference():
    mos = {"a": 2.0, "b": 4.0, "c": 3.5}
    assert scored_groups.best_of_group(mos, "g") == "b"


def test_ties_favour_no_image_and_are_broken_alike_each_time():
    mos = {"a": 4.0, "b": 1.0, "c": 4.0, "d": 4.0}
    best = scored_groups.best_of_group
    chosen = [best(mos, f"pair_{i}") for i in range(600)]
    assert chosen == [best(mos, f"pair_{i}") for i in range(600)]
    counts = collections.Counter(chosen)
    assert set(counts) == {"a", "c", "d"}
    # Six standard deviations of a binomial of 600 draws at 1/3.
    assert all(abs(count - 200) < 6 * 11.6 for count in counts.values())
