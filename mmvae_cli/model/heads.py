"""The last layer of a decoder, as a likelihood reads it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mmvae_cli.model.networks import ReplicateLinear


@dataclass(frozen=True)
class LinearHead:
    """A linear layer to the outputs of a decoder.

    Attributes
    ----------
    weight, bias
        (replicates, hidden units, outputs) and (replicates, 1, outputs).
    offset
        (replicates, rows, 1) added to all outputs of a row; None for 0.
    """

    weight: Tensor
    bias: Tensor
    offset: Tensor | None = None

    @staticmethod
    def of(layer: ReplicateLinear) -> LinearHead:
        """Read a layer with the weights it has now."""
        return LinearHead(layer.weight, layer.bias)

    def __call__(self, hidden: Tensor) -> Tensor:
        """(replicates, rows, outputs) of the last hidden layer (replicates, rows, hidden units)."""
        outputs = torch.baddbmm(self.bias, hidden, self.weight)
        return outputs if self.offset is None else outputs + self.offset
