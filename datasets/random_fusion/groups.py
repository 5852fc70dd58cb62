"""Groups of images of one pair, each by a random algorithm of its own."""

import dataclasses
import hashlib
import zlib
from collections.abc import Iterable

import numpy as np

from datasets.groups import Entry
from datasets.groups import Examples
from datasets.groups import SourcePair
from datasets.panel.examples import graded_examples
from datasets.random_fusion import algorithm
from datasets.random_fusion.sources import alter

# Number of the first head; those of config `phantom` begin at 0, those of
# `distortions` at 600,000. A multiple of 6, as there.
FIRST_HEAD = 1_200_000


@dataclasses.dataclass(frozen=True)
class RandomGroup:
    """A pair, the number of its images, and the data set's seed."""

    source: Entry[SourcePair]
    count: int
    seed: int
    is_altered: bool  # Whether the sources are altered (`sources.alter`).

    @property
    def pair_id(self) -> str:
        """Name of the pair, as in other configs unless it is altered."""
        return self.source.pair_id + ("_altered" if self.is_altered else "")

    @property
    def case_id(self) -> str:
        """Patient or phantom, as in other configs."""
        return self.source.case_id

    @property
    def modality(self) -> str:
        """What is shown."""
        return self.source.modality


def make_groups(
    entries: Iterable[Entry[SourcePair]],
    per_pair: int,
    per_altered: int,
    seed: int,
) -> list[RandomGroup]:
    """Names one group of each pair, and one of the pair altered."""
    counts = {False: per_pair, True: per_altered}
    return [
        RandomGroup(entry, count, seed, is_altered)
        for entry in entries
        for is_altered, count in counts.items()
        if count
    ]


def random_examples(group: RandomGroup) -> Examples:
    """Fuses a pair by algorithms of its own; the panel grades the results.

    Choice: an algorithm depends on the pair's name, the seed and its own
    number, not on how many there are.
    Choice: the reference is the best of the pair's random images; no image by
    a named algorithm is seen.

    Yields:
        Key `<pair>/<algorithm>` and the example's features; images are PNG.
    """
    pair = group.source.load()
    words = [group.seed, zlib.crc32(group.pair_id.encode())]
    if group.is_altered:
        pair = alter(pair, np.random.default_rng(words))
    images = {}
    for number in range(group.count):
        drawn = algorithm.draw(np.random.default_rng([*words, number]))
        name = _unique_name(group, number)
        images[name] = algorithm.apply(drawn, pair.source_a, pair.source_b)
    texts = {
        "pair_id": group.pair_id,
        "case_id": group.case_id,
        "modality": group.modality,
    }
    yield from graded_examples(pair, images, texts)


def _unique_name(group: RandomGroup, number: int) -> str:
    """Names an algorithm; 48 bits of a hash are enough for a data set."""
    text = f"{group.seed}/{group.pair_id}/{number}"
    return f"random_{hashlib.sha256(text.encode()).hexdigest()[:12]}"
