"""Blind quality assessment of fused medical images (G2NPAN).

Nothing heavy is imported here: a workstation that only scores images must not
pay for TensorFlow.
"""

__version__ = "0.1.0"
