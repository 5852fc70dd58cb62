"""Functional Keras models of the paper."""
