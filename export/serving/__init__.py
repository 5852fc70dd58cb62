"""TensorFlow Serving: signatures, statuses, transport, configuration."""
