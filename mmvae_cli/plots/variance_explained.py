"""How much of each modality's variance the shared latents, the private ones and covariates explain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmvae_cli.plots.record import common_part, part_of_metrics
from mmvae_cli.plots.style import BLUE, COLOURS, FAINT, ORANGE, canvas, legend, name_columns, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData

# in the order in which they are stacked
SHARES = {"shared": BLUE, "private": ORANGE, "covariates": COLOURS[2], "noise": FAINT}
LEGIBLE = 6  # per cent: lower parts of a bar have no number in them


def variance_explained(
    mdata: MuData, *, key: str = "mmvae", ax: Axes | None = None, features: str | None = "all"
) -> Axes:
    """Draw a stacked bar for each modality: mean shares of its features' variance.

    Parameters
    ----------
    mdata
        As ``evaluate`` leaves it.
    key
        Under which results were written.
    ax
        Axes to draw on; new ones on a figure of their own where None.
    features
        ``"all"``, or the set of features whose mean is shown: ``"shared"``, ``"other"``.

    Raises
    ------
    DataError
        If ``evaluate`` has not been run, or no modality has such features.
    """
    found = part_of_metrics(mdata, key, "variance", "variance explained")
    part = common_part((one["sets"] for one in found.values()), features)
    shares = {name: one["sets"].get(part) or {} for name, one in found.items()}
    kinds = [kind for kind in SHARES if any(one.get(kind) is not None for one in shares.values())]
    with canvas(ax, 1.9 + 0.75 * len(found), 2.9) as axis:
        bottom = np.zeros(len(found))
        for kind in kinds:
            heights = np.array([100 * (one.get(kind) or 0.0) for one in shares.values()])
            bars = axis.bar(range(len(found)), heights, 0.68, bottom, color=SHARES[kind], label=kind)
            texts = [number(height, 0) if height >= LEGIBLE else "" for height in heights]
            axis.bar_label(bars, texts, label_type="center", color="white" if kind == "shared" else "black", fontsize=8)
            bottom += heights
        name_columns(axis, list(found), 0.75)
        axis.set_xlim(-0.6, len(found) - 0.4)
        axis.set_ylim(0, 100)
        axis.set_ylabel(f"variance of {'the' if part == 'all' else part} features [%]")
        legend(axis, title="explained by", reverse=True)
    return axis
