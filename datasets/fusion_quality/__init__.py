"""The fusion quality data base: README.md says what is in it."""

import pathlib
import sys

# `tfds build` imports this folder as a top-level package of its own; the
# builder's imports need the project's root then.
if __name__ != "datasets.fusion_quality":
    sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
