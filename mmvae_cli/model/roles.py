"""Features with the role ``shared``: what shared encoders read, and what is scored where another modality encoded."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn


class SharedFeatures(nn.Module):
    """The features of a modality that carry shared signal, each replicate its own; padded where numbers differ.

    Parameters
    ----------
    roles
        (replicates, features) True for the features with the role ``shared``.
    """

    columns: Tensor  # (replicates, widest) positions, 0 in the padding
    valid: Tensor  # (replicates, widest) False in the padding

    def __init__(self, roles: Tensor) -> None:
        super().__init__()
        self.n_features = roles.shape[1]
        counts = roles.sum(1)
        widest = int(counts.max())
        # a stable sort brings the shared features to the front, in their order
        columns = roles.to(torch.uint8).sort(stable=True, dim=1, descending=True).indices[:, :widest]
        valid = torch.arange(widest, device=roles.device) < counts[:, None]
        self.register_buffer("columns", torch.where(valid, columns, 0), persistent=False)
        self.register_buffer("valid", valid, persistent=False)
        self._note_everything()

    def _note_everything(self) -> None:
        """Note whether every feature is shared in every replicate, so that taking changes nothing."""
        self.everything = self.columns.shape[1] == self.n_features and bool(self.valid.all())

    @property
    def counts(self) -> list[int]:
        """Number of shared features of each replicate."""
        return cast("list[int]", self.valid.sum(1).tolist())

    def take(self, values: Tensor) -> Tensor:
        """(replicates, rows, widest) of (replicates, rows, features); 0 or False in the padding."""
        if self.everything:
            return values
        at = self.columns.unsqueeze(1).expand(-1, values.shape[1], -1)
        return torch.where(self.valid.unsqueeze(1), values.gather(2, at), values.new_zeros(()))

    def spread(self, values: Tensor, others: float = torch.nan) -> Tensor:
        """(replicates, rows, features) of (replicates, rows, widest); ``others`` for all other features."""
        if self.everything:
            return values
        full = values.new_full((*values.shape[:2], self.n_features + 1), others)  # the last one for the padding
        at = torch.where(self.valid, self.columns, self.n_features)
        return full.scatter(2, at.unsqueeze(1).expand_as(values), values)[..., :-1]

    def of(self, replicates: Sequence[int]) -> SharedFeatures:
        """Those of some replicates; the width stays, as parameters depend on it."""
        chosen = copy.copy(self)
        chosen._buffers = {name: value[list(replicates)] for name, value in self._buffers.items() if value is not None}
        chosen._note_everything()
        return chosen


@dataclass(frozen=True)
class Structure:
    """What differs between the replicates of a model without being a parameter.

    Attributes
    ----------
    owned
        (modalities, replicates, latents) True where a modality owns a latent that the replicate uses.
    features
        By modality; None where features have no roles.
    trust
        (modalities, replicates) factors of the encoders' precisions in the joint embedding.
    """

    owned: Tensor
    features: Sequence[SharedFeatures | None]
    trust: Tensor

    def of(self, replicates: Sequence[int]) -> Structure:
        """That of some replicates."""
        features = [None if each is None else each.of(replicates) for each in self.features]
        return Structure(self.owned[:, list(replicates)], features, self.trust[:, list(replicates)])
