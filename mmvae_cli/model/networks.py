"""Encoders and decoders with a leading replicate axis on every parameter, so that R seeds train at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAKY_SLOPE = 0.01


class ReplicateLinear(nn.Module):
    """A linear layer for each replicate.

    Weights and biases start uniform in ±1/√in, as torch's own layer does, each replicate from its own generator.

    Parameters
    ----------
    n_inputs, n_outputs
        Sizes of the layer.
    generators
        One per replicate; on the CPU, so that a seed means the same weights on every device.
    """

    def __init__(self, n_inputs: int, n_outputs: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(max(n_inputs, 1))

        def draw(*shape: int) -> nn.Parameter:
            drawn = [torch.empty(shape).uniform_(-bound, bound, generator=generator) for generator in generators]
            return nn.Parameter(torch.stack(drawn))

        self.weight = draw(n_inputs, n_outputs)  # (replicates, inputs, outputs)
        self.bias = draw(1, n_outputs)  # (replicates, 1, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (replicates, rows, inputs) to (replicates, rows, outputs)."""
        return torch.baddbmm(self.bias, x, self.weight)


class Encoder(nn.Module):
    """Linear → LeakyReLU → Linear, split into the mean and, through softplus, the sd of every latent."""

    def __init__(self, n_features: int, n_hidden: int, n_latents: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.hidden = ReplicateLinear(n_features, n_hidden, generators)
        self.output = ReplicateLinear(n_hidden, 2 * n_latents, generators)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and sd, each (replicates, samples, latents), of (replicates, samples, features)."""
        outputs = self.output(F.leaky_relu(self.hidden(x), LEAKY_SLOPE))
        mean, scale = outputs.float().chunk(2, -1) if outputs.dtype is torch.bfloat16 else outputs.chunk(2, -1)
        return mean, F.softplus(scale)


class Decoder(nn.Module):
    """Linear → LeakyReLU, then the head that a likelihood reads."""

    def __init__(self, n_latents: int, n_hidden: int, n_outputs: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.hidden = ReplicateLinear(n_latents, n_hidden, generators)
        self.head = ReplicateLinear(n_hidden, n_outputs, generators)

    def forward(self, latents: Tensor) -> Tensor:
        """Last hidden layer, (replicates, rows, hidden), of (replicates, rows, latents)."""
        return F.leaky_relu(self.hidden(latents), LEAKY_SLOPE)


class LabelDecoder(nn.Module):
    """A linear head on the latents themselves."""

    def __init__(self, n_latents: int, n_outputs: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.head = ReplicateLinear(n_latents, n_outputs, generators)

    def forward(self, latents: Tensor) -> Tensor:
        """Return the latents: there is no hidden layer."""
        return latents
