"""The fusion quality data set: README.md says what is in it."""

import pathlib
import sys

# `tfds build` imports this folder as a top-level package, without the
# project's root on the path and with a stand-in for Hugging Face's package of
# the name `datasets`. The builder needs ours.
if __name__ != "datasets.fusion_quality":
    sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
    sys.modules.pop("datasets", None)
