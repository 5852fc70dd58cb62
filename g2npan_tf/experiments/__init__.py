"""Experiments of many runs: cross-validation and the paper's tables."""
