"""Fusion algorithms drawn at random, no two of them the same."""
