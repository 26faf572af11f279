"""Adam over replicates that may take different numbers of steps, and may drop out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mmvae_cli.model.vae import MultimodalVAE


class ReplicateAdam:
    """Adam that gives each replicate what it would get alone.

    Parameters
    ----------
    model
        Its parameters have the replicates first.
    apart
        Whether replicates take different numbers of steps: each then has a count and a state of its own. Otherwise
        one step serves all of them at once, which is faster.
    """

    def __init__(self, model: MultimodalVAE, lr: float, *, apart: bool) -> None:
        self.model, self.lr, self.apart = model, lr, apart
        self._start()

    def _start(self) -> None:
        """Make an optimiser without state for the parameters as they are."""
        parameters = list(self.model.parameters())
        self._parts: list[Sequence[Tensor]] = [p.detach().unbind() if self.apart else [p] for p in parameters]
        fused = parameters[0].device.type in ("cpu", "cuda")
        self.adam = torch.optim.Adam([part for parts in self._parts for part in parts], lr=self.lr, fused=fused)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.model.zero_grad(set_to_none=True)

    def step(self, busy: Sequence[bool]) -> None:
        """Update the busy replicates: momentum would carry on even those that have a gradient of 0."""
        if self.apart:
            for parameter, parts in zip(self.model.parameters(), self._parts, strict=True):
                for index, part in enumerate(parts):
                    part.grad = parameter.grad[index] if busy[index] and parameter.grad is not None else None
        self.adam.step()

    def keep(self, replicates: list[int]) -> None:
        """Drop all other replicates, from the model too."""
        old_parts, old_state = self._parts, self.adam.state
        self.model.keep(replicates)
        self._start()
        for old, new in zip(old_parts, self._parts, strict=True):
            if self.apart:
                self.adam.state.update({part: old_state[old[r]] for part, r in zip(new, replicates, strict=True)})
            else:
                self.adam.state[new[0]] = {
                    name: value[replicates].clone() if value.ndim else value
                    for name, value in old_state[old[0]].items()
                }
