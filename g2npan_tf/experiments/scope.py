r"""Counts what a run's scope says is outside, kind by kind.

    python -m g2npan_tf.experiments.scope --workdir=runs/first \
        --other=reader_study

The scope is fitted here to the run's training images, as training does it, so
runs from before there were scopes can be examined, too; no network is needed.
Given the folder of a cross-validation, all its runs are counted together. The
kinds are the run's own test part, the same inverted and recoloured, files that
packages ship, drawn pictures, images of --other data sets, and the test images
of each algorithm when the scope has seen none of its images.
"""

import collections
import pathlib
from collections.abc import Iterator
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

from absl import flags

from g2npan_tf.core import command
from g2npan_tf.core import config as config_module
from g2npan_tf.core import folds

if TYPE_CHECKING:
    import numpy as np

    from g2npan_tf.core.config import Config

# Of each kind, to bound the time.
MAX_IMAGES = 100


def define_flags() -> None:
    """Defines the flags; not at import, since commands share their names."""
    flags.DEFINE_string(
        "workdir", None, "Folder of a run, or output of cross_validate."
    )
    flags.DEFINE_list(
        "other", [], "Data sets beside the run's, by name, whose images count."
    )


def main(argv: list[str]) -> None:
    """Prints the table."""
    options = flags.FLAGS
    if not options.workdir or len(argv) > 1:
        command.fail("expected --workdir=FOLDER of a run, and nothing else")
    workdir = pathlib.Path(options.workdir)
    runs = (
        [(fold.config, fold.facts) for fold in folds.finished(workdir)]
        if folds.is_cross_validation(workdir)
        else [config_module.load(workdir / "config.json")]
    )
    config_module.expect_test_part(runs[0][0], "expected another run")
    print("| kind | images | outside |\n|---|---|---|")
    counted: dict[str, list[bool]] = collections.defaultdict(list)
    for config, facts in runs:
        with command.quiet_stderr():
            for kind, is_outside in examine(config, facts, options.other):
                counted[kind] += is_outside.tolist()
    for kind, found in counted.items():
        share = sum(found) / len(found)
        print(f"| {kind} | {len(found)} | {sum(found)} ({share:.1%}) |")


def examine(
    config: "Config", facts: dict[str, Any], others: Sequence[str]
) -> "Iterator[tuple[str, np.ndarray]]":
    """Which images of each kind are outside a run's scope.

    Yields:
        Kind, and bool `[n]`; a kind may come several times.
    """
    import numpy as np

    from g2npan_tf.data import base
    from g2npan_tf.experiments import foreign
    from g2npan_tf.model.scope import PERCENTS
    from g2npan_tf.scoring.assessor import is_outside
    from g2npan_tf.training import scope

    builder = base.reopen(config, facts)
    trained = scope.sample(
        base.training_sources(builder, base.reopen_extra(config, facts), config)
    )
    whole = scope.fit(trained.numbers, trained.cases)

    def judged(numbers: np.ndarray, known: scope.Scope = whole) -> np.ndarray:
        far = scope.distances(numbers, known.kernel, known.offset)
        return is_outside(np.interp(far, known.knots, PERCENTS))

    yield "training part", judged(trained.numbers)
    test = base.read(builder, base.divide(builder, config).test)
    numbers = scope.summaries(test["image"])
    yield "test part", judged(numbers)
    for name in np.unique(test["modality"]):
        yield f"test part, {name}", judged(numbers[test["modality"] == name])
    for name in np.unique(test["algorithm"]):
        left = trained.algorithms != name
        known = scope.fit(trained.numbers[left], trained.cases[left])
        rows = test["algorithm"] == name
        is_out = judged(numbers[rows], known)
        yield "test part, by an algorithm that did not train", is_out
    size = test["image"].shape[1]
    some = np.random.default_rng(0).permutation(len(test["image"]))[:MAX_IMAGES]
    kinds = foreign.changed(test["image"][some]) | foreign.packaged(size)
    kinds |= foreign.drawn(size)
    for name in others:
        kinds |= _of_other(name, config, size)
    for kind, images in kinds.items():
        yield kind, judged(scope.summaries(images))


def _of_other(
    name: str, config: "Config", size: int
) -> "dict[str, np.ndarray]":
    """Images of another data set by kind, resized to the run's size."""
    import dataclasses

    import numpy as np

    from g2npan_tf.data import base
    from g2npan_tf.images.read import resize

    builder = base.open_base(dataclasses.replace(config, data=name))
    rows = base.judged(builder)
    kinds = {}
    for modality in np.unique(rows["modality"]):
        places = rows["index"][rows["modality"] == modality]
        found = base.read_some([base.Source(builder, places)], MAX_IMAGES)
        images = [resize(image, size) for image in found["image"]]
        kinds[f"{name}, {modality}"] = np.stack(images)
    return kinds


if __name__ == "__main__":
    define_flags()
    command.run(main)
