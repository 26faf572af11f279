"""R² of single features: box plots for each modality and set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mmvae_cli.evaluation.figures import HIGHEST, LOWEST_R2
from mmvae_cli.plots.record import FROM, feature_scores
from mmvae_cli.plots.style import GREY, SETS, canvas, legend, name_columns, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData


def r2(
    mdata: MuData, *, key: str = "mmvae", ax: Axes | None = None, kind: str = "cross", lowest: float = LOWEST_R2
) -> Axes:
    """Draw box plots of the features' R² on held-out samples, for each modality its shared features beside its others.

    Boxes are quartiles, whiskers end at the last value within 1.5 times their range; what is beyond is not drawn.

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
    parts = [part for part in SETS if any((frame["part"] == part).any() for frame in scores.values())]
    width = 0.35 + 0.35 * len(parts)
    with canvas(ax, 2.4 + width * len(scores), 2.9) as axis:
        for place, part in enumerate(parts):
            _boxes(axis, [frame.loc[frame["part"] == part, "r2"] for frame in scores.values()], place, parts)
        axis.axhline(0, color=GREY, linewidth=0.8, linestyle=":")
        name_columns(axis, list(scores), width)
        axis.set_xlim(-0.6, len(scores) - 0.4)
        axis.set_ylim(floor_of(axis, lowest), HIGHEST)
        axis.set_ylabel(f"R² of a feature,\n{FROM[kind]}")
        cut = cut_note(pd.concat(scores.values())["r2"], axis.get_ylim()[0])
        legend(
            axis, title="\n".join(filter(None, ("no outliers drawn", cut))), handles=[_patch(part) for part in parts]
        )
    return axis


def floor_of(axis: Axes, lowest: float) -> float:
    """Where an axis of R² ends below: at a number that can be said with one digit, or at ``lowest``."""
    return max(lowest, min(np.floor(axis.get_ylim()[0] * 10) / 10, -0.1))


def cut_note(values: pd.Series, lowest: float) -> str | None:
    """How many features are too low to be shown."""
    n_cut = int((values < lowest).sum())
    if not n_cut:
        return None
    floor = number(lowest, 1 if round(lowest, 1) == lowest else 2)
    return f"{n_cut:,} of {len(values):,} features\nbelow {floor} cut off"


def _boxes(axis: Axes, values: list[pd.Series], place: int, parts: list[str]) -> None:
    width = 0.8 / len(parts)
    positions = np.arange(len(values)) + (place - (len(parts) - 1) / 2) * width
    drawn = axis.boxplot(
        [one.to_numpy() for one in values],
        positions=positions,
        widths=width * 0.85,
        showfliers=False,
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": SETS[parts[place]], "edgecolor": "#333333", "linewidth": 0.7, "alpha": 0.85},
        medianprops={"color": "black", "linewidth": 1.2},
        whiskerprops={"color": "#333333", "linewidth": 0.7},
        capprops={"color": "#333333", "linewidth": 0.7},
    )
    for box in drawn["boxes"]:
        box.set_label("_" + parts[place])


def _patch(part: str) -> object:
    from matplotlib.patches import Patch

    return Patch(facecolor=SETS[part], edgecolor="#333333", linewidth=0.7, alpha=0.85, label=f"{part} features")
