"""Losses, training step and blind path in eager PyTorch, from the paper."""

import dataclasses
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.peer.networks import Networks

Terms = dict[str, torch.Tensor]
# Quality of the clinical MOS, 3 of 1..5.
CLINICAL_QUALITY = 0.5
# Layout of images and kernels; the second is the faster one on processors.
STYLES = {"plain": torch.contiguous_format, "tuned": torch.channels_last}


@dataclasses.dataclass
class Batch:
    """Images `[batch, 3, size, size]` 0..1, qualities and CAM targets 0..1."""

    image: torch.Tensor
    reference: torch.Tensor
    quality: torch.Tensor
    cam_target: torch.Tensor


class Trainer:
    """Three networks, three optimisers, and a step in two styles.

    `plain` is what the papers' equations look like at first, `tuned` does the
    least work; `STYLES` adds the layout of the arrays. Weights of the losses
    and the learning rate are of `settings`.
    """

    def __init__(self, networks: Networks, settings: dict[str, Any]) -> None:
        self.networks = networks
        self.settings = settings
        self.generator_adam, self.discriminator_adam, self.quality_adam = (
            torch.optim.Adam(net.parameters(), lr=settings["learning_rate"])
            for net in (
                networks.generator,
                networks.discriminator,
                networks.quality_network,
            )
        )

    def step(self, batch: Batch, style: str) -> Terms:
        """Moves all networks once; gives the mean of each loss and of W."""
        return getattr(self, f"{style}_step")(batch)

    def plain_step(self, batch: Batch) -> Terms:
        """A step as GANs are usually written: one network after the other.

        Each network is updated by a backward pass of its own; so the quality
        network judges the generated image twice, and the discriminator too.
        """
        nets = self.networks
        generated, features = nets.generator(batch.image)
        detached = generated.detach()

        terms = self._assessment(batch, detached, features.detach())
        _update(self.quality_adam, terms["assessment_loss"])

        weight = self._perception_weight(detached)
        real = nets.discriminator(batch.reference)
        fake = nets.discriminator(detached)
        discriminator_loss = _discriminator_loss(real, fake, weight)
        _update(self.discriminator_adam, discriminator_loss)

        judges = nn.ModuleList((nets.discriminator, nets.quality_network))
        judges.requires_grad_(False)
        generator_terms = self._generator_terms(
            batch, generated, nets.discriminator(generated)
        )
        judged = self._assessment(batch, generated, features)
        perceptual_loss = (
            generator_terms["generator_loss"]
            + self.settings["quality_weight"] * judged["assessment_loss"]
        )
        _update(self.generator_adam, perceptual_loss)
        judges.requires_grad_(True)
        return {
            **terms,
            **generator_terms,
            "discriminator_loss": discriminator_loss,
            "perceptual_loss": perceptual_loss,
            "perception_weight": weight.mean(),
        }

    def tuned_step(self, batch: Batch) -> Terms:
        """A step of the least work: what the networks compute is shared.

        Every network runs forward once on each image, and the backward pass
        of the quality network serves the generator as well.
        """
        nets = self.networks
        for adam in self._optimizers():
            adam.zero_grad()
        generated, features = nets.generator(batch.image)
        leaf, features_leaf = (
            x.detach().requires_grad_() for x in (generated, features)
        )
        terms = self._assessment(batch, leaf, features_leaf)
        terms["assessment_loss"].backward()
        weight = self._perception_weight(generated.detach())

        candidate = generated.detach().requires_grad_()
        real = nets.discriminator(batch.reference)
        fake = nets.discriminator(candidate)
        generator_terms = self._generator_terms(batch, candidate, fake)
        discriminator_loss = _discriminator_loss(real, fake, weight)
        (upstream,) = torch.autograd.grad(
            generator_terms["generator_loss"], candidate, retain_graph=True
        )
        discriminator_loss.backward(
            inputs=list(nets.discriminator.parameters())
        )

        gamma = self.settings["quality_weight"]
        torch.autograd.backward(
            (generated, features),
            (upstream + gamma * leaf.grad, gamma * features_leaf.grad),
        )
        for adam in self._optimizers():
            adam.step()
        return {
            **terms,
            **generator_terms,
            "discriminator_loss": discriminator_loss,
            "perceptual_loss": generator_terms["generator_loss"]
            + gamma * terms["assessment_loss"],
            "perception_weight": weight.mean(),
        }

    def _optimizers(self) -> tuple[torch.optim.Adam, ...]:
        """Of all three networks."""
        return self.generator_adam, self.discriminator_adam, self.quality_adam

    def _assessment(
        self, batch: Batch, generated: torch.Tensor, features: torch.Tensor
    ) -> Terms:
        """Eqs. 4 to 9."""
        cam_logits, quality_logit = self.networks.quality_network(
            batch.image, (generated - batch.image).abs(), features
        )
        cam_loss = functional.l1_loss(cam_logits.sigmoid(), batch.cam_target)
        quality_loss = functional.binary_cross_entropy_with_logits(
            quality_logit, batch.quality
        )
        return {
            "cam_loss": cam_loss,
            "quality_loss": quality_loss,
            "assessment_loss": self.settings["cam_weight"] * cam_loss
            + quality_loss,
        }

    def _generator_terms(
        self, batch: Batch, generated: torch.Tensor, fake: torch.Tensor
    ) -> Terms:
        """Eqs. 1 and 2; `log(1 - sigmoid(x)) = -softplus(x)`."""
        reconstruction = functional.mse_loss(generated, batch.reference)
        adversarial = -functional.softplus(fake).mean()
        return {
            "reconstruction_loss": reconstruction,
            "generator_loss": self.settings["adversarial_weight"] * adversarial
            + self.settings["reconstruction_weight"] * reconstruction,
        }

    @torch.no_grad()
    def _perception_weight(self, generated: torch.Tensor) -> torch.Tensor:
        """W of Eq. 10 by the blind path on I_hq."""
        self.networks.eval()
        quality = blind(self.networks, generated)["quality"]
        self.networks.train()
        return (quality >= CLINICAL_QUALITY).float()


def blind(networks: Networks, image: torch.Tensor) -> Terms:
    """Scores images `[batch, 3, size, size]`, 0..1, with all maps."""
    reference, features = networks.generator(image)
    nuance = (reference - image).abs()
    cam_logits, quality_logit = networks.quality_network(
        image, nuance, features
    )
    quality = quality_logit.sigmoid()
    return {
        "mos": 1 + 4 * quality,
        "quality": quality,
        "cam": cam_logits.sigmoid(),
        "reference": reference,
        "nuance": nuance,
    }


def score_pixels(networks: Networks, pixels: torch.Tensor, style: str) -> Terms:
    """Scores uint8 images `[batch, size, size, 3]` as a scorer does."""
    with torch.inference_mode():
        return blind(networks, scaled(pixels, style))


def scaled(pixels: torch.Tensor, style: str) -> torch.Tensor:
    """uint8 `[batch, size, size, 3]` to 0..1, channels first."""
    image = pixels.permute(0, 3, 1, 2).float() / 255
    return image.contiguous(memory_format=STYLES[style])


def _discriminator_loss(
    real: torch.Tensor, fake: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """Eq. 11, negative; Eq. 3 where W is 0."""
    cross_entropy = functional.binary_cross_entropy_with_logits
    return cross_entropy(real, torch.ones_like(real)) + cross_entropy(
        fake, weight
    )


def _update(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """The three lines of every training loop."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
