"""Evaluation protocols: which images train, choose the epoch, and test."""

import dataclasses

import numpy as np

from g2npan_tf.core.config import ALL
from g2npan_tf.core.config import BOTH
from g2npan_tf.core.config import NO_TEST
from g2npan_tf.core.config import NUM_FOLDS
from g2npan_tf.core.config import Config
from g2npan_tf.core.config import num_parts
from g2npan_tf.core.errors import InputError


@dataclasses.dataclass(frozen=True)
class Rows:
    """What a protocol looks at, one row an image that readers judged.

    Attributes:
        index: Place in the data set. int64 `[n]`.
        fold: Fold of the data set. int64 `[n]`, 0..4.
        pair_id: Source images; images of one are of one case. Text `[n]`.
        case_id: Patient; never split by `group`. Text `[n]`.
        algorithm: Text `[n]`.
        modality: Text `[n]`.
    """

    index: np.ndarray
    fold: np.ndarray
    pair_id: np.ndarray
    case_id: np.ndarray
    algorithm: np.ndarray
    modality: np.ndarray


@dataclasses.dataclass(frozen=True)
class Parts:
    """Which images do what, by their place in the data set, each sorted.

    Attributes:
        train: The networks learn from them. int64 `[n]`.
        validation: They choose the best epoch; equal to `test` in `image`.
        test: The figures are made from them.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Images whose scores a method may use: all but the test part's."""
        seen = np.union1d(self.train, self.validation)
        return np.setdiff1d(seen, self.test)


def divide(rows: Rows, config: Config) -> Parts:
    """Divides the images of a data set as the protocol says.

    Section: 4.1.3 (five folds, 80/20), 4.3 (ratios 2:8 to 8:2).

    * `group`: the test part is fold `fold` of the data set, which splits no
      case.
    * `image`: the paper's: a fifth of the images, drawn with one seed; pairs
      are split, and the best epoch is chosen on the test part. Optimistic.
    * `leave_algorithm_out`: the test part is all images of the algorithms
      `fold`, `fold` + 5, ... in alphabetical order.
    * `leave_both_out`: the test part is a fold's images of left-out algorithms;
      neither other images of these cases nor of these algorithms are in any
      part. Parts 0 to 4 take the fold and the algorithms of the same number,
      0 to 24 every combination once. Where one case holds a whole modality,
      the parts of its fold test a modality that training lacks.
    * `leave_modality_out`: likewise all images of the modality number `fold`.
    * `ratio`: `train_share` of the cases of each modality train, drawn with
      `fold` as seed; the others test. What tests at one share tests at every
      smaller one too, so that Table 3's rows can be compared on it.
    * `all`: every image trains; nothing chooses or tests.

    With `train_algorithms` the images of only so many algorithms are left in
    training and validation part, drawn with `fold` as seed; those of a smaller
    number are among those of a larger one, and the test part stays.

    Choice: but for `image`, the epoch is chosen on cases of the training part:
    `validation_share` of each modality's, at least one where there are three,
    drawn with the fold's number as seed; so all seeds of a run choose on the
    same cases.

    Choice: what `leave_algorithm_out` leaves out shares its cases with the
    training part; the trivial baseline `pair_mean` shows what that is worth.
    Where groups are split (so, by `leave_both_out` and by `image`), a training
    image's reference is the best of its group among the training images: no
    image of another part trains as a reference (see
    `batches.training_batches`).

    Args:
        rows: All judged images of the data set.
        config: `protocol`, `fold`, `train_share`, `train_algorithms` and
            `validation_share` are used.

    Raises:
        InputError: If training or test would have no image, or training has
            fewer algorithms.
    """
    none = np.zeros(0, np.int64)
    if config.protocol == ALL:
        return Parts(train=np.sort(rows.index), validation=none, test=none)
    is_test = _is_test(rows, config)
    is_seen = ~is_test
    if config.protocol == BOTH:
        is_seen = ~np.logical_or(*_fold_and_algorithms(rows, config))
    if not is_test.any() or not is_seen.any():
        raise InputError(
            f"--protocol={config.protocol} --fold={config.fold}: no image is "
            f"left to {'train' if is_test.any() else 'test'}; the data set "
            f"has {len(set(rows.algorithm))} algorithms, "
            f"{len(set(rows.modality))} modalities and "
            f"{len(set(rows.case_id))} cases"
        )
    if config.train_algorithms:
        is_seen &= _is_of_drawn_algorithms(rows, is_seen, config)
    if config.protocol == "image":
        is_validation = is_test
    else:
        chosen = _draw_cases(
            rows, is_seen, config.validation_share, config.fold
        )
        is_validation = is_seen & np.isin(rows.case_id, chosen)
    return Parts(
        train=rows.index[is_seen & ~is_validation],
        validation=rows.index[is_validation],
        test=rows.index[is_test],
    )


def may_train_too(
    extra: Rows, rows: Rows, parts: Parts, config: Config
) -> np.ndarray:
    """Chooses which images of a further data set may train beside a part.

    Dropped is what would tell of something that is held out:

    * every image of a case or pair that tests or validates and does not train:
      two versions of one study may divide its pairs into other cases. Where a
      case does both (`leave_algorithm_out`, `image`), its other images train
      anyway, and a further one tells no more than they do;
    * where algorithms are left out, every image by one that the divided data
      set has and that does not train;
    * where a modality is left out, every image of it, also of cases that the
      data set does not have;
    * under `image`, every image that some algorithm made of a case or pair of
      which an image by the same algorithm tests: it may be the very same one.

    Choice: cases, pairs and algorithms are the same if their names are,
    whatever the data sets' names. A variant of a left-out algorithm under
    another name trains.

    Args:
        extra: All judged images of the further data set.
        rows: Those of the data set that is divided.
        parts: From `divide`.
        config: `protocol` is used.

    Returns:
        Their places in the further data set. int64 `[n]`, sorted.
    """
    train, test, held = (
        np.isin(rows.index, part)
        for part in (
            parts.train,
            parts.test,
            np.union1d(parts.test, parts.validation),
        )
    )
    is_held = np.zeros(len(extra.index), bool)
    for column in ("case_id", "pair_id"):
        names = getattr(rows, column)
        held_names = np.setdiff1d(names[held], names[train])
        is_held |= np.isin(getattr(extra, column), held_names)
        if config.protocol == "image":
            made = _made(rows, column)[test]
            is_held |= np.isin(_made(extra, column), made)
    if config.leaves_algorithms_out:
        names = np.setdiff1d(rows.algorithm, rows.algorithm[train])
        is_held |= np.isin(extra.algorithm, names)
    elif config.protocol == "leave_modality_out":
        is_held |= np.isin(extra.modality, rows.modality[test])
    return extra.index[~is_held]


def _made(rows: Rows, column: str) -> np.ndarray:
    """Case or pair, and algorithm of each image as one text, `[n]`."""
    return np.char.add(np.char.add(getattr(rows, column), "\n"), rows.algorithm)


def describe(config: Config) -> str:
    """The protocol in words, as every figure needs it beside it."""
    fold = f"part {config.fold} of {num_parts(config.protocol)}"
    if config.train_algorithms:
        fold += f", {config.train_algorithms} of the other algorithms train"
    return {
        "group": f"group (by case), test fold {config.fold} of {NUM_FOLDS}",
        "image": f"image (OPTIMISTIC: pairs are split and the epoch is chosen "
        f"on the test part), {fold}",
        "leave_algorithm_out": f"leave_algorithm_out, {fold}",
        BOTH: f"{BOTH}, {fold}",
        "leave_modality_out": f"leave_modality_out, modality {config.fold}",
        "ratio": f"ratio, {config.train_share:.0%} of the cases train, "
        f"draw {config.fold}",
        ALL: f"{ALL}, {NO_TEST}",
    }[config.protocol]


def left_out(config: Config) -> str:
    """Likewise of a model: what it has not seen."""
    words = describe(config)
    return words if config.protocol == ALL else f"{words} left out"


def _is_test(rows: Rows, config: Config) -> np.ndarray:
    """Which images the protocol tests, bool `[n]`."""
    match config.protocol:
        case "group":
            return rows.fold == config.fold
        case "image":
            # One seed, so that the five parts are disjoint.
            place = np.random.default_rng(0).permutation(len(rows.index))
            return place % NUM_FOLDS == config.fold
        case "leave_algorithm_out":
            return _is_of_algorithms(rows, config.fold)
        case "leave_modality_out":
            wanted = np.unique(rows.modality)[config.fold : config.fold + 1]
            return np.isin(rows.modality, wanted)
        case "ratio":
            return _is_left_by_draw(rows, config)
    return np.logical_and(*_fold_and_algorithms(rows, config))


def _draw_cases(
    rows: Rows, among: np.ndarray, share: float, seed: int
) -> list[str]:
    """A share of each modality's cases, one at least of three or more."""
    rng = np.random.default_rng(seed)
    chosen: list[str] = []
    for names in _cases_by_modality(rows, among):
        count = round(share * len(names))
        if share and len(names) >= 3:
            count = max(1, count)
        chosen += rng.choice(names, count, replace=False).tolist()
    return chosen


def _cases_by_modality(rows: Rows, among: np.ndarray) -> list[list[str]]:
    """Names of the cases of each modality, all in alphabetical order."""
    modality = dict(zip(rows.case_id[among], rows.modality[among], strict=True))
    return [
        sorted(case for case in modality if modality[case] == wanted)
        for wanted in sorted(set(modality.values()))
    ]


def _fold_and_algorithms(
    rows: Rows, config: Config
) -> tuple[np.ndarray, np.ndarray]:
    """Which images are of a part's fold, and which of its algorithms.

    The first five parts are the diagonal of folds and algorithms, each next
    five the diagonal beside it.
    """
    shift, fold = divmod(config.fold, NUM_FOLDS)
    algorithms = _is_of_algorithms(rows, (fold + shift) % NUM_FOLDS)
    return rows.fold == fold, algorithms


def _is_of_algorithms(rows: Rows, number: int) -> np.ndarray:
    """Every fifth algorithm, from a number on."""
    return np.isin(rows.algorithm, np.unique(rows.algorithm)[number::NUM_FOLDS])


def _is_of_drawn_algorithms(
    rows: Rows, among: np.ndarray, config: Config
) -> np.ndarray:
    """Of the first algorithms of an order that is drawn of some images'."""
    names = np.unique(rows.algorithm[among])
    if config.train_algorithms > len(names):
        raise InputError(
            f"--train_algorithms={config.train_algorithms}: "
            f"{len(names)} are not left out by --protocol={config.protocol} "
            f"--fold={config.fold}; expected so many at most"
        )
    order = np.random.default_rng(config.fold).permutation(names)
    return np.isin(rows.algorithm, order[: config.train_algorithms])


def _is_left_by_draw(rows: Rows, config: Config) -> np.ndarray:
    """Of the cases that the draw of a ratio leaves: the last of an order."""
    rng = np.random.default_rng(config.fold)
    drawn: list[str] = []
    for names in _cases_by_modality(rows, np.ones(len(rows.index), bool)):
        # One case trains at least where there are two.
        count = max(len(names) > 1, round(config.train_share * len(names)))
        drawn += rng.permutation(names)[:count].tolist()
    return ~np.isin(rows.case_id, drawn)
