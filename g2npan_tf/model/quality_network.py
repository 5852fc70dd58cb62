"""The attention-based quality network (AQA): a VGG whose CAM is its score."""

from typing import Any

import keras
import numpy as np

from g2npan_tf.model.blocks import BATCH_NORM_MOMENTUM
from g2npan_tf.model.blocks import Tensor
from g2npan_tf.model.blocks import batch_norm
from g2npan_tf.model.blocks import conv
from g2npan_tf.model.blocks import window_mean
from g2npan_tf.model.scene_statistics import cell_statistics
from g2npan_tf.model.spectrum import cell_weights
from g2npan_tf.model.spectrum import log_power
from g2npan_tf.model.spectrum import neighbourhood_mean

# Convolutions per block of Simonyan & Zisserman (ICLR 2015), table 1, columns
# A, D and E, and the channels of the five blocks.
VGG_REPEATS = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
VGG_FILTERS = (64, 128, 256, 512, 512)
# Sides in pixels of the windows of `local_contrast`, an octave apart.
BAND_WINDOWS = (3, 5, 9, 17)
# Window over which the power of a band is averaged.
POWER_WINDOW = 9
# A deviation below this, on [0, 1], is quantisation.
POWER_FLOOR = 0.8 / 255
# Units of what is small on [0, 1] but important for the quality.
BAND_UNIT = 0.05
DETAIL_UNIT = 0.1
# Logarithms of power lie about this far below 0 and this far apart.
LOG_POWER_MEAN, LOG_POWER_UNIT = -7.0, 2.0
# The layer that standardises the image's spectrum or statistics; see `adapt`.
STANDARD = "spectrum_standard"
# The output that only a network with one of these stems has.
WEIGHTS = "cell_weights"
# The input that only a network with spectra and a GAN has.
SIGNED = "signed_discrepancy"


def build_quality_network(
    backbone: str = "vgg11",
    width: float = 1.0,
    use_batch_norm: bool = False,
    ufw_shape: tuple[int, int, int] | None = (32, 32, 128),
    image_size: int = 128,
    use_local_contrast: bool = False,
    stem_filters: int = 0,
    spectrum_filters: int = 0,
    statistics_filters: int = 0,
) -> keras.Model:
    """Builds the AQA network with its class activation map.

    `F_conca = concat(F_last, vgg(I_org, I_sub))`, global average pooling and
    one dense unit. Applying the unit before the pooling is the same sum in
    another order and gives the CAM on the way: `Q_pre = mean(CAM + b)`, a
    weighted mean where the network has a spectral stem.

    Equation: 5

    Choice: F_last passes a 1 x 1 projection to a quarter of the VGG's width
    (normalised and rectified where the VGG's features are) and is
    average-pooled to the VGG's grid; `I_org` and `I_sub` have one convolution
    each of half the VGG's first width, so that pretrained weights fit; the
    last max-pool is left out (8 x 8 grid, as Zhou et al., CVPR 2016, do for
    VGG); no 4096-wide layers.

    Args:
        backbone: A key of `VGG_REPEATS`.
        width: Factor on the VGG's channels.
        use_batch_norm: After each VGG convolution.
        ufw_shape: Shape of F_last without the batch axis, or None for the
            network without GAN, which sees the image only.
        image_size: In pixels.
        use_local_contrast: The image's convolution also sees its
            `local_contrast`, and the nuance is given in units of
            `DETAIL_UNIT`.
        stem_filters: Filters of the image's and of the nuance's first
            convolution, each; 0 for equal shares of the VGG's first width.
        spectrum_filters: Above 0: width of the spectral stem (`_spectral`),
            whose features stand beside F_last and the VGG's; cells count by
            `cell_weights` then.
        statistics_filters: Likewise, of `_statistical`, where cells count by
            their share of tissue. Only one of both can be above 0.

    Returns:
        Model from a dict, `image` and (with a GAN) `discrepancy`, float
        `[batch, size, size, 3]`, range [0, 1], `ufw_features`
        `[batch, *ufw_shape]` and (with both) `signed_discrepancy`, shaped as
        the image, range [-1, 1], to a dict: `cam_logits` (CAM + b,
        `[batch, size / 16, size / 16]`) and `quality_logit` (Q_pre,
        `[batch]`), both float32, and with spectra `cell_weights`, of the
        map's shape.

    Raises:
        ValueError: If the backbone is unknown.
    """
    if backbone not in VGG_REPEATS:
        raise ValueError(
            f"backbone must be one of {sorted(VGG_REPEATS)}. "
            f"Received: backbone={backbone}"
        )
    filters = [max(2, int(width * value)) for value in VGG_FILTERS]
    inputs = _inputs(image_size, ufw_shape, spectrum_filters > 0)
    seen = _with_local_contrast(inputs) if use_local_contrast else inputs
    num_stems = 1 if ufw_shape is None else 2
    x = _stem(seen, stem_filters or filters[0] // num_stems, use_batch_norm)
    x = _vgg(x, VGG_REPEATS[backbone], filters, use_batch_norm)
    if ufw_shape is not None:
        projected = filters[-1] // 4
        x = _join(x, inputs["ufw_features"], projected, use_batch_norm)
    weights = None
    if spectrum_filters:
        levels = log_power(inputs["image"])
        weights = cell_weights(inputs["image"], levels)
        y = _spectral(inputs, levels, weights, spectrum_filters)
        x = keras.layers.Concatenate(name="all_features")([x, y])
    elif statistics_filters:
        statistics, weights = cell_statistics(inputs["image"])
        y = _statistical(statistics, weights, statistics_filters)
        x = keras.layers.Concatenate(name="all_features")([x, y])
    cam_logits = keras.layers.Conv2D(1, 1, dtype="float32", name="cam")(x)
    cam_logits = keras.layers.Reshape(
        cam_logits.shape[1:3], dtype="float32", name="cam_logits"
    )(cam_logits)
    outputs = {
        "cam_logits": cam_logits,
        "quality_logit": mean_of_cells(cam_logits, weights),
    }
    if weights is not None:
        outputs[WEIGHTS] = weights
    return keras.Model(inputs, outputs, name="quality_network")


def weights_of_cells(network: keras.Model) -> keras.Model | None:
    """From an image to the weights of its cells; None if all count alike."""
    if WEIGHTS not in network.output:
        return None
    return keras.Model(network.input["image"], network.output[WEIGHTS])


def mean_of_cells(cam_logits: Tensor, weights: Tensor | None) -> Tensor:
    """Global average pooling (Eq. 5), weighted if there are weights.

    Both are `[batch, rows, columns]`; the result is Q_pre, `[batch]`.
    """
    if weights is None:
        return keras.ops.mean(cam_logits, axis=(1, 2))
    total = keras.ops.sum(weights * cam_logits, axis=(1, 2))
    return total / keras.ops.sum(weights, axis=(1, 2))


def adapt(network: keras.Model, images: np.ndarray) -> None:
    """Sets the statistics that standardise a stem's input, if there is a stem.

    They are weights, saved and exported like the others.

    Args:
        network: From `build_quality_network`.
        images: Of the training part, of its size, `[n, size, size, 3]`, range
            [0, 1].
    """
    if WEIGHTS not in network.output:
        return
    standard = network.get_layer(STANDARD)
    seen = keras.Model(
        network.input["image"], [standard.input, network.output[WEIGHTS]]
    )
    found = [
        [
            keras.ops.convert_to_numpy(x)
            for x in seen(images[start : start + 16])
        ]
        for start in range(0, len(images), 16)
    ]
    spectra, weights = map(np.concatenate, zip(*found, strict=True))
    mean, square = (
        np.average(
            values.reshape(-1, values.shape[-1]).astype(np.float64),
            axis=0,
            weights=weights.ravel(),
        )
        for values in (spectra, spectra**2)
    )
    standard.set_weights([mean, square - mean**2])


def _spectral(
    inputs: dict[str, Any], levels: Tensor, weights: Tensor, filters: int
) -> Tensor:
    """Features of the power spectra of the image and of the signed nuance.

    Choice: one layer of tanh units on the mean spectrum around each cell;
    rectified units score unseen algorithms clearly worse
    (docs/experiments.md). The image's spectrum is standardised by statistics
    of the training part (`adapt`). The nuance's changes with the generator, so
    it is standardised by those of the batch.
    """
    x = _standard()(neighbourhood_mean(levels, weights))
    if SIGNED in inputs:
        nuance = log_power(inputs[SIGNED])
        y = keras.layers.BatchNormalization(
            momentum=BATCH_NORM_MOMENTUM,
            center=False,
            scale=False,
            synchronized=True,
            dtype="float32",
            name="nuance_standard",
        )(neighbourhood_mean(nuance, weights))
        x = keras.layers.Concatenate(name="spectrum")([x, y])
    return keras.layers.Conv2D(
        filters, 1, activation="tanh", name="spectrum_features"
    )(x)


def _statistical(statistics: Tensor, weights: Tensor, filters: int) -> Tensor:
    """Features of an image's statistics around each cell.

    Choice: two layers, on values cut to four deviations from the mean of the
    training images.
    """
    x = _standard()(neighbourhood_mean(statistics, weights))
    x = keras.ops.clip(x, -4.0, 4.0)
    for number in (1, 2):
        x = keras.layers.Conv2D(
            filters, 1, activation="relu", name=f"statistics_features{number}"
        )(x)
    return x


def _standard() -> keras.layers.Layer:
    """Standardises each channel by the training part, once adapted."""
    # float32, since levels lie near -14, where bfloat16 has steps of 1/16.
    return keras.layers.BatchNormalization(
        center=False,
        scale=False,
        trainable=False,
        dtype="float32",
        name=STANDARD,
    )


def local_contrast(image: Tensor) -> Tensor:
    """Texture and edges by their scale, and their local power.

    Choice: noise and its removal change an image by some hundredths of full
    scale, at scales that differ from method to method. A network's start
    weights drown this in anatomy, and it is slow to learn squares of its input.
    Blind quality measures use bands of an octave and their local power, too
    (Moorthy & Bovik, DIIVINE, IEEE TIP 2011).

    Returns:
        `[batch, height, width, 8]`: for each of `BAND_WINDOWS` the difference
        of the mean channel's means over this window and the one before (the
        pixel itself before the first), in units of `BAND_UNIT`, and the
        logarithm of that difference's mean power, brought to the order of 1.
    """
    finer = keras.ops.mean(image, axis=-1, keepdims=True)
    grey, channels = finer, []
    for side in BAND_WINDOWS:
        coarser = window_mean(grey, side)
        band = finer - coarser
        power = window_mean(keras.ops.square(band), POWER_WINDOW)
        level = keras.ops.log(power + POWER_FLOOR**2) - LOG_POWER_MEAN
        channels += [band / BAND_UNIT, level / LOG_POWER_UNIT]
        finer = coarser
    return keras.ops.concatenate(channels, axis=-1)


def _with_local_contrast(inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs with texture added and the nuance enlarged."""
    image = inputs["image"]
    seen = {
        **inputs,
        "image": keras.ops.concatenate([image, local_contrast(image)], -1),
    }
    if "discrepancy" in inputs:
        seen["discrepancy"] = inputs["discrepancy"] / DETAIL_UNIT
    return seen


def _inputs(
    image_size: int, ufw_shape: tuple[int, int, int] | None, has_spectrum: bool
) -> dict[str, Any]:
    """Makes the input tensors by name."""
    shapes = {"image": (image_size, image_size, 3)}
    if ufw_shape is not None:
        shapes["discrepancy"] = (image_size, image_size, 3)
        shapes["ufw_features"] = ufw_shape
        if has_spectrum:
            shapes[SIGNED] = shapes["image"]
    return {n: keras.Input(shape, name=n) for n, shape in shapes.items()}


def _stem(inputs: dict[str, Any], filters: int, use_batch_norm: bool) -> Tensor:
    """First VGG convolution: image and discrepancy apart, then together."""
    x = conv(inputs["image"], filters, name="image_conv")
    if "discrepancy" in inputs:
        y = conv(inputs["discrepancy"], filters, name="discrepancy_conv")
        x = keras.layers.Concatenate(name="stem")([x, y])
    return _activation(x, "stem", use_batch_norm)


def _vgg(
    x: Tensor,
    repeats: tuple[int, ...],
    filters: list[int],
    use_batch_norm: bool,
) -> Tensor:
    """VGG from its second convolution on, without the last max-pool."""
    for block, (count, width) in enumerate(
        zip(repeats, filters, strict=True), start=1
    ):
        first = 2 if block == 1 else 1
        for index in range(first, count + 1):
            name = f"block{block}_conv{index}"
            x = _activation(conv(x, width, name=name), name, use_batch_norm)
        if block < len(repeats):
            x = keras.layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    return x


def _activation(x: Tensor, name: str, use_batch_norm: bool) -> Tensor:
    """Optional batch normalisation, then ReLU, as in torchvision's VGG-BN."""
    if use_batch_norm:
        x = batch_norm(x, name=f"{name}_bn")
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _join(
    x: Tensor, ufw_features: Tensor, filters: int, use_batch_norm: bool
) -> Tensor:
    """Concatenates the projected, pooled UFW features to the VGG's.

    The stacked UFW add up to several times the VGG's normalised features, so
    that they are normalised and rectified like those.
    """
    y = keras.layers.Conv2D(filters, 1, name="ufw_projection")(ufw_features)
    if use_batch_norm:
        y = _activation(y, "ufw_projection", use_batch_norm)
    y = keras.layers.AveragePooling2D(
        ufw_features.shape[1] // x.shape[1], name="ufw_pool"
    )(y)
    return keras.layers.Concatenate(name="features")([y, x])
