"""Source pairs: what two modalities show of one slice of one case."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class SourcePair:
    """Two co-registered images of one slice, ready to be fused.

    Attributes:
        pair_id: Unique name of the pair, e.g. `PET-MRI_25_015`.
        case_id: Patient or subject; folds never split a case.
        modality: `CT-MRI`, `PET-MRI` or `SPECT-MRI`.
        source_a: Functional image or CT. uint8 `[height, width, 3]`, RGB;
            grey images have three equal channels.
        source_b: MR. uint8 `[height, width, 3]`, three equal channels.
    """

    pair_id: str
    case_id: str
    modality: str
    source_a: np.ndarray
    source_b: np.ndarray
