"""Any data set: found, divided by a protocol, batched."""
