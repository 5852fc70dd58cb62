"""Values of any range become 8-bit grey: the rule where a file names none."""

import numpy as np

from g2npan_tf.core.errors import InputError

# Percentiles between which values are shown.
LOW = 0.5
HIGH = 99.5
SHARE = f"{LOW} % to {HIGH} %"
TABLE_NOTE = "table's own highest entry shown white"
_MOST_SAMPLES = 2**20
# One pixel in so many may lie above a range: single ones decide nothing.
OUTLIERS = 200
FULL_BITS = 16
# Bits that scanners deliver; less would be shown near black in 16.
USUAL_BITS = 12
UNUSED_BITS = FULL_BITS - USUAL_BITS


def shown_range(values: np.ndarray) -> tuple[float, float]:
    """Finds the range in which values without a stated one are shown.

    Choice: from the 0.5th to the 99.5th percentile of all finite values, as
        single pixels (metal, ringing) must not make the rest dark. Of more
        than 2^20 values as many are drawn, always the same ones.

    Returns:
        Lowest and highest shown value; (0, 0) if no value is finite.
    """
    values = values.reshape(-1)
    if values.size > _MOST_SAMPLES:
        generator = np.random.default_rng(0)
        values = values[generator.integers(0, values.size, _MOST_SAMPLES)]
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 0.0
    low, high = np.percentile(finite.astype(np.float64), (LOW, HIGH))
    return float(low), float(high)


def fraction_of_range(
    values: np.ndarray, low: float, high: float
) -> np.ndarray:
    """Maps low to 0 and high to 1; what is outside is cut off there.

    Everything is 0 if high is not above low, and NaN always; float32.
    """
    if not high > low:
        return np.zeros(values.shape, np.float32)
    shown = np.clip(values.astype(np.float64), low, high)
    fraction = (shown / 2 - low / 2) / (high / 2 - low / 2)
    return np.nan_to_num(fraction.astype(np.float32))


def to_grey(fraction: np.ndarray) -> np.ndarray:
    """Makes three equal 8-bit channels of `[height, width]`, 0..1."""
    grey = np.rint(fraction * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def white_of_table(highest: int, bits: int) -> int:
    """The entry of a look-up table that is shown white, at least 1.

    Choice: the highest that the bits allow, unless the table's own contradicts
        it: 8 or 12 bits in entries of 16 would all be shown near black, so its
        own highest entry is white then.

    Args:
        highest: Of all entries, of a colour table those of all colours.
        bits: Of an entry, as the file says.
    """
    full = 2**bits - 1
    is_low = bits > 8 and highest < 2 ** (bits - 2)
    return max(highest, 1) if is_low or highest > full else full


def fits(values: np.ndarray, bits: int) -> bool:
    """Whether those that are not 0, but a few, are below a power of two."""
    above = np.count_nonzero(values >= 2**bits)
    return bool(above * OUTLIERS <= np.count_nonzero(values))


def grey_depth(
    values: np.ndarray, declared: int | None, stated: int | None
) -> tuple[int, str]:
    """Finds how many bits 16-bit grey uses; values never decide it.

    Choice: the file's own statement counts, then the caller's, then 16. Where
        the picture contradicts, it is refused: nearly all of it above the
        caller's range, or, without a statement, in the lowest 16th of the full
        one. A PNG may state fewer bits than it uses, as its standard has
        writers scale them up; then 16.

    Args:
        values: Whole numbers, 0..65535.
        declared: Bits that the file itself states.
        stated: Bits that the caller states.

    Returns:
        The bits, and where they are from, for a note.
    """
    if declared:
        return (
            declared if fits(values, declared) else FULL_BITS
        ), " of the file"
    if stated:
        if not fits(values, stated):
            raise InputError(
                f"16-bit grey with values above {2**stated - 1}; expected "
                f"none, as --grey_bits={stated}"
            )
        return stated, " of --grey_bits"
    check_use(values)
    return FULL_BITS, ""


def is_near_black(values: np.ndarray, bits: int) -> bool:
    """Whether there is anything, but nearly all in the range's lowest 16th."""
    return bool(values.any()) and fits(values, bits - UNUSED_BITS)


def check_use(values: np.ndarray, lost: int = 0) -> None:
    """Refuses values that leave most of 16 bits unused, unless all are 0.

    Args:
        values: Whole numbers.
        lost: Lowest bits that they are without, as of colour.
    """
    if not is_near_black(values, FULL_BITS - lost):
        return
    bits = 8 if fits(values, 8 - lost) else USUAL_BITS
    highest = ((int(values[values < 2 ** (bits - lost)].max()) + 1) << lost) - 1
    cure = "the full range" if lost else f"the file's depth, --grey_bits={bits}"
    raise InputError(
        f"values up to {highest} in 16 bits; expected {cure}, or "
        "--grey_bits=16 for an image this dark"
    )
