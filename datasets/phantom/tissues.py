"""The tissues of the phantom and what each of them shows in a modality."""

import enum

import numpy as np


class Tissue(enum.IntEnum):
    """Labels of the tissue map."""

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

# Columns: T1 and T2 signal (1 = full scale); CT in Hounsfield units; FDG
# uptake and perfusion (1 = normal cortex).
# Choice: relative values of textbook contrast at 1.5 T, not a signal model.
_CONTRAST = {
    Tissue.AIR: (0.00, 0.00, -1000, 0.00, 0.00),
    Tissue.SKIN: (0.45, 0.26, 40, 0.10, 0.14),
    Tissue.FAT: (0.98, 0.42, -90, 0.04, 0.06),
    Tissue.MUSCLE: (0.34, 0.15, 55, 0.14, 0.16),
    Tissue.BONE: (0.04, 0.02, 1250, 0.03, 0.04),
    Tissue.DIPLOE: (0.40, 0.16, 650, 0.08, 0.08),
    Tissue.DURA: (0.30, 0.16, 58, 0.10, 0.14),
    Tissue.CSF: (0.14, 0.93, 6, 0.05, 0.05),
    Tissue.GREY: (0.50, 0.54, 37, 1.00, 1.00),
    Tissue.WHITE: (0.72, 0.37, 29, 0.30, 0.34),
    Tissue.NUCLEUS: (0.57, 0.45, 36, 0.92, 0.90),
    Tissue.PALLIDUM: (0.63, 0.30, 40, 0.80, 0.80),
    Tissue.EYE: (0.18, 0.92, 12, 0.06, 0.06),
    Tissue.CALCIFICATION: (0.12, 0.08, 240, 0.15, 0.15),
    Tissue.VESSEL: (0.12, 0.08, 55, 0.25, 0.30),
    Tissue.TUMOUR: (0.42, 0.66, 46, 1.55, 1.20),
    Tissue.NECROSIS: (0.22, 0.88, 14, 0.12, 0.10),
    Tissue.OEDEMA: (0.48, 0.74, 15, 0.22, 0.22),
    Tissue.INFARCT: (0.34, 0.80, 14, 0.20, 0.18),
    Tissue.BLEED: (0.86, 0.18, 72, 0.06, 0.06),
    Tissue.RIM: (0.96, 0.52, 62, 1.60, 1.25),
    Tissue.STEM: (0.65, 0.43, 34, 0.60, 0.60),
}
_TABLE = np.array([_CONTRAST[tissue] for tissue in Tissue], np.float32)


def contrast(labels: np.ndarray, channel: str) -> np.ndarray:
    """Undisturbed signal, Hounsfield units or uptake of every point."""
    return _TABLE[:, CHANNELS.index(channel)][labels]
