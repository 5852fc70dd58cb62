"""One run: settings become networks, checkpoints, callbacks, calibration."""
