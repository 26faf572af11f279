"""The model's predictions beside simple ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmvae_cli.plots.record import common_part, part_of_metrics, training
from mmvae_cli.plots.style import BLUE, GREY, canvas, legend, name_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData

OTHERS = ("#4D4D4D", "#7F7F7F", "#A6A6A6", "#C6C6C6", "#E0E0E0")
HINT = "run mmvae evaluate without --no-baselines, on two modalities or more"


def baselines(mdata: MuData, *, key: str = "mmvae", ax: Axes | None = None, features: str | None = None) -> Axes:
    """Draw bars for each modality: median R² of its features from all others, by the model and by each baseline.

    Parameters
    ----------
    mdata
        As ``evaluate`` leaves it.
    key
        Under which results were written.
    ax
        Axes to draw on; new ones on a figure of their own where None.
    features
        The set of features the median is over: ``"shared"``, ``"other"`` or ``"all"``; where None, shared ones where
        there are any, else all.

    Raises
    ------
    DataError
        If ``evaluate`` has not been run, or without baselines.
    """
    found = part_of_metrics(mdata, key, "baselines", "baselines", HINT)
    part = common_part((one["model"] for one in found.values()), features)
    titles = {name: one["title"] for compared in found.values() for name, one in compared["baselines"].items()}
    medians = {training(mdata, key)["title"]: [_median(one["model"], part) for one in found.values()]}
    for name, title in titles.items():
        scores = [one["baselines"].get(name, {}).get("r2", {}) for one in found.values()]
        medians[title] = [_median(score, part) for score in scores]
    width, wide = 0.84 / len(medians), 0.4 + 0.13 * len(medians)
    with canvas(ax, 2.4 + wide * len(found), 2.7) as axis:
        for place, (title, values) in enumerate(medians.items()):
            positions = np.arange(len(found)) + (place - (len(medians) - 1) / 2) * width
            colour = OTHERS[(place - 1) % len(OTHERS)] if place else BLUE
            axis.bar(positions, values, width * 0.9, color=colour, label=title)
        axis.axhline(0, color=GREY, linewidth=0.8)
        name_columns(axis, list(found), wide)
        axis.tick_params(axis="x", length=0)
        axis.set_xlim(-0.6, len(found) - 0.4)
        axis.set_ylabel(f"median R² of {'' if part == 'all' else part + ' '}features,\nfrom the other modalities")
        legend(axis)
    return axis


def _median(summary: dict[str, dict[str, float | None]], part: str) -> float:
    value = summary.get(part, {}).get("median")
    return np.nan if value is None else value
