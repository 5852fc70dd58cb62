"""A small TFDS base of images that are scored by tiles, with anchors."""

import numpy as np
import tensorflow_datasets as tfds

SIDE = 256
CASES = 10


class TiledBase(tfds.core.GeneratorBasedBuilder):
    """Ten cases of three smooth images, the first of each an anchor."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        image = tfds.features.Image(shape=(SIDE, SIDE, 3))
        texts = ("pair_id", "case_id", "algorithm", "modality")
        features = {
            "image": image,
            "reference": image,
            "mos": tfds.features.Scalar(np.float32),
            "is_anchor": tfds.features.Scalar(np.bool_),
            **{name: tfds.features.Text() for name in texts},
        }
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(features),
            metadata=tfds.core.MetadataDict(
                {"sampling": "tiles", "scores": "made up"}
            ),
        )

    def _split_generators(self, dl_manager):
        return {
            f"fold_{fold}": self._generate_examples(fold) for fold in range(5)
        }

    def _generate_examples(self, fold):
        ramp = np.arange(SIDE, dtype=np.uint8)
        for case in range(fold, CASES, 5):
            # Position in red and green, version in blue.
            pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
            pixels[..., 0], pixels[..., 1] = ramp[:, None], ramp[None]
            for version in range(3):
                image = pixels.copy()
                image[..., 2] = 10 * case + version
                yield (
                    f"{case}/{version}",
                    {
                        "image": image,
                        "reference": pixels,
                        "mos": 1.0 + version,
                        "is_anchor": version == 0,
                        "pair_id": f"p{case}",
                        "case_id": f"c{case}",
                        "algorithm": f"a{version}",
                        "modality": "CT",
                    },
                )
