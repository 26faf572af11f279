"""Samples by their latents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mmvae_cli.errors import DataError, UsageError
from mmvae_cli.plots.colours import scatter
from mmvae_cli.plots.coordinates import Places, places
from mmvae_cli.plots.record import TRAIN, block_columns, column, find_modality, latent_names, matrix
from mmvae_cli.plots.style import canvas, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData

MOST_POINTS = 50_000


def latents(
    mdata: MuData,
    color: str | None = None,
    block: str = "shared",
    *,
    basis: str | None = None,
    most: int = MOST_POINTS,
    key: str = "mmvae",
    ax: Axes | None = None,
) -> Axes:
    """Draw the samples as points in the plane of their latents.

    Two latents are the axes themselves; of more there is a UMAP with a fixed seed, of one a strip. The data are left
    as they are: to use a UMAP of your own, name it with ``basis``.

    Parameters
    ----------
    mdata
        As ``train`` leaves it.
    color
        Column of the samples: classes, or numbers; None for one colour.
    block
        ``"shared"``, or a modality for its private latents.
    basis
        Places that stand in ``obsm`` already, such as ``"X_umap"``, (n_samples, 2).
    most
        Of more samples than these, some are drawn at random, always the same ones; 50,000 take UMAP a minute.
    key
        Under which results were written.
    ax
        Axes to draw on; new ones on a figure of their own where None.

    Raises
    ------
    DataError
        If there are no such latents, no such column or no such basis.
    """
    if most < 1:
        raise UsageError(f"most is {most}", hint="1 or more samples can be drawn")
    values, samples, names = _values(mdata, block, basis, key)
    known = np.flatnonzero(np.isfinite(values).all(axis=1))
    if not len(known):
        raise DataError(f"no sample has latents of the block {block!r}", hint=TRAIN)
    if len(known) > most:
        known = np.sort(np.random.default_rng(0).permutation(known)[:most])
    values, samples = values[known], samples[known]
    colouring = None if color is None else column(mdata, color).reindex(samples)
    found = Places(values[:, :2], (names[0], names[1])) if basis is not None else places(values, names)
    with canvas(ax, 3.2 if color is None else 4.4, 3.0) as axis:
        scatter(axis, found.values, colouring)
        axis.set_xlabel(short(found.axes[0]))
        axis.set_ylabel(short(found.axes[1]))
        if found.axes[1] == "":
            axis.set_ylim(-0.45, 0.45)
        if found.axes[1] == "" or names[0] != found.axes[0]:  # places have no unit
            axis.set_yticks([])
        if names[0] != found.axes[0]:
            axis.set_xticks([])
        axis.set_title(
            _title(block, len(known), find_modality(mdata, block).n_obs if block in mdata.mod else mdata.n_obs)
        )
    return axis


def _title(block: str, n_drawn: int, n_samples: int) -> str:
    what = "shared latents" if block == "shared" else f"private latents of {short(block)}"
    return f"{what}, {n_drawn:,} samples" if n_drawn == n_samples else f"{what},\n{n_drawn:,} of {n_samples:,} samples"


def _values(mdata: MuData, block: str, basis: str | None, key: str) -> tuple[np.ndarray, pd.Index, list[str]]:
    """Latents or places of the samples, whose names they are, and what the columns are called."""
    columns = block_columns(mdata, key, block)
    holder = mdata if block == "shared" else find_modality(mdata, block)
    names = [latent_names(mdata, key)[place] for place in columns]
    if basis is None:
        found = matrix(holder, "obsm", f"X_{key}_{'shared' if block == 'shared' else 'private'}", TRAIN)
        if found.shape[1] != len(names):
            raise DataError(f"the block {block!r} has {found.shape[1]} columns, not {len(names)}", hint=TRAIN)
    else:
        found, names = matrix(holder, "obsm", basis, "compute it, as with scanpy.tl.umap"), [f"{basis} 1", f"{basis} 2"]
        if found.shape[1] < 2:
            raise DataError(f"obsm[{basis!r}] has a single column", hint="two are needed")
    return found, holder.obs_names, names
