"""Maps of the latents: two of them, or where there are more their principal components, or a UMAP of many samples."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from mmvae_cli.data.random import keyed_generator
from mmvae_cli.reporting.content import Block
from mmvae_cli.reporting.encode import quantised

UMAP_SAMPLES = 6_000  # half for the shared block, half for all others: more take longer than the rest of the page
FEWEST_SAMPLES = 500  # for a UMAP; of fewer, principal components show as much and distort nothing
NEIGHBOURS = 15
MOST_VALUES = 2_000_000  # latents × samples kept in the page, of all blocks
SEED = 0


def encoded(blocks: tuple[Block, ...]) -> list[dict[str, Any]]:
    """Coordinates of all blocks, the shared one first, for the script of the page; nan where a sample is not drawn."""
    n_samples = max((len(block.latents) for block in blocks), default=0)
    most = max(2, MOST_VALUES // max(n_samples * len(blocks), 1))
    half, n_others = UMAP_SAMPLES // 2, max(len(blocks) - 1, 1)
    return [_encoded(block, most, half // (n_others if place else 1)) for place, block in enumerate(blocks)]


def _encoded(block: Block, most: int, most_drawn: int) -> dict[str, Any]:
    latents, n_latents = block.latents, block.latents.shape[1]
    axes = list(zip(block.names, latents.T, strict=True))[:most]
    known = np.flatnonzero(np.isfinite(latents).all(1)) if n_latents else np.array([], dtype=np.int64)
    start, caption = 0, ""
    if n_latents == 1:
        axes.append(("(random)", keyed_generator(SEED, "height", block.name).random(len(latents))))
        caption = "There is one latent; the height of a point is random, so that points do not hide each other."
    elif n_latents > 2 and len(known) > 2:
        start = len(axes)
        components, share = principal_components(latents[known])
        axes += _axes("component", components, known, len(latents))
        caption = f"Principal components of {n_latents} latents: they hold {share:.0%} of what samples differ by."
        if len(known) >= FEWEST_SAMPLES:
            start, chosen = len(axes), _some(known, block.name, most_drawn)
            axes += _axes("UMAP", umap(latents[chosen]), chosen, len(latents))
            caption = _umap_caption(n_latents, len(chosen), len(known))
    encoded_axes = [{"name": name, "values": quantised(values)} for name, values in axes]
    return {"name": block.name, "axes": encoded_axes, "start": [start, start + 1], "caption": caption}


def _axes(name: str, coordinates: np.ndarray, rows: np.ndarray, n_samples: int) -> list[tuple[str, np.ndarray]]:
    """Two axes over all samples, nan where a sample is in no row."""
    whole = np.full((n_samples, 2), np.nan)
    whole[rows] = coordinates
    return [(f"{name} {axis + 1}", values) for axis, values in enumerate(whole.T)]


def _umap_caption(n_latents: int, n_chosen: int, n_known: int) -> str:
    said = f"UMAP of {n_latents} latents (seed {SEED}): near points are alike, distances between groups mean little."
    if n_chosen < n_known:
        said += f" It shows {n_chosen:,} of {n_known:,} samples, drawn at random; the latents themselves show all."
    return said


def _some(known: np.ndarray, name: str, most: int) -> np.ndarray:
    if len(known) <= most:
        return known
    return np.sort(keyed_generator(SEED, "map", name).choice(known, most, replace=False))


def principal_components(latents: np.ndarray) -> tuple[np.ndarray, float]:
    """(n_samples, 2) first two principal components, and their share of the variance."""
    centred = latents.astype(np.float64) - latents.mean(axis=0, dtype=np.float64)
    _, values, directions = np.linalg.svd(centred, full_matrices=False)
    directions *= np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])[:, None]
    share = float((values[:2] ** 2).sum() / max((values**2).sum(), np.finfo(float).tiny))
    return centred @ directions[:2].T, share


def umap(latents: np.ndarray) -> np.ndarray:
    """(n_samples, 2) UMAP of latents (n_samples, n_latents), with a fixed seed."""
    import anndata
    import scanpy

    adata = anndata.AnnData(latents.astype(np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed makes it run on one thread
        scanpy.pp.neighbors(adata, n_neighbors=min(NEIGHBOURS, len(latents) - 1), use_rep="X", random_state=SEED)
        scanpy.tl.umap(adata, random_state=SEED)
    return np.asarray(adata.obsm["X_umap"])
