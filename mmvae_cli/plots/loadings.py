"""The features that a latent changes most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmvae_cli.errors import DataError, UsageError, pick
from mmvae_cli.plots.record import TRAIN, block_of, find_modality, latent_names, matrix
from mmvae_cli.plots.style import BLUE, GREY, ORANGE, canvas, short, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData


def loadings(
    mdata: MuData,
    modality: str,
    latent: str | None = None,
    *,
    n: int = 15,
    names: str | None = None,
    key: str = "mmvae",
    ax: Axes | None = None,
) -> Axes:
    """Draw a bar for each of the features of a modality that a latent changes most.

    Parameters
    ----------
    mdata
        As ``train`` leaves it.
    modality
        The modality.
    latent
        Such as ``"shared_1"``, which is the default, or ``"rna_2"``; see ``uns["mmvae"]["latents"]``.
    n
        How many features.
    names
        Column of the modality's ``var`` that names the features; their index where None.
    key
        Under which results were written.
    ax
        Axes to draw on; new ones on a figure of their own where None.

    Raises
    ------
    DataError
        If ``train`` has not been run, or there is no such modality, latent or column.
    """
    known, adata = latent_names(mdata, key), find_modality(mdata, modality)
    if n < 1:
        raise UsageError(f"n is {n}", hint="1 or more features can be shown")
    own = [name for name in known if block_of(name) in ("shared", modality)]
    if not own:
        raise DataError(f"modality {modality!r} has no latents", hint="train with more, as with --latent 4")
    latent = pick(latent, own, "latent") if latent is not None else own[-1] if "shared_1" not in own else "shared_1"
    values = matrix(adata, "varm", f"{key}_loadings", TRAIN)[:, known.index(latent)]
    labels = np.asarray(adata.var_names if names is None else adata.var[pick(names, list(adata.var), "column of var")])
    ranked = np.argsort(-np.abs(np.nan_to_num(values)), kind="stable")[: min(n, int(np.isfinite(values).sum()))]
    with canvas(ax, 3.2, 0.9 + 0.18 * len(ranked)) as axis:
        colours = [BLUE if value >= 0 else ORANGE for value in values[ranked]]
        axis.barh(range(len(ranked)), values[ranked], 0.7, color=colours)
        axis.axvline(0, color=GREY, linewidth=0.8)
        axis.set_yticks(range(len(ranked)), shown([labels[place] for place in ranked]), fontsize=8)
        axis.set_ylim(len(ranked) - 0.4, -0.6)
        axis.tick_params(axis="y", length=0)
        axis.spines["left"].set_visible(False)
        _few_ticks(axis)
        axis.set_xlabel(f"change per sd of {latent}")
        axis.set_title(short(modality))
    return axis


def _few_ticks(axis: Axes) -> None:
    """Few numbers and short ones, so that those of tiny loadings (2e−06) do not touch."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.xaxis.set_major_locator(MaxNLocator(3))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
