"""Every hyper-parameter, written once: name, type, default, meaning, source.

Flags (`config_flags`), config.json and presets are made from `Config`.
"""

import dataclasses
import json
import os
import pathlib
from typing import Any

from g2npan_tf.core import plain_json
from g2npan_tf.core.errors import InputError
from g2npan_tf.core.files import written_aside

# Folds of every data set.
NUM_FOLDS = 5
# Side in pixels of what the networks see: a whole fused image, or a tile.
TILE_SIZE = 128
BOTH = "leave_both_out"
# The protocol that tests nothing.
ALL = "all"
NO_TEST = "EVERY scored image trains and none tests"
# The key of the trained network among the methods of results.json.
METHOD = "g2npan"


def _field(default: Any, help_text: str, source: str, **checks: Any) -> Any:
    """A field with its meaning, its source and what values it takes."""
    metadata = {"help": help_text, "source": source, **checks}
    return dataclasses.field(default=default, metadata=metadata)


def num_parts(protocol: str) -> int:
    """How many parts a protocol has, at most: 5, 25 of `BOTH`, 1 of `ALL`."""
    return {BOTH: NUM_FOLDS**2, ALL: 1}.get(protocol, NUM_FOLDS)


@dataclasses.dataclass(frozen=True)
class Config:
    """One experiment. The defaults are the preset `paper`."""

    preset: str = _field(
        "paper",
        "Setting that the other flags start from.",
        "sec. 4.1.3 (paper), two-core machines (compact)",
        choices=("compact", "paper"),
    )

    # Data
    data: str = _field(
        "fusion_quality/phantom", "TFDS name of the data set.", "Choice"
    )
    data_dir: str = _field("", "Where TFDS keeps prepared data sets.", "TFDS")
    manual_dir: str = _field(
        "", "Source files for a data set that is not built yet.", "TFDS"
    )
    extra_data: str = _field(
        "",
        "TFDS name of a further data set whose images train too, but never "
        "choose the epoch or test; what the protocol holds out is dropped.",
        "Choice",
    )
    extra_only: bool = _field(
        False,
        "Only the images of --extra_data train; those of --data only choose "
        "the epoch and test.",
        "Choice",
    )
    data_repeats: int = _field(
        1,
        "How often an epoch shows each training image of --data, for when "
        "--extra_data has many more.",
        "Choice",
        low=1,
        high=100,
    )
    protocol: str = _field(
        "group",
        "What is tested: unseen cases, images (the paper's, optimistic), "
        "algorithms, algorithms on unseen cases, a modality, or all but a "
        "share of the cases. all: every scored image trains and none tests, "
        "with --like=CV_FOLDER, or with --epochs and --nocalibrate_scores.",
        "sec. 4.1.3, 4.3",
        choices=(
            "group",
            "image",
            "leave_algorithm_out",
            BOTH,
            "leave_modality_out",
            "ratio",
            ALL,
        ),
    )
    like: str = _field(
        "",
        "Folder of a finished cross-validation of the same data set, for "
        "--protocol=all. It gives the settings that no flag names, the number "
        "of epochs (the mean of its runs' best ones), the calibration (by its "
        "runs' predictions of their own test parts) and the model card's "
        "figures.",
        "Choice",
    )
    fold: int = _field(
        0,
        "Test fold, or which part the protocol leaves out, 0..4; "
        f"0..24 under {BOTH}.",
        "sec. 4.1.3",
        low=0,
        high=NUM_FOLDS**2 - 1,
    )
    train_share: float = _field(
        0.8,
        "Share of the cases that train under --protocol=ratio.",
        "Table 3",
        low=0.1,
        high=0.9,
    )
    train_algorithms: int = _field(
        0,
        "How many of the algorithms that are not left out train and choose "
        "the epoch, for a learning curve under --protocol=leave_algorithm_out "
        f"or {BOTH}; 0: all.",
        "Choice",
        low=0,
    )
    validation_share: float = _field(
        0.125,
        "Share of the training cases that choose the best epoch.",
        "Choice: never the test fold",
        low=0.0,
        high=0.5,
    )
    augment: bool = _field(
        True,
        "Flips and right-angle rotations, which keep the quality.",
        "Choice",
    )
    crops_per_image: int = _field(
        4,
        "Random crops of an image per epoch, where images are cut into tiles.",
        "Choice",
        low=1,
    )
    tile_size: int = _field(
        TILE_SIZE,
        "Side in pixels of a tile, where images are cut into tiles.",
        "Choice",
        low=TILE_SIZE,
    )

    # Networks
    use_gan: bool = _field(
        True, "False: the plain quality network on the image.", "Fig. 6"
    )
    generator_filters: tuple[int, ...] = _field(
        (32, 64, 128), "Channels of the down blocks, UFW width last.", "Choice"
    )
    generator_strides: tuple[int, ...] = _field(
        (1, 2, 2), "Strides of the down blocks; product 4.", "Choice"
    )
    up_filters: tuple[int, ...] = _field(
        (64, 32, 32), "Channels of the up layers but the last.", "Choice"
    )
    up_scales: tuple[int, ...] = _field(
        (2, 2, 1, 1), "Up-sampling factors of the up layers.", "Choice"
    )
    num_ufw: int = _field(
        5, "Stacked UFW; 0 is the ablation G2N.", "sec. 3.2.2", low=0, high=20
    )
    use_generator_skip: bool = _field(
        False,
        "The generator changes the image's own logits instead of drawing the "
        "image from scratch.",
        "Choice: Zhang et al. 2017",
    )
    use_generator_detail: bool = _field(
        False,
        "The generator's up layers also see the down blocks' features at "
        "their resolution, and the image's own: fine texture does not survive "
        "the UFW's coarse grid.",
        "Choice: Ronneberger et al. 2015",
    )
    discriminator_filters: tuple[int, ...] = _field(
        (64, 128, 256, 512), "Channels of the discriminator.", "Choice"
    )
    backbone: str = _field(
        "vgg11",
        "Backbone of the quality network.",
        "Table 2",
        choices=("vgg11", "vgg16", "vgg19"),
    )
    vgg_width: float = _field(
        1.0, "Factor on the backbone's channels.", "Choice", low=0.01, high=4.0
    )
    vgg_batch_norm: bool = _field(
        False, "Batch normalisation in the backbone.", "Choice"
    )
    stem_filters: int = _field(
        0,
        "Filters of each first convolution of the quality network: the "
        "image's and the nuance's. 0: they share the backbone's first width.",
        "Choice",
        low=0,
    )
    use_local_contrast: bool = _field(
        False,
        "The quality network also sees the image without its local mean, for "
        "qualities that depend on fine texture.",
        "Choice: Kang et al. 2014",
    )
    use_spectrum: bool = _field(
        False,
        "The quality network also sees the local DCT power spectra of the "
        "image and of the signed nuance.",
        "Choice: Saad et al. 2012",
    )
    spectrum_filters: int = _field(
        32, "Width of the spectral stem.", "Choice", low=1
    )
    use_scene_statistics: bool = _field(
        False,
        "The quality network also sees how the image's levels, colours and "
        "local contrasts are distributed.",
        "Choice: Mittal et al. 2012",
    )
    statistics_filters: int = _field(
        128, "Width of the layers on these statistics.", "Choice", low=1
    )
    backbone_weights: str = _field(
        "",
        "Pretrained backbone: a .safetensors file in torchvision's layout, a "
        ".h5 file of Keras Applications, or imagenet to fetch that one.",
        "Table 2 (+pre)",
    )
    init_from: str = _field(
        "",
        "Workdir of another run, whose best weights the networks start with.",
        "Choice",
    )

    # Losses
    reconstruction_weight: float = _field(
        0.5, "theta: weight of the reconstruction loss.", "Eq. 2", low=0.0
    )
    spectral_weight: float = _field(
        0.0,
        "Weight of the spectral loss beside the squared error of Eq. 1.",
        "Choice",
        low=0.0,
    )
    ssim_weight: float = _field(
        0.0,
        "Weight of 1 - SSIM beside the squared error of Eq. 1.",
        "Choice: Zhao et al. 2017",
        low=0.0,
    )
    adversarial_weight: float = _field(
        1.0, "Weight of the generator's adversarial term.", "Eq. 2 (1)", low=0.0
    )
    cam_weight: float = _field(
        1.0, "phi: weight of the CAM loss; 0 is G2NPN.", "Eq. 9", low=0.0
    )
    correlation_weight: float = _field(
        0.0,
        "Weight of 1 - PLCC over the batch in AQA's loss.",
        "Choice: Li et al. 2020",
        low=0.0,
    )
    ranking_weight: float = _field(
        0.0,
        "Weight of the pairwise ranking loss within a group in AQA's loss.",
        "Choice: Burges et al. 2005",
        low=0.0,
    )
    quality_weight: float = _field(
        0.01,
        "gamma: weight of AQA's loss for the generator.",
        "Eq. 12",
        low=0.0,
    )
    reference_head_weight: float = _field(
        0.0,
        "Weight of an auxiliary loss. Above 0, a head that exists only in "
        "training learns to predict the SSIM, GMSD and spectral transfer "
        "against the true reference from the UFW's features or, without GAN, "
        "the backbone's.",
        "Choice",
        low=0.0,
    )
    cam_target: str = _field(
        "quality_map",
        "Ground truth of the CAM: local quality, or the reference's own CAM.",
        "Eq. 6",
        choices=("quality_map", "reference"),
    )
    cam_kappa: float = _field(
        0.5, "Contrast of the local-quality map.", "Choice", low=0.0, high=2.0
    )
    use_perception_weight: bool = _field(
        True, "Quality-aware discriminator; False is Eq. 3 (G2NN).", "Eq. 11"
    )
    perception_pass: str = _field(
        "full",
        "Assess the generated image by a second pass, or reuse the first "
        "pass's features with zero nuance.",
        "Eq. 10",
        choices=("full", "fast"),
    )
    perception_warmup: int = _field(
        5, "Epochs with W = 0, i.e. Eq. 3.", "Choice", low=0
    )
    calibrate_scores: bool = _field(
        False,
        "Fit a scale and an offset of the finished network's logit to the "
        "scores of the training and validation parts.",
        "Choice: Platt 1999",
    )

    # Training
    epochs: int = _field(
        1500,
        "Passes over the training part; 0: a dry run, which tries and "
        "measures everything and saves nothing.",
        "sec. 4.1.3",
        low=0,
    )
    generator_epochs: int = _field(
        0,
        "How many of the epochs, the first ones, train the generator alone, "
        "by Eq. 1; without GAN there are none.",
        "Choice",
        low=0,
    )
    generator_finetune: float = _field(
        0.1,
        "Factor on the generator's rate after --generator_epochs, when all "
        "networks train.",
        "Choice",
        low=0.0,
        high=1.0,
    )
    batch_size: int = _field(
        16, "Images per step, over all replicas.", "Choice", low=1
    )
    learning_rate: float = _field(
        2e-4, "Adam's rate at the start.", "sec. 4.1.3", low=1e-8, high=1.0
    )
    lr_schedule: str = _field(
        "step",
        "How the rate falls: by steps (the paper's), or along half a cosine "
        "to 0 at the last epoch, which suits runs of some hundred steps; "
        "one_cycle first rises to --learning_rate. These two ignore --lr_decay "
        "and --lr_decay_every.",
        "sec. 4.1.3 (step), Loshchilov & Hutter 2017 (cosine), Smith & Topin "
        "2019 (one_cycle)",
        choices=("step", "cosine", "one_cycle"),
    )
    lr_decay: float = _field(
        0.95, "Factor on the learning rate.", "sec. 4.1.3", low=0.01, high=1.0
    )
    lr_decay_every: int = _field(
        20, "Epochs between two decays.", "sec. 4.1.3", low=1
    )
    generator_ema: float = _field(
        0.0,
        "Above 0, e.g. 0.999: the scorer uses the moving average of the "
        "generator's weights with this momentum.",
        "Choice",
        low=0.0,
        high=0.99999,
    )
    early_stopping_epochs: int = _field(
        150,
        "End after this many epochs without a better validation SRCC; 0: "
        "never.",
        "Choice: a tenth (paper) or a third (compact) of the epochs. On a "
        "small validation part SRCC is noisy and a later best is common",
        low=0,
    )
    precision: str = _field(
        "float32",
        "Arithmetic of the networks' layers while they train (for GPUs and "
        "TPUs); weights, losses and what is shipped are float32.",
        "Choice",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
    )
    seed: int = _field(
        0,
        "Seed of weights, order and augmentation.",
        "Choice",
        low=0,
        high=2**32 - 1,
    )
    deterministic: bool = _field(
        False, "Bit-equal runs on one device, slower.", "Choice"
    )
    grace_seconds: int = _field(
        30,
        "Seconds from SIGTERM to the end; the epoch is finished if they "
        "suffice.",
        "Kubernetes (30)",
        low=0,
    )
    distribute: str = _field(
        "none",
        "tf.distribute strategy: one device, all GPUs of this machine, or "
        "those of all machines in TF_CONFIG.",
        "Choice",
        choices=("none", "mirrored", "multi_worker"),
    )
    profile: str = _field(
        "",
        "START:END: write a TensorBoard profile of these steps, counted from "
        "1 in this session.",
        "TensorBoard",
    )

    def __post_init__(self) -> None:
        """Checks every value against its field's metadata."""
        for field in dataclasses.fields(self):
            _check(field, getattr(self, field.name))
        if self.extra_only and not self.extra_data:
            raise InputError(
                "extra_only must come with extra_data, the data set to train "
                "on. Received: no extra_data"
            )
        if self.data_repeats > 1 and (self.extra_only or not self.extra_data):
            raise InputError(
                "data_repeats must come with extra_data, beside whose images "
                "those of data train. Received: "
                f"{'extra_only' if self.extra_only else 'no extra_data'}"
            )
        if self.train_algorithms and not self.leaves_algorithms_out:
            raise InputError(
                "train_algorithms must come with protocol=leave_algorithm_out "
                f"or {BOTH}. Received: protocol={self.protocol}"
            )
        self._check_all()
        # Two of them would have operations of one name in a loaded scorer.
        stems = ("use_local_contrast", "use_spectrum", "use_scene_statistics")
        used = [name for name in stems if getattr(self, name)]
        if len(used) > 1:
            raise InputError(
                f"expected one of {', '.join(stems)}, which take each other's "
                f"place. Received: {' and '.join(used)}"
            )
        last = num_parts(self.protocol) - 1
        if self.fold > last:
            raise InputError(
                f"fold must be at most {last} with protocol={self.protocol}. "
                f"Received: {self.fold}"
            )
        # A dry run has no epochs.
        if 0 < self.epochs < self.generator_epochs:
            raise InputError(
                f"generator_epochs must be at most epochs={self.epochs}. "
                f"Received: {self.generator_epochs}"
            )

    def _check_all(self) -> None:
        """Checks what cannot be combined with training on every image."""
        if self.like and self.protocol != ALL:
            raise InputError(
                f"like must come with protocol={ALL}. Received: "
                f"protocol={self.protocol}"
            )
        if self.protocol != ALL:
            return
        if self.extra_only:
            raise InputError(
                f"protocol={ALL} trains on the images of data; expected no "
                "extra_only. Received: extra_only=True"
            )
        if self.calibrate_scores and not self.like:
            raise InputError(
                f"protocol={ALL} leaves no unseen image to calibrate on; "
                "expected like=CV_FOLDER or calibrate_scores=False. Received: "
                "neither"
            )

    @property
    def epochs_alone(self) -> int:
        """Epochs in which the generator trains alone; 0 without GAN."""
        return self.generator_epochs if self.use_gan else 0

    @property
    def leaves_algorithms_out(self) -> bool:
        """Whether the protocol tests algorithms that do not train."""
        return self.protocol in ("leave_algorithm_out", BOTH)

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON-ready values, in the order of the class."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Config":
        """Reads what `to_json` wrote, also in earlier versions."""
        known = {field.name for field in dataclasses.fields(cls)}
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
            if name not in _REMOVED
        }
        used = [
            f"{name}={values[name]}"
            for name, default in _REMOVED.items()
            if values.get(name, default) != default
        ]
        if used:
            raise InputError(
                f"trained with an option that was removed ({', '.join(used)}): "
                "needs retraining"
            )
        if unknown := sorted(set(fields) - known):
            raise InputError(f"unknown configuration fields: {unknown}")
        return cls(**fields)


# Removed options with their defaults: they brought no gain.
_REMOVED = {
    "conditional": False,
    "non_saturating": False,
    "indicator_epsilon": 0.0,
    "lr_decay_unit": "epoch",
}


def with_whole_paths(config: Config) -> Config:
    """Makes folders absolute, so that any working folder can read a run."""
    folders: dict[str, Any] = {
        name: os.path.abspath(getattr(config, name))
        for name in ("data_dir", "manual_dir", "init_from", "like")
        if getattr(config, name)
    }
    return dataclasses.replace(config, **folders)


def expect_test_part(config: Config, expected: str) -> None:
    """Refuses a run without a test part, for a command that needs one."""
    if config.protocol == ALL:
        raise InputError(f"--protocol={ALL} has no test part; {expected}")


def _check(field: dataclasses.Field, value: Any) -> None:
    rules = field.metadata
    expected = ""
    if "choices" in rules and value not in rules["choices"]:
        expected = f"one of {', '.join(rules['choices'])}"
    elif "low" in rules and not value >= rules["low"]:
        expected = f"at least {rules['low']}"
    elif "high" in rules and not value <= rules["high"]:
        expected = f"at most {rules['high']}"
    if expected:
        raise InputError(f"{field.name} must be {expected}. Received: {value}")


def save(config: Config, facts: dict[str, Any], path: pathlib.Path) -> None:
    """Writes `config.json`: the configuration and facts about the data."""
    text = json.dumps({"config": config.to_json(), "data": facts}, indent=2)
    with written_aside(path) as aside:
        aside.write_text(text + "\n")


def load(path: pathlib.Path) -> tuple[Config, dict[str, Any]]:
    """Reads what `save` wrote: the configuration and the data set's facts."""
    try:
        content = plain_json.parse(path.read_text())
        facts = content["data"]
        if not isinstance(facts["name"], str):
            raise TypeError("data: name is no text")
        return Config.from_json(content["config"]), facts
    except FileNotFoundError:
        raise InputError(
            f"{path}: not found; expected the workdir of a training run"
        ) from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    # A ValueError is bad JSON, bad UTF-8 or a value outside its range.
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a run's config.json ({error})") from None
