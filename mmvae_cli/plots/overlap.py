"""Which samples have which modalities."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmvae_cli.errors import DataError, counted
from mmvae_cli.plots.style import BLUE, FAINT, grid, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from mudata import MuData

INK = "#333333"


def overlap(mdata: MuData, *, key: str = "mmvae", most: int = 30) -> Figure:
    """Draw an UpSet plot: samples of every combination of modalities, and of each modality.

    Parameters
    ----------
    mdata
        Any MuData.
    key
        Under which results were written: modalities that the model does not use are left out. All are shown where
        nothing is written.
    most
        Combinations that are shown; how many samples the others have is said.

    Raises
    ------
    DataError
        If there is no sample.
    """
    names = _modalities(mdata, key)
    has = np.stack([mdata.obs_names.isin(mdata.mod[name].obs_names) for name in names], axis=1)
    sets, counts = np.unique(has[has.any(axis=1)], axis=0, return_counts=True)
    if not len(counts):
        raise DataError("no sample has a modality", hint="look at mdata.mod")
    order = np.lexsort((-sets.sum(axis=1), -counts))
    sets, counts = sets[order], counts[order]
    ratios = {"width_ratios": (1.6, 0.5 + 0.35 * min(len(counts), most)), "height_ratios": (1.7, 0.35 * len(names))}
    width, height = sum(ratios["width_ratios"]) / 2 + 0.6, sum(ratios["height_ratios"]) / 2 + 0.4
    with grid(2, 2, width, height, sharex="col", sharey="row", gridspec_kw=ratios) as (figure, axes):
        axes[0, 0].set_axis_off()
        _counts(axes[0, 1], counts[:most])
        _totals(axes[1, 0], has.sum(axis=0))
        _dots(axes[1, 1], sets[:most], shown(names))
        left = counts[most:]
        if len(left):
            rest = f"{counted(len(left), 'more combination')}, {counted(int(left.sum()), 'sample')}"
            axes[0, 1].set_title(rest, loc="right", fontsize=8)
    return figure


def _modalities(mdata: MuData, key: str) -> list[str]:
    known = mdata.uns.get(key, {})
    used = json.loads(known["training"])["modalities"] if "training" in known else mdata.mod
    return [name for name in mdata.mod if name in used]


def _counts(axis: Axes, counts: np.ndarray) -> None:
    bars = axis.bar(range(len(counts)), counts, 0.62, color=BLUE)
    axis.bar_label(bars, [f"{count:,}" for count in counts], padding=2, fontsize=8)
    axis.margins(y=0.14)
    axis.set_ylabel("samples")
    axis.tick_params(axis="x", length=0, labelbottom=False)
    axis.tick_params(axis="y", labelleft=True)


def _totals(axis: Axes, totals: np.ndarray) -> None:
    axis.barh(range(len(totals)), totals, 0.5, color=INK)
    for place, total in enumerate(totals):
        axis.annotate(
            f"{total:,}", (total, place), (-3, 0), textcoords="offset points", ha="right", va="center", size=8
        )
    axis.set_xlim(1.5 * max(totals.max(), 1), 0)
    axis.set_xlabel("samples")
    axis.spines[["left"]].set_visible(False)
    axis.tick_params(axis="y", length=0, labelleft=False)


def _dots(axis: Axes, sets: np.ndarray, names: Sequence[str]) -> None:
    for place, one in enumerate(sets):
        rows = np.flatnonzero(one)
        axis.plot([place] * len(names), range(len(names)), "o", color=FAINT, markersize=6)
        axis.plot([place] * len(rows), rows, "o-", color=INK, markersize=6, linewidth=1.5)
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xlim(-0.6, len(sets) - 0.4)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0, labelbottom=False, labelleft=True)
    axis.set_xticks([])
