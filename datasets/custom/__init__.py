"""The user's own images and scores: read, checked, listed."""
