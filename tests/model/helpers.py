"""Small models and batches for the tests of the maths, in float64."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from mmvae_cli.model.batch import Batch
from mmvae_cli.model.objectives import OBJECTIVES
from mmvae_cli.model.vae import LabelSpec, ModalitySpec, ModelSpec, MultimodalVAE

SIZES = (7, 5, 6, 4)
PRIVATE = (2, 1, 3, 2)


def small_model(
    objective: str,
    n_modalities: int = 2,
    *,
    label: LabelSpec | None = None,
    seeds: Sequence[int] = (0,),
    **spec: object,
) -> MultimodalVAE:
    modalities = tuple(ModalitySpec(f"m{k}", SIZES[k], PRIVATE[k]) for k in range(n_modalities))
    model = MultimodalVAE(
        ModelSpec(modalities, 2, OBJECTIVES[objective].posterior, n_hidden=8, label=label, **spec),  # type: ignore[arg-type]
        seeds,
    )
    return model.double()


def small_batch(
    n_modalities: int = 2,
    n_samples: int = 6,
    *,
    n_replicates: int = 1,
    missing: dict[int, Sequence[int]] | None = None,
    label: bool = False,
    seed: int = 0,
) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    x = tuple(
        torch.randn(1, n_samples, SIZES[k], generator=generator, dtype=torch.float64).expand(n_replicates, -1, -1)
        for k in range(n_modalities)
    )
    observed: list[torch.Tensor | None] = [None] * n_modalities
    for modality, rows in (missing or {}).items():
        mask = torch.ones(n_replicates, n_samples, dtype=torch.bool)
        mask[:, list(rows)] = False
        observed[modality] = mask
    y = (torch.arange(n_samples) % 2).double().view(1, -1, 1).expand(n_replicates, -1, -1) if label else None
    return Batch(x, tuple(observed), n_samples, y)


def fixed_noise(seed: int = 0, n_replicates: int = 1):
    def noise(n_terms: int, n_samples: int, n_latents: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        shape = (n_terms, 1, n_samples, n_latents)
        return torch.randn(shape, generator=generator, dtype=torch.float64).expand(-1, n_replicates, -1, -1)

    return noise


def gradients(model: MultimodalVAE) -> dict[str, torch.Tensor]:
    return {
        name: torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        for name, parameter in model.named_parameters()
    }
