"""Generator, UFW, discriminator and quality network in plain PyTorch.

Written as a user of PyTorch would write them from the same description:
`[batch, channels, height, width]`, `padding=1`, activations in place. A
submodule's path, its dots as underscores, is the name of the Keras layer.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

LEAKY_SLOPE = 0.2
VGG_REPEATS = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
VGG_CHANNELS = (64, 128, 256, 512, 512)
UFW_SCALES = 3


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """3 x 3 convolution that keeps the grid."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """With Keras' epsilon; a momentum of 0.1 is Keras' 0.9."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.1)


def leaky_relu() -> nn.LeakyReLU:
    """The activation of generator and discriminator."""
    return nn.LeakyReLU(LEAKY_SLOPE, inplace=True)


def conv_block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Convolution, LeakyReLU, batch normalisation."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv=conv(inputs, outputs, stride),
        relu=leaky_relu(),
        bn=batch_norm(outputs),
    )
    return nn.Sequential(layers)


def up_layer(
    inputs: int, outputs: int, scale: int, activation: nn.Module
) -> nn.Sequential:
    """Up-sampling, convolution, batch normalisation, activation."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if scale > 1:
        layers["upsample"] = nn.Upsample(scale_factor=scale)
    layers["conv"] = conv(inputs, outputs)
    layers["bn"] = batch_norm(outputs)
    layers["activation"] = activation
    return nn.Sequential(layers)


class ResidualBlock(nn.Module):
    """Three convolutions and a skip connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv(channels, channels)
        self.conv2 = conv(channels, channels)
        self.conv3 = conv(channels, channels)
        self.relu = leaky_relu()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shape stays."""
        return x + self.conv3(self.relu(self.conv2(self.relu(self.conv1(x)))))


class UniqueFeatureWarehouse(nn.Module):
    """Hourglass of three scales with skips and an outer residual."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for scale in range(UFW_SCALES):
            stride = 1 if scale == 0 else 2
            self.add_module(
                f"down{scale}", conv_block(channels, channels, stride)
            )
        self.bottom = conv_block(channels, channels)
        for scale in reversed(range(UFW_SCALES - 1)):
            self.add_module(f"up{scale}", conv_block(channels, channels))
        self.upsample = nn.Upsample(scale_factor=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shape stays."""
        scales = []
        y = x
        for scale in range(UFW_SCALES):
            y = self.get_submodule(f"down{scale}")(y)
            scales.append(y)
        y = self.bottom(y)
        for scale in reversed(range(UFW_SCALES - 1)):
            y = self.upsample(y) + scales[scale]
            y = self.get_submodule(f"up{scale}")(y)
        return x + y


class Generator(nn.Module):
    """Image to I_hq and F_last."""

    def __init__(
        self,
        channels: Sequence[int],
        strides: Sequence[int],
        up_channels: Sequence[int],
        up_scales: Sequence[int],
        num_ufw: int,
    ) -> None:
        super().__init__()
        encoder: OrderedDict[str, nn.Module] = OrderedDict()
        width = 3
        for index, stride in enumerate(strides, start=1):
            encoder[f"down{index}"] = conv_block(
                width, channels[index - 1], stride
            )
            width = channels[index - 1]
            encoder[f"down{index}_residual"] = ResidualBlock(width)
        for index in range(1, num_ufw + 1):
            encoder[f"ufw{index}"] = UniqueFeatureWarehouse(width)
        decoder: OrderedDict[str, nn.Module] = OrderedDict()
        for index, scale in enumerate(up_scales, start=1):
            last = index == len(up_scales)
            outputs = 3 if last else up_channels[index - 1]
            activation = nn.Sigmoid() if last else leaky_relu()
            decoder[f"up{index}"] = up_layer(width, outputs, scale, activation)
            width = outputs
        self.encoder = nn.Sequential(encoder)
        self.decoder = nn.Sequential(decoder)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`[batch, 3, size, size]` to the same and the UFW's features."""
        features = self.encoder(image)
        return self.decoder(features), features


class Discriminator(nn.Module):
    """Image to the logit of being the best of its group."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        width = 3
        for index, outputs in enumerate(channels, start=1):
            layers[f"block{index}"] = conv_block(width, outputs, stride=2)
            width = outputs
        layers["classification"] = conv(width, 1)
        self.layers = nn.Sequential(layers)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """`[batch, 3, size, size]` to `[batch]`."""
        return self.layers(image).mean(dim=(1, 2, 3))


class QualityNetwork(nn.Module):
    """Image, nuance and F_last to the class activation map and its mean."""

    def __init__(
        self, backbone: str, width: float, use_batch_norm: bool, features: int
    ) -> None:
        super().__init__()
        channels = [max(2, int(width * value)) for value in VGG_CHANNELS]
        first, last = channels[0], channels[-1]
        self.image_conv = conv(3, first // 2)
        self.discrepancy_conv = conv(3, first // 2)
        self.stem_bn = batch_norm(first) if use_batch_norm else nn.Identity()
        self.stem_relu = nn.ReLU(inplace=True)
        repeats = VGG_REPEATS[backbone]
        self.layers = nn.Sequential(
            _vgg(2 * (first // 2), repeats, channels, use_batch_norm)
        )
        self.ufw_projection = nn.Conv2d(features, last // 4, 1)
        self.ufw_projection_bn = nn.Identity()
        self.ufw_projection_relu = nn.Identity()
        if use_batch_norm:
            self.ufw_projection_bn = batch_norm(last // 4)
            self.ufw_projection_relu = nn.ReLU(inplace=True)
        self.cam = nn.Conv2d(last + last // 4, 1, 1)

    def forward(
        self, image: torch.Tensor, nuance: torch.Tensor, features: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """To CAM logits `[batch, rows, columns]` and Q_pre `[batch]`."""
        x = torch.cat(
            (self.image_conv(image), self.discrepancy_conv(nuance)), dim=1
        )
        x = self.layers(self.stem_relu(self.stem_bn(x)))
        y = self.ufw_projection_bn(self.ufw_projection(features))
        y = self.ufw_projection_relu(y)
        y = nn.functional.avg_pool2d(y, y.shape[-1] // x.shape[-1])
        cam_logits = self.cam(torch.cat((y, x), dim=1)).squeeze(1)
        return cam_logits, cam_logits.mean(dim=(1, 2))


class Networks(nn.Module):
    """The three networks of a configuration, whose fields are `settings`."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self.generator = Generator(
            settings["generator_filters"],
            settings["generator_strides"],
            settings["up_filters"],
            settings["up_scales"],
            settings["num_ufw"],
        )
        self.discriminator = Discriminator(settings["discriminator_filters"])
        self.quality_network = QualityNetwork(
            settings["backbone"],
            settings["vgg_width"],
            settings["vgg_batch_norm"],
            settings["generator_filters"][-1],
        )


def _vgg(
    inputs: int,
    repeats: Sequence[int],
    channels: Sequence[int],
    use_batch_norm: bool,
) -> OrderedDict[str, nn.Module]:
    """VGG from its second convolution on, without the last max-pool."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for block, (count, outputs) in enumerate(
        zip(repeats, channels, strict=True), start=1
    ):
        for index in range(2 if block == 1 else 1, count + 1):
            name = f"block{block}_conv{index}"
            layers[name] = conv(inputs, outputs)
            if use_batch_norm:
                layers[f"{name}_bn"] = batch_norm(outputs)
            layers[f"{name}_relu"] = nn.ReLU(inplace=True)
            inputs = outputs
        if block < len(repeats):
            layers[f"block{block}_pool"] = nn.MaxPool2d(2)
    return layers
