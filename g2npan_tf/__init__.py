"""Blind quality assessment of fused medical images (G2NPAN).

Nothing heavy is imported here: a workstation that only scores images must not
pay for TensorFlow.
"""

from typing import Any

__version__ = "0.1.0"
__all__ = ["Assessment", "Assessor", "__version__"]


def __getattr__(name: str) -> Any:
    """Loads the Python API when it is first asked for."""
    if name in ("Assessment", "Assessor"):
        from g2npan_tf.scoring import assessor

        return getattr(assessor, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
