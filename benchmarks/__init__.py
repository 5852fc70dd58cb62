"""What the speed and memory figures are made with."""
