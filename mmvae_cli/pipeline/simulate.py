"""``mmvae simulate``: synthetic data with known shared and private latents."""

from __future__ import annotations

from mudata import MuData

from mmvae_cli.config import SimulateConfig
from mmvae_cli.data.simulate import simulate_mudata
from mmvae_cli.pipeline.latent_sizes import latent_sizes
from mmvae_cli.pipeline.per_modality import per_modality

SHARED, OTHER, LATENTS = 10, 100, 2  # as in Märtens and Yau 2023, section 4.1


def simulate(config: SimulateConfig) -> tuple[MuData, dict[str, object]]:
    """Draw the data; returns them and a summary."""
    names = list(config.modalities)
    shared = per_modality(config.shared, names, "--shared")
    other = per_modality(config.other, names, "--other")
    private, n_shared = latent_sizes(config.latent, names, default=LATENTS)
    numbers = {
        "shared": {name: SHARED if shared[name] is None else int(str(shared[name])) for name in names},
        "other": {name: OTHER if other[name] is None else int(str(other[name])) for name in names},
    }
    mdata = simulate_mudata(
        n_samples=config.samples,
        modalities=names,
        shared=numbers["shared"],
        other=numbers["other"],
        n_shared_latents=n_shared,
        n_private_latents=private,
        noise=config.noise,
        sparsity=config.sparsity,
        seed=config.seed,
    )
    summary = {"command": "simulate", "samples": config.samples, **numbers, "shared_latents": n_shared,
               "private_latents": private, "noise": config.noise, "sparsity": config.sparsity,
               "seed": config.seed}  # fmt: skip
    return mdata, summary
