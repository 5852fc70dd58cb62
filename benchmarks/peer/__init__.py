"""The same system in eager PyTorch: the yardstick of speed, and a check."""
