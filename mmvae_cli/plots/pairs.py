"""How well each modality alone predicts each other one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmvae_cli.errors import DataError
from mmvae_cli.plots.record import common_part, part_of_metrics
from mmvae_cli.plots.style import canvas, name_columns, number, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData


def pairs(mdata: MuData, *, key: str = "mmvae", ax: Axes | None = None, features: str | None = None) -> Axes:
    """Draw a heat map, from × to: median R² of the features on held-out samples, and Pearson's r below it.

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
        If ``evaluate`` has not been run, or there is no pair of modalities.
    """
    found = part_of_metrics(mdata, key, "pairs", "pairs of modalities")
    names = list(found)
    if len(names) < 2:
        raise DataError("there is no pair of modalities", hint="train and evaluate with two modalities or more")
    part = common_part((pair["r2"] for sources in found.values() for pair in sources.values()), features)
    medians = {score: _medians(found, names, score, part) for score in ("r2", "pearson")}
    with canvas(ax, 2.2 + 0.75 * len(names), 1.3 + 0.65 * len(names)) as axis:
        image = axis.imshow(medians["r2"], cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (row, place), value in np.ndenumerate(medians["r2"]):
            if row == place:
                continue
            r = medians["pearson"][row, place]
            text = (
                "–"
                if np.isnan(value)
                else f"{number(float(value))}\n" + ("" if np.isnan(r) else f"r {number(float(r))}")
            )
            axis.text(place, row, text, ha="center", va="center", fontsize=8, color="white" if value > 0.5 else "black")
        name_columns(axis, names, 0.75)
        axis.set_yticks(range(len(names)), shown(names))
        axis.set_xlabel("to")
        axis.set_ylabel("from")
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        what = f"median R² of\n{'all' if part == 'all' else part} features"
        axis.figure.colorbar(image, ax=axis, label=what, pad=0.03, fraction=0.06, aspect=14)
    return axis


def _medians(found: dict[str, Any], names: list[str], score: str, part: str) -> np.ndarray:
    """(from, to); nan where undefined, and for a modality from itself."""
    return np.array(
        [[found[to].get(source, {}).get(score, {}).get(part, {}).get("median") for to in names] for source in names],
        dtype=float,
    )
