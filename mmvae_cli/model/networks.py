"""Encoders and decoders with a leading replicate axis on every parameter, so that R seeds train at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAKY_SLOPE = 0.01


Size = int | Sequence[int]  # the same for all replicates, or one for each


def _of_each(size: Size, n_replicates: int) -> list[int]:
    return [size] * n_replicates if isinstance(size, int) else list(size)


def _uniform(bound: float, generator: torch.Generator, *shape: int) -> Tensor:
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)


class ReplicateLinear(nn.Module):
    """A linear layer for each replicate.

    Weights and biases start uniform in ±1/√in, as torch's own layer does, each replicate from its own generator.

    Parameters
    ----------
    n_inputs, n_outputs
        Sizes of the layer; a list gives each replicate its own, filled up with zeros that nothing ever reaches.
    generators
        One per replicate; on the CPU, so that a seed means the same weights on every device.
    """

    def __init__(self, n_inputs: Size, n_outputs: Size, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        inputs, outputs = (_of_each(size, len(generators)) for size in (n_inputs, n_outputs))
        self.n_inputs = inputs  # of each replicate it was made with
        weight = torch.zeros(len(generators), max(inputs), max(outputs))
        bias = torch.zeros(len(generators), 1, max(outputs))
        for replicate, (generator, rows, columns) in enumerate(zip(generators, inputs, outputs, strict=True)):
            bound = 1.0 / math.sqrt(max(rows, 1))
            weight[replicate, :rows, :columns] = _uniform(bound, generator, rows, columns)
            bias[replicate, :, :columns] = _uniform(bound, generator, 1, columns)
        self.weight = nn.Parameter(weight)  # (replicates, inputs, outputs)
        self.bias = nn.Parameter(bias)  # (replicates, 1, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (replicates, rows, inputs) to (replicates, rows, outputs)."""
        return torch.baddbmm(self.bias, x, self.weight)


class CovariateEffect(nn.Module):
    """What covariates add to a hidden layer before its activation: for each replicate a linear map without a bias.

    It starts at 0, so that a model starts as one without covariates does.
    """

    def __init__(self, n_columns: int, n_hidden: int, n_replicates: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_replicates, n_columns, n_hidden))

    def forward(self, covariates: Tensor | None, n_rows: int) -> Tensor:
        """(replicates, rows, hidden) of (replicates, samples, columns); the samples follow each other in every term."""
        if covariates is None:
            raise ValueError("the model was made for covariates, and the batch has none")
        added = torch.bmm(covariates, self.weight)
        return added.repeat(1, n_rows // max(1, added.shape[1]), 1)


def _effect(n_columns: int, n_hidden: int, n_replicates: int) -> CovariateEffect | None:
    return CovariateEffect(n_columns, n_hidden, n_replicates) if n_columns else None


def _activated(hidden: Tensor, effect: CovariateEffect | None, covariates: Tensor | None) -> Tensor:
    """Hidden layer (replicates, rows, hidden) after covariates, where it knows any, and activation."""
    return F.leaky_relu(hidden if effect is None else hidden + effect(covariates, hidden.shape[1]), LEAKY_SLOPE)


class Encoder(nn.Module):
    """Linear → LeakyReLU → Linear, split into the mean and, through softplus, the sd of every latent."""

    def __init__(
        self,
        n_features: Size,
        n_hidden: int,
        n_latents: int,
        generators: Sequence[torch.Generator],
        n_covariates: int = 0,
    ) -> None:
        super().__init__()
        self.hidden = ReplicateLinear(n_features, n_hidden, generators)
        self.output = ReplicateLinear(n_hidden, 2 * n_latents, generators)
        self.effect = _effect(n_covariates, n_hidden, len(generators))

    def forward(self, x: Tensor, covariates: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and sd, each (replicates, samples, latents), of (replicates, samples, features)."""
        outputs = self.output(_activated(self.hidden(x), self.effect, covariates))
        mean, scale = outputs.float().chunk(2, -1) if outputs.dtype is torch.bfloat16 else outputs.chunk(2, -1)
        return mean, F.softplus(scale)


class Decoder(nn.Module):
    """Linear → LeakyReLU, then the head that a likelihood reads."""

    def __init__(
        self,
        n_latents: int,
        n_hidden: int,
        n_outputs: Size,
        generators: Sequence[torch.Generator],
        n_covariates: int = 0,
    ) -> None:
        super().__init__()
        self.hidden = ReplicateLinear(n_latents, n_hidden, generators)
        self.head = ReplicateLinear(n_hidden, n_outputs, generators)
        self.effect = _effect(n_covariates, n_hidden, len(generators))

    def forward(self, latents: Tensor, covariates: Tensor | None = None) -> Tensor:
        """Last hidden layer, (replicates, rows, hidden), of (replicates, rows, latents).

        Rows are samples, term by term; ``covariates`` (replicates, samples, columns).
        """
        return _activated(self.hidden(latents), self.effect, covariates)


class LabelDecoder(nn.Module):
    """A linear head on the latents themselves."""

    def __init__(self, n_latents: int, n_outputs: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.head = ReplicateLinear(n_latents, n_outputs, generators)

    def forward(self, latents: Tensor) -> Tensor:
        """Return the latents: there is no hidden layer."""
        return latents
