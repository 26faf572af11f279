"""``mmvae simulate``."""

from __future__ import annotations

from typing import Any

from mmvae_cli.cli.execute import execute
from mmvae_cli.cli.parameters import TALKING, WRITING, with_options
from mmvae_cli.config import SimulateConfig


@with_options(SimulateConfig, *WRITING, *TALKING)
def simulate(**arguments: Any) -> None:
    """Draw synthetic data with known shared and private latents.

    Features are draws from Gaussian processes over the latents, standardised, plus noise; label: first
    shared latent above 0. With --sparsity each feature is cut off from below, as counts are. The truth is
    in obsm["true_shared"] and var["true_set"].

    Example: mmvae simulate --samples 500 --other rna=200 -o simulated.h5mu
    """
    execute("simulate", arguments)
