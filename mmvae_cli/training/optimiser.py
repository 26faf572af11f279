"""Adam over replicates that may take different numbers of steps, and may drop out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# not torch.optim.Adam: the first one that is made loads torch's compiler, some seconds in every process
from torch.optim.adam import adam

from mmvae_cli.model.networks import ReplicateLinear
from mmvae_cli.model.vae import MultimodalVAE

FUSED_ON = ("cpu", "cuda")  # one pass over parameter, gradient and moments


@dataclass
class _State:
    """What Adam remembers of one tensor."""

    mean: Tensor  # of the gradient
    square: Tensor  # mean of its square
    steps: Tensor  # taken, one number
    lr: float  # its learning rate

    @staticmethod
    def fresh(part: Tensor, lr: float) -> _State:
        return _State(torch.zeros_like(part), torch.zeros_like(part), torch.zeros((), device=part.device), lr)


class ReplicateAdam:
    """Adam that gives each replicate what it would get alone.

    Parameters
    ----------
    model
        Its parameters have the replicates first.
    apart
        Whether replicates take different numbers of steps: each then has a count and a state of its own. Otherwise
        one step serves all of them at once, which is faster.
    wide_layer
        Weights of a layer with more inputs than that learn at ``lr · √(wide_layer / inputs)``: a step of Adam moves
        each weight by as much, so that what a unit adds up moves the more, the more inputs it has.

    Source: Kingma and Ba, Adam: a method for stochastic optimization, 2015; for the width after Yang et al., Tuning
    large neural networks via zero-shot hyperparameter transfer, 2022.
    """

    def __init__(self, model: MultimodalVAE, lr: float, *, apart: bool, wide_layer: int | None = None) -> None:
        self.model = model
        factors = _factors(model, wide_layer)
        lrs = [[lr * factor for factor in factors.get(name, [1.0])] for name, _ in model.named_parameters()]
        self._apart = [apart or len(set(own)) > 1 for own in lrs]
        self._parts = self._divided()
        self._states = [
            [_State.fresh(part, own[index if len(own) > 1 else 0]) for index, part in enumerate(parts)]
            for own, parts in zip(lrs, self._parts, strict=True)
        ]

    def _divided(self) -> list[Sequence[Tensor]]:
        """Each parameter as the tensors that are updated by themselves."""
        values = [parameter.detach() for parameter in self.model.parameters()]
        return [value.unbind() if apart else [value] for value, apart in zip(values, self._apart, strict=True)]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.model.zero_grad(set_to_none=True)

    @torch.no_grad()
    def step(self, busy: Sequence[bool]) -> None:
        """Update the busy replicates: momentum would carry on even those that have a gradient of 0."""
        chosen: dict[float, list[tuple[Tensor, Tensor, _State]]] = {}
        for parameter, apart, parts, states in zip(
            self.model.parameters(), self._apart, self._parts, self._states, strict=True
        ):
            if parameter.grad is None:
                continue
            gradients = parameter.grad.unbind() if apart else [parameter.grad]
            for index, (part, gradient, state) in enumerate(zip(parts, gradients, states, strict=True)):
                if busy[index] or not apart:
                    chosen.setdefault(state.lr, []).append((part, gradient, state))
        for lr, updates in chosen.items():
            _update(updates, lr)

    def keep(self, replicates: list[int]) -> None:
        """Drop all other replicates, from the model too."""
        self.model.keep(replicates)
        self._parts = self._divided()
        for apart, states in zip(self._apart, self._states, strict=True):
            if apart:
                states[:] = [states[replicate] for replicate in replicates]
            else:
                (state,) = states
                state.mean, state.square = state.mean[replicates].clone(), state.square[replicates].clone()


def _factors(model: MultimodalVAE, wide_layer: int | None) -> dict[str, list[float]]:
    """Factor of the learning rate of each replicate's weights, by parameter, for layers with inputs."""
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, ReplicateLinear)}
    if wide_layer is None:
        return {}
    return {
        f"{name}.weight": [math.sqrt(min(1.0, wide_layer / max(1, inputs))) for inputs in layer.n_inputs]
        for name, layer in layers.items()
    }


def _update(updates: Sequence[tuple[Tensor, Tensor, _State]], lr: float) -> None:
    parts, gradients, states = (list(column) for column in zip(*updates, strict=True))
    adam(
        parts, gradients,
        [state.mean for state in states], [state.square for state in states], [], [state.steps for state in states],
        fused=parts[0].device.type in FUSED_ON, foreach=False, amsgrad=False, beta1=0.9, beta2=0.999,
        lr=lr, weight_decay=0.0, eps=1e-8, maximize=False,
    )  # fmt: skip
