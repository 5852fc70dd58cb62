"""Pretrains G2NPAN on damaged slices that nobody has judged.

python pretrain.py --workdir=runs/pre --manual_dir=FOLDER_OF_PNG_SLICES
python train.py --workdir=runs/mine --data=... --init_from=runs/pre

A run of train.py with all its flags, but that --data is
fusion_quality/distortions unless it is given. Without --manual_dir the slices
are the built-in heads. The scores are a formula's, no reader's.
"""

import pathlib
import shlex
import sys

from absl import flags

import train
from g2npan_tf.core import command as cli
from g2npan_tf.core import config

DATA = "fusion_quality/distortions"


def main(argv: list[str]) -> int:
    """Trains as the flags say and returns the exit code."""
    settings = config.from_flags(data=DATA)
    code = train.run(settings, argv)
    if not code and settings.epochs:
        print(next_command(settings, pathlib.Path(flags.FLAGS.workdir)))
    return code


def next_command(settings: config.Config, workdir: pathlib.Path) -> str:
    """How a run on scored images starts from this one.

    Args:
        settings: Of this run.
        workdir: Its folder.

    Returns:
        One line; base and folder are to be filled in.
    """
    from g2npan_tf.training import start_weights

    command = [
        *(sys.orig_argv[0], "train.py", f"--init_from={workdir}"),
        *start_weights.flags_of_networks(settings),
    ]
    return f"train on:   {shlex.join(command)} --data=BASE --workdir=FOLDER"


if __name__ == "__main__":
    cli.run(main)
