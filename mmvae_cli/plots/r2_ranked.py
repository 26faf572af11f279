"""R² of single features, from the best predicted one to the worst."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mmvae_cli.evaluation.figures import HIGHEST
from mmvae_cli.plots.r2 import cut_note, floor_of
from mmvae_cli.plots.record import FROM, feature_scores
from mmvae_cli.plots.style import GREY, canvas, legend, palette, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData

LOWEST = -0.5


def r2_ranked(
    mdata: MuData, *, key: str = "mmvae", ax: Axes | None = None, kind: str = "cross", lowest: float = LOWEST
) -> Axes:
    """Draw the features' R² on held-out samples in falling order, a curve for each modality.

    Parameters
    ----------
    mdata
        As ``evaluate`` leaves it.
    key
        Under which results were written.
    ax
        Axes to draw on; new ones on a figure of their own where None.
    kind
        Predicted from the other modalities (``"cross"``), from its own (``"self"``) or from all (``"joint"``).
    lowest
        R² below which features are not shown; how many they are is said.

    Raises
    ------
    DataError
        If ``evaluate`` has not been run.
    """
    scores = feature_scores(mdata, key, kind)
    with canvas(ax, 5.6, 2.9) as axis:
        for (name, frame), colour in zip(scores.items(), palette(len(scores)), strict=True):
            if frame.empty:  # no feature varies in the held-out samples
                continue
            ranked = np.sort(frame["r2"].to_numpy())[::-1]
            share = 100 * (np.arange(len(ranked)) + 0.5) / len(ranked)
            n_above = int((ranked > 0).sum())
            label = f"{short(name)}: {n_above:,} of {len(ranked):,} above 0"
            axis.plot(share, ranked, color=colour, linewidth=1.6, label=label, marker="." if len(ranked) < 30 else "")
        axis.axhline(0, color=GREY, linewidth=0.8, linestyle=":")
        axis.set_xlim(0, 100)
        axis.set_ylim(floor_of(axis, lowest), HIGHEST)
        axis.set_xlabel("features, best predicted first [%]")
        axis.set_ylabel(f"R² of a feature,\n{FROM[kind]}")
        legend(axis, title=cut_note(pd.concat(scores.values())["r2"], axis.get_ylim()[0]))
    return axis
