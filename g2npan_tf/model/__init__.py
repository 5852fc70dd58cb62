"""The paper: its networks, its losses (Eqs. 1 to 12), its training step."""
