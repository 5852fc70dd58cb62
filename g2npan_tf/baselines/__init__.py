"""The methods that Table 1 compares G2NPAN with, each usable alone.

`python -m g2npan_tf.baselines.run` measures a data set with one of them;
docs/baselines.md compares what they need and what they give.
"""

from g2npan_tf.baselines.bmpri import bmpri_features
from g2npan_tf.baselines.bmpri import fit_bmpri
from g2npan_tf.baselines.hossny import hossny
from g2npan_tf.baselines.oefp import oefp
from g2npan_tf.baselines.rsfe import rsfe
from g2npan_tf.baselines.tang import tang
from g2npan_tf.baselines.tsallis import tsallis

__all__ = [
    "bmpri_features",
    "fit_bmpri",
    "hossny",
    "oefp",
    "rsfe",
    "tang",
    "tsallis",
]
