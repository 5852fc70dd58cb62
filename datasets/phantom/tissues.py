"""The tissues of the phantom and what each of them shows in a modality."""

import enum

import numpy as np


class Tissue(enum.IntEnum):
    """Labels of the anatomy map; the order is that of `_CONTRAST`."""

    AIR = 0
    SKIN = 1
    FAT = 2
    MUSCLE = 3
    BONE = 4
    DIPLOE = 5
    DURA = 6
    CSF = 7
    GREY = 8
    WHITE = 9
    NUCLEUS = 10
    PALLIDUM = 11
    EYE = 12
    CALCIFICATION = 13
    VESSEL = 14
    TUMOUR = 15
    NECROSIS = 16
    OEDEMA = 17
    INFARCT = 18
    BLEED = 19
    RIM = 20
    STEM = 21


CHANNELS = ("T1", "T2", "CT", "PET", "SPECT")

# Rows: tissue. Columns: T1, T2 signal (1 = full scale); CT in Hounsfield
# units; FDG uptake and perfusion (1 = normal cortex).
# Choice: relative values of textbook contrast at 1.5 T, not a signal model.
_CONTRAST = np.array(
    [
        (0.00, 0.00, -1000, 0.00, 0.00),
        (0.45, 0.26, 40, 0.10, 0.14),
        (0.98, 0.42, -90, 0.04, 0.06),
        (0.34, 0.15, 55, 0.14, 0.16),
        (0.04, 0.02, 1250, 0.03, 0.04),
        (0.40, 0.16, 650, 0.08, 0.08),
        (0.30, 0.16, 58, 0.10, 0.14),
        (0.14, 0.93, 6, 0.05, 0.05),
        (0.50, 0.54, 37, 1.00, 1.00),
        (0.72, 0.37, 29, 0.30, 0.34),
        (0.57, 0.45, 36, 0.92, 0.90),
        (0.63, 0.30, 40, 0.80, 0.80),
        (0.18, 0.92, 12, 0.06, 0.06),
        (0.12, 0.08, 240, 0.15, 0.15),
        (0.12, 0.08, 55, 0.25, 0.30),
        (0.42, 0.66, 46, 1.55, 1.20),
        (0.22, 0.88, 14, 0.12, 0.10),
        (0.48, 0.74, 15, 0.22, 0.22),
        (0.34, 0.80, 14, 0.20, 0.18),
        (0.86, 0.18, 72, 0.06, 0.06),
        (0.96, 0.52, 62, 1.60, 1.25),
        (0.65, 0.43, 34, 0.60, 0.60),
    ],
    np.float32,
)


def contrast(labels: np.ndarray, channel: str) -> np.ndarray:
    """Looks up the undisturbed signal of every point.

    Args:
        labels: `Tissue` values. uint8 `[height, width]`.
        channel: One of `CHANNELS`.

    Returns:
        float32 `[height, width]`; signal, Hounsfield units or uptake.
    """
    return _CONTRAST[:, CHANNELS.index(channel)][labels]
