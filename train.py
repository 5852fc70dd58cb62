"""Trains G2NPAN, from scratch or where a run stopped.

python train.py --workdir=runs/first --data=fusion_quality/phantom
python train.py --workdir=runs/pre --data=fusion_quality/distortions
python train.py --workdir=runs/mine --data=... --init_from=runs/pre

The second line pretrains on damaged slices that nobody has judged: drawn heads,
or the PNG slices in --manual_dir. Its scores are a formula's, no reader's.
"""

from absl import flags

from g2npan_tf.core import command
from g2npan_tf.training import command as training

if __name__ == "__main__":
    training.define_flags()
    flags.adopt_module_key_flags(training)
    command.run(training.main)
