"""Scores and images of one's own: read, checked, listed."""
