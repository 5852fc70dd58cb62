"""A data set, its protocols and its training batches."""
