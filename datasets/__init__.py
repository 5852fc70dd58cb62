"""TFDS builders, source pairs, fusion algorithms and simulated readers."""
