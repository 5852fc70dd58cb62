"""Damaged slices for pretraining without scores."""
