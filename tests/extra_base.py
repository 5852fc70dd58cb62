"""A small TFDS base to train on beside that of `data_dir`, case by case."""

import numpy as np
import tensorflow_datasets as tfds

SIDE = 128
# The ten heads of `data_dir`, and one that is not there.
CASES = [f"phantom_{i:03}" for i in range(11)]
MODALITIES = ("CT-MRI", "PET-MRI", "SPECT-MRI")
PER_CASE = 3


def algorithm_of(place):
    """The first of a case's images has a name that `data_dir` has as well."""
    return f"random_{place}" if place % PER_CASE else "average"


def grey_of(place):
    return 5 + 7 * place


class ExtraBase(tfds.core.GeneratorBasedBuilder):
    """Flat images, of which the last of each case is the best."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        image = tfds.features.Image(shape=(SIDE, SIDE, 3))
        texts = ("pair_id", "case_id", "algorithm", "modality")
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": image,
                    "reference": image,
                    "mos": tfds.features.Scalar(np.float32),
                    **{name: tfds.features.Text() for name in texts},
                }
            ),
            metadata=tfds.core.MetadataDict({"scores": "simulated"}),
            # A place in the data set is the key.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {f"fold_{k}": self._generate_examples(k) for k in range(5)}

    def _generate_examples(self, fold):
        for case in range(len(CASES)):
            if case * 5 // len(CASES) != fold:
                continue
            best = PER_CASE * (case + 1) - 1
            for place in range(PER_CASE * case, best + 1):
                yield (
                    place,
                    {
                        "image": flat(place),
                        "reference": flat(best),
                        "mos": 1.0 + place % PER_CASE,
                        "pair_id": f"{CASES[case]}_pair",
                        "case_id": CASES[case],
                        "algorithm": algorithm_of(place),
                        "modality": MODALITIES[case % 3],
                    },
                )


def flat(place):
    return np.full((SIDE, SIDE, 3), grey_of(place), np.uint8)
