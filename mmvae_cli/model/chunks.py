"""Log-densities of wide modalities, some features at a time, so that decoder outputs never exist all at once.

Outputs for 128 samples, 3 terms and 26,000 features take 40 MB; a likelihood makes up to six such tensors, and keeps up
to two of them for its backward pass. Here that computes the outputs of a chunk again: one more product of matrices,
which working within the cache gives back.

Source: Hsu et al., Liger Kernel: efficient Triton kernels for LLM training, 2024 (linear layer and loss by chunks);
Chen et al., Training deep nets with sublinear memory cost, 2016 (computing again what was not kept).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mmvae_cli.model.heads import LinearHead

LogDensity = Callable[[Tensor, Tensor, LinearHead, Mapping[str, Tensor], Tensor | None], Tensor]

NARROWEST = 128  # features of a chunk, however many samples there are


@dataclass(frozen=True)
class Chunking:
    """Numbers of outputs, over all replicates, terms, samples and features.

    Attributes
    ----------
    wide
        Above which they are not made at once.
    chunk
        Of a chunk.
    """

    wide: int
    chunk: int


ON_CPU = Chunking(2**23, 2**19)  # 32 MB; 2 MB, about what a core's cache holds
ON_GPU = Chunking(2**26, 2**24)  # 256 MB; 64 MB, enough work for each of its kernels


def _chunking(on_gpu: bool) -> Chunking:
    return ON_GPU if on_gpu else ON_CPU


def is_wide(n_outputs: int, *, on_gpu: bool) -> bool:
    """Whether so many outputs, over all replicates, terms, samples and features, are not made at once."""
    return n_outputs > _chunking(on_gpu).wide


def by_chunks(
    log_density: LogDensity,
    x: Tensor,
    hidden: Tensor,
    head: LinearHead,
    parameters: Mapping[str, Tensor],
    counted: Tensor | None,
) -> Tensor:
    """As a likelihood's ``log_density``, equal up to rounding; in chunks where there are many outputs."""
    on_gpu, n_features, n_rows = x.device.type != "cpu", x.shape[2], hidden.shape[0] * hidden.shape[1]
    if not is_wide(n_rows * n_features, on_gpu=on_gpu) or head.weight.shape[2] != n_features:
        return log_density(x, hidden, head, parameters, counted)
    width = max(NARROWEST, _chunking(on_gpu).chunk // n_rows)
    names, values = tuple(parameters), tuple(parameters.values())
    found: Tensor = _Chunked.apply(  # type: ignore[no-untyped-call]
        log_density, width, names, x, counted, head.offset, hidden, head.weight, head.bias, *values
    )
    return found


class _Chunked(torch.autograd.Function):
    """Sum of the log-densities of all chunks; the backward pass goes through each chunk once more."""

    @staticmethod
    def forward(
        ctx: Any,
        log_density: LogDensity,
        width: int,
        names: tuple[str, ...],
        x: Tensor,
        counted: Tensor | None,
        offset: Tensor | None,
        *learned: Tensor,
    ) -> Tensor:
        device = x.device.type
        ctx.autocast = (device, torch.get_autocast_dtype(device), torch.is_autocast_enabled(device))
        ctx.log_density, ctx.width, ctx.names = log_density, width, names
        ctx.save_for_backward(x, counted, offset, *learned)
        total: Tensor = torch.zeros(())
        for chunk in _chunks(x.shape[2], width):
            total = total.to(x.device) + _of_chunk(ctx, x, counted, offset, _parts(learned, chunk), chunk)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, counted, offset, *learned = ctx.saved_tensors
        found = [torch.zeros_like(learned[0]), *(torch.empty_like(values) for values in learned[1:])]
        for chunk in _chunks(x.shape[2], ctx.width):
            with torch.enable_grad():
                parts = [part.detach().requires_grad_() for part in _parts(learned, chunk)]
                value = _of_chunk(ctx, x, counted, offset, parts, chunk)
            of_hidden, *others = torch.autograd.grad(value, parts, gradients[0])
            found[0] += of_hidden
            for whole, part in zip(found[1:], others, strict=True):
                whole[..., chunk] = part
        return (None,) * 6 + tuple(found)


def _chunks(n_features: int, width: int) -> list[slice]:
    return [slice(start, start + width) for start in range(0, n_features, width)]


def _parts(learned: tuple[Tensor, ...] | list[Tensor], chunk: slice) -> list[Tensor]:
    """The hidden layer, and a chunk of everything that has a value for each feature."""
    return [learned[0], *(values[..., chunk] for values in learned[1:])]


def _of_chunk(
    ctx: Any, x: Tensor, counted: Tensor | None, offset: Tensor | None, parts: list[Tensor], chunk: slice
) -> Tensor:
    device, dtype, enabled = ctx.autocast
    hidden, weight, bias, *values = parts
    with torch.autocast(device, dtype, enabled):
        value: Tensor = ctx.log_density(
            x[..., chunk],
            hidden,
            LinearHead(weight, bias, offset),
            dict(zip(ctx.names, values, strict=True)),
            None if counted is None else counted[..., chunk],
        )
    return value
