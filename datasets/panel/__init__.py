"""The simulated panel of readers and what it judges by."""
