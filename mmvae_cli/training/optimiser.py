"""Adam over replicates that may take different numbers of steps, and may drop out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# not torch.optim.Adam: the first one that is made loads torch's compiler, some seconds in every process
from torch.optim.adam import adam

from mmvae_cli.model.vae import MultimodalVAE

FUSED_ON = ("cpu", "cuda")  # one pass over parameter, gradient and moments


@dataclass
class _State:
    """What Adam remembers of one tensor."""

    mean: Tensor  # of the gradient
    square: Tensor  # mean of its square
    steps: Tensor  # taken, one number

    @staticmethod
    def fresh(part: Tensor) -> _State:
        return _State(torch.zeros_like(part), torch.zeros_like(part), torch.zeros((), device=part.device))


class ReplicateAdam:
    """Adam that gives each replicate what it would get alone.

    Parameters
    ----------
    model
        Its parameters have the replicates first.
    apart
        Whether replicates take different numbers of steps: each then has a count and a state of its own. Otherwise
        one step serves all of them at once, which is faster.

    Source: Kingma and Ba, Adam: a method for stochastic optimization, 2015.
    """

    def __init__(self, model: MultimodalVAE, lr: float, *, apart: bool) -> None:
        self.model, self.lr, self.apart = model, lr, apart
        self._parts = self._divided()
        self._states = [[_State.fresh(part) for part in parts] for parts in self._parts]

    def _divided(self) -> list[Sequence[Tensor]]:
        """Each parameter as the tensors that are updated by themselves."""
        values = [parameter.detach() for parameter in self.model.parameters()]
        return [value.unbind() if self.apart else [value] for value in values]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.model.zero_grad(set_to_none=True)

    @torch.no_grad()
    def step(self, busy: Sequence[bool]) -> None:
        """Update the busy replicates: momentum would carry on even those that have a gradient of 0."""
        parts, gradients, states = [], [], []
        for parameter, of_parameter, its_states in zip(
            self.model.parameters(), self._parts, self._states, strict=True
        ):  # fmt: skip
            if parameter.grad is None:
                continue
            of_gradient = parameter.grad.unbind() if self.apart else [parameter.grad]
            taken = [index for index in range(len(of_parameter)) if busy[index] or not self.apart]
            parts += [of_parameter[index] for index in taken]
            gradients += [of_gradient[index] for index in taken]
            states += [its_states[index] for index in taken]
        if parts:
            self._update(parts, gradients, states)

    def _update(self, parts: list[Tensor], gradients: list[Tensor], states: list[_State]) -> None:
        adam(
            parts, gradients,
            [state.mean for state in states], [state.square for state in states], [],
            [state.steps for state in states],
            fused=parts[0].device.type in FUSED_ON, foreach=False, amsgrad=False, beta1=0.9, beta2=0.999,
            lr=self.lr, weight_decay=0.0, eps=1e-8, maximize=False,
        )  # fmt: skip

    def keep(self, replicates: list[int]) -> None:
        """Drop all other replicates, from the model too."""
        self.model.keep(replicates)
        self._parts = self._divided()
        for states in self._states:
            if self.apart:
                states[:] = [states[replicate] for replicate in replicates]
            else:
                (state,) = states
                state.mean, state.square = state.mean[replicates].clone(), state.square[replicates].clone()
