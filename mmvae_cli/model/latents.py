"""Which latent belongs to whom: a private block per modality, then the shared block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LatentLayout:
    """Sizes and places of the latent blocks, ``[private 1, …, private M, shared]``.

    A modality owns its private block and the shared block; the label owns the shared block.

    Attributes
    ----------
    private
        Size of each modality's private block; may be 0.
    shared
        Size of the shared block; may be 0.
    """

    private: tuple[int, ...]
    shared: int

    @property
    def n_modalities(self) -> int:
        """How many modalities there are."""
        return len(self.private)

    @property
    def size(self) -> int:
        """How many latents there are in all."""
        return sum(self.private) + self.shared

    @property
    def shared_block(self) -> slice:
        """Columns of the shared latents."""
        return slice(sum(self.private), self.size)

    def private_block(self, modality: int) -> slice:
        """Columns of a modality's private latents."""
        start = sum(self.private[:modality])
        return slice(start, start + self.private[modality])

    def is_shared(self) -> Tensor:
        """(latents,) True in the shared block."""
        shared = torch.zeros(self.size, dtype=torch.bool)
        shared[self.shared_block] = True
        return shared

    def owned(self, n_shared: Sequence[int]) -> Tensor:
        """(modalities, replicates, latents) True where a modality owns a latent.

        ``n_shared`` says how many of the shared latents each replicate uses, the first ones of the block.
        """
        owned = torch.zeros(self.n_modalities, len(n_shared), self.size, dtype=torch.bool)
        for modality in range(self.n_modalities):
            owned[modality, :, self.private_block(modality)] = True
        for replicate, used in enumerate(n_shared):
            owned[:, replicate, self.shared_block.start : self.shared_block.start + used] = True
        return owned
