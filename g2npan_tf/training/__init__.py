"""One run: networks, checkpoints, callbacks, calibration."""
