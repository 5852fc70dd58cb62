r"""Scores the test part of a run, or another data set, and prints the figures.

python evaluate.py --workdir=runs/first
python evaluate.py --workdir=runs/first --data=fusion_quality/custom \
    --manual_dir=DIR
python evaluate.py --model=fusion --data=fusion_quality/phantom --output=figures
"""

from absl import flags

from g2npan_tf.core import command
from g2npan_tf.evaluation import command as evaluation

if __name__ == "__main__":
    evaluation.define_flags()
    flags.adopt_module_key_flags(evaluation)
    command.run(evaluation.main)
