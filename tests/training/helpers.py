"""Small training runs on made-up tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from mmvae_cli.model.objectives import OBJECTIVES
from mmvae_cli.model.spec import ModalitySpec, ModelSpec
from mmvae_cli.model.vae import MultimodalVAE
from mmvae_cli.training.fit import EpochReport, FitResult, fit
from mmvae_cli.training.loop import Recipe
from mmvae_cli.training.source import DeviceData, ModalityTensors, padded_rows
from mmvae_cli.training.tables import DenseTable

WIDTHS = (8, 6)
RECIPE = Recipe(
    epochs=4, batch_size=16, lr=1e-2, beta=1.0, warmup=0.5, patience=0, weights={}, precision=None, threads=1
)


def made_up_data(n_samples: int = 60, seed: int = 0, *, missing: bool = False) -> DeviceData:
    """Two modalities that depend on one shared latent, and noise."""
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn((n_samples, 1), generator=generator)
    modalities = []
    for index, width in enumerate(WIDTHS):
        weights = torch.randn((1, width), generator=generator)
        x = shared @ weights + 0.3 * torch.randn((n_samples, width), generator=generator)
        observed = torch.rand(n_samples, generator=generator) < 0.8 if missing and index else None
        modalities.append(ModalityTensors(DenseTable(x), observed))
    return DeviceData(tuple(modalities))


def small_model(seeds: Sequence[int], objective: str = "mmvaepp") -> MultimodalVAE:
    modalities = tuple(ModalitySpec(f"m{index}", width, 1) for index, width in enumerate(WIDTHS))
    row = OBJECTIVES[objective]
    return MultimodalVAE(ModelSpec(modalities, 2, row.posterior, n_hidden=16, shared_path=row.shared_path), seeds)


def trained(
    seeds: Sequence[int],
    *,
    train: Sequence[Sequence[int]] | None = None,
    validation: Sequence[Sequence[int]] | None = None,
    objective: str = "mmvaepp",
    data: DeviceData | None = None,
    on_epoch: object = None,
    **recipe: object,
) -> tuple[MultimodalVAE, FitResult, list[EpochReport]]:
    """Train; by default on samples 0 to 41, without validation."""
    model = small_model(seeds, objective)
    rows = padded_rows(train or [range(42)] * len(seeds))
    result = fit(
        model,
        OBJECTIVES[objective],
        data or made_up_data(),
        rows,
        None if validation is None else padded_rows(validation),
        replace(RECIPE, **recipe),  # type: ignore[arg-type]
        seeds,
        on_epoch=on_epoch,  # type: ignore[arg-type]
    )
    return model, result, list(result.history)


def weights_of(model: MultimodalVAE, replicate: int | None = None) -> dict[str, Tensor]:
    chosen = slice(None) if replicate is None else slice(replicate, replicate + 1)
    return {name: value.detach().clone()[chosen] for name, value in model.state_dict().items()}


def largest_difference(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    return max(float((first[name] - second[name]).abs().max()) for name in first)
