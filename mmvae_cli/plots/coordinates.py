"""Latents as places in a plane: themselves where there are two, else UMAP."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass

import numpy as np

FEWEST = 10  # samples; with fewer, neighbours say nothing
NEIGHBOURS = 15
SEED = 0


@dataclass(frozen=True)
class Places:
    """Where samples are drawn, (n_samples, 2), and what the axes are; one latent has jitter for the second."""

    values: np.ndarray
    axes: tuple[str, str]


def places(latents: np.ndarray, names: list[str]) -> Places:
    """Find the places of samples in a plane.

    Parameters
    ----------
    latents
        (n_samples, n_latents), without nan.
    names
        Of the latents.
    """
    if latents.shape[1] == 1:
        jitter = np.random.default_rng(SEED).uniform(-0.3, 0.3, len(latents))
        return Places(np.column_stack([latents[:, 0], jitter]), (names[0], ""))
    if latents.shape[1] == 2 or len(latents) < FEWEST:
        return Places(latents[:, :2], (names[0], names[1]))
    return Places(_umap(latents), ("UMAP 1", "UMAP 2"))


def _umap(latents: np.ndarray) -> np.ndarray:
    """The same for the same latents: from a fixed seed."""
    import scanpy
    from anndata import AnnData

    adata = AnnData(latents.astype(np.float32))
    verbose = logging.getLogger("numba").level
    logging.getLogger("numba").setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the libraries below scanpy
            scanpy.pp.neighbors(adata, n_neighbors=min(NEIGHBOURS, len(latents) - 1), use_rep="X", random_state=SEED)
            scanpy.tl.umap(adata, random_state=SEED)
    finally:
        logging.getLogger("numba").setLevel(verbose)
    return np.asarray(adata.obsm["X_umap"], dtype=np.float64)
