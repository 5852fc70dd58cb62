"""Puts a scorer that was trained on every image into the package.

python train.py --workdir=runs/all --protocol=all --like=runs/cv
python -m export.shipped --workdir=runs/all --name=fusion

writes fusion.tflite, fusion.json (the card) and fusion.parity.json to
g2npan_tf/scoring/models, where Assessor.load finds them by name. The card has
the figures of the cross-validation, the commands that make the model again and
the scores that scorer.keras gives the images in docs/samples; every artefact
on every machine must agree with these within .01 MOS.
"""

import functools
import json
import math
import pathlib
import shlex
import tempfile
from typing import TYPE_CHECKING
from typing import Any

from absl import flags

from export import command
from export import parity
from export import tflite
from g2npan_tf.core import command as cli
from g2npan_tf.core import config_flags
from g2npan_tf.core import presets
from g2npan_tf.core.config import METHOD
from g2npan_tf.core.config import Config
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.outputs import CROSS_VALIDATION
from g2npan_tf.evaluation.results import ALGORITHM_MEAN
from g2npan_tf.evaluation.results import Agreement
from g2npan_tf.evaluation.results import CrossValidation
from g2npan_tf.evaluation.results import Facts
from g2npan_tf.evaluation.results import read
from g2npan_tf.images.paths import find_images
from g2npan_tf.images.read import load_image
from g2npan_tf.scoring import model_facts
from g2npan_tf.scoring import shipped
from g2npan_tf.scoring.assessor import Assessor

if TYPE_CHECKING:
    from export.finished_run import FinishedRun
    from export.finished_run import Probe

SAMPLES = pathlib.Path(__file__).parents[1] / "docs" / "samples"
# How far a sample's score may be from the expected one, in MOS.
TOLERANCE = 0.01
# Choice: a wheel with both models stays below 4 MB.
MAX_BYTES = 10**6
# What no run knows about itself.
WORDS = {
    "fusion": {
        "for": "fused CT-MR, PET-MR and SPECT-MR slices of the brain",
        "not_for": "clinical decisions; choosing between fusion algorithms by "
        "this score alone; other organs, modalities and colour maps",
        "licences": "weights: Apache-2.0; images of the Whole Brain Atlas "
        "(K. A. Johnson, J. A. Becker): no licence stated, used for research "
        "with attribution, none is in the package; drawn heads, random fusions "
        "and simulated scores: of this project, Apache-2.0",
    },
    "ct": {
        "for": "denoised low-dose CT slices of brain and abdomen",
        "not_for": "clinical decisions; choosing between denoising methods by "
        "this score alone; fused images and other modalities; other organs "
        "(SRCC .11 for the abdomen from brains alone, docs/results.md)",
        "licences": "weights: Apache-2.0; images and scores (reader study of "
        "babbu3682/MTD-GAN): MIT, none is in the package",
    },
}
# Flags that are up to whoever repeats the training, or are given elsewhere.
_OWN = {"data_dir", "manual_dir", "fold", "seed", "like", "distribute"}


def export(
    run: "FinishedRun",
    probe: "Probe",
    output: pathlib.Path,
    name: str,
    *,
    workdir: pathlib.Path,
) -> command.Exported:
    """Writes a model that ships and its card, or nothing.

    Args:
        run: Trained with `--protocol=all --like=...`.
        probe: As for `tflite.export`.
        output: Folder; earlier files of this name are replaced.
        name: A key of `WORDS`.
        workdir: Of the run.

    Raises:
        ParityError: If the file differs from the scorer, also on a sample.
        InputError: If it is larger than `MAX_BYTES`.
        OSError: If the folder cannot be written.
    """
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=output) as aside:
        # Choice: float32. Such models are small anyway and match scorer.keras
        # to 3e-5 MOS; float16 shifts a model with a spectrum by .008.
        made = tflite.export(run, probe, pathlib.Path(aside), name)
        if (size := made.path.stat().st_size) > MAX_BYTES:
            raise InputError(
                f"{workdir}: a model of {size:,} bytes; expected at most "
                f"{MAX_BYTES:,}"
            )
        side_file = made.path.with_suffix(".json")
        card = json.loads(side_file.read_text())
        card[shipped.SHIPPED] = _card(run.facts, name, workdir)
        _check(made.path, card[shipped.SHIPPED]["expected"])
        side_file.write_text(json.dumps(card, indent=2) + "\n")
        tflite.move(made.path, output)
    return command.Exported(output / made.path.name, made.differences)


def scores(model: pathlib.Path) -> dict[str, float]:
    """MOS of each sample image by its file's name."""
    paths = find_images([str(SAMPLES)]).paths
    images = [load_image(path).pixels for path in paths]
    mos = Assessor.load(model).score(images)
    return {
        path.name: round(float(x), 4)
        for path, x in zip(paths, mos, strict=True)
    }


def _check(model: pathlib.Path, expected: dict[str, float]) -> None:
    """Compares a file's scores of the samples with those of scorer.keras."""
    differences = {
        name: {"max": abs(mos - expected[name]), "tolerance": TOLERANCE}
        for name, mos in scores(model).items()
    }
    parity.check(differences, name=model.name)


def _card(facts: Facts, name: str, workdir: pathlib.Path) -> dict[str, Any]:
    """What the card of a shipped model adds to other cards, JSON-ready."""
    results = read(workdir / CROSS_VALIDATION, CrossValidation)
    judged = results.of_seed(min(results.seeds))
    methods = {
        judged.shown(METHOD): judged.methods[METHOD],
        **judged.readers,
        "mean MOS of algorithm and modality, no image seen": judged.methods.get(
            ALGORITHM_MEAN
        ),
    }
    simulated = any(
        map(model_facts.is_simulated, model_facts.trained_on(facts))
    )
    return {
        "name": name,
        **WORDS[name],
        "readers": "simulated readers (not of radiologists)"
        if simulated
        else facts["scores"],
        "command": commands(Config.from_json(results.settings), name),
        "cross_validation": {
            "of": "other models of the same setting, each on images that it "
            "has not seen",
            "protocol": results.protocol,
            "images": judged.images,
            "inside_interval": judged.inside["all"].share
            if judged.inside
            else None,
            "figures": {
                method: _figures(found)
                for method, found in methods.items()
                if found and math.isfinite(found.raw.srcc)
            },
        },
        "expected": scores(workdir),
    }


def _figures(found: Agreement) -> dict[str, float]:
    """The figures of a method, rounded."""
    interval = found.interval["srcc"]
    values = {
        "srcc": found.raw.srcc,
        "srcc_low": interval.low,
        "srcc_high": interval.high,
        "plcc": found.raw.plcc,
        "rmse": found.raw.rmse,
    }
    return {name: round(float(x), 4) for name, x in values.items()}


def commands(settings: Config, name: str) -> str:
    """The commands that make a model again from a setting."""
    names = set(presets.differing(settings)) - _OWN
    given = [
        flag
        for flag in config_flags.to_flags(settings)
        if flag.removeprefix("--").partition("=")[0] in names
    ]
    lines = (
        "python -m g2npan_tf.experiments.cross_validate --output=CV "
        + shlex.join([*given, "--manual_dir=DATA"]),
        "python train.py --workdir=RUN --protocol=all --like=CV",
        f"python -m export.shipped --workdir=RUN --name={name}",
    )
    return " && ".join(lines)


def main(argv: list[str]) -> int:
    """Exports what the command line names."""
    name, workdir = flags.FLAGS.name, pathlib.Path(flags.FLAGS.workdir)
    if name not in WORDS:
        raise InputError(f"--name={name}: expected {' or '.join(WORDS)}")
    if not (workdir / CROSS_VALIDATION).is_file():
        raise InputError(
            f"--workdir={workdir}: no {CROSS_VALIDATION}; expected a run of "
            "train.py --protocol=all --like=CROSS_VALIDATION"
        )
    file = pathlib.Path(f"{name}.tflite")
    return command.run(
        [functools.partial(export, workdir=workdir)],
        argv,
        [path.name for path in tflite.files_of(file)],
    )


if __name__ == "__main__":
    command.define_flags()
    flags.adopt_module_key_flags(command)
    flags.FLAGS.set_default("output", str(shipped.FOLDER))
    cli.run(main, tidy=True)
