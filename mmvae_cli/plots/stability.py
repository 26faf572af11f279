"""Whether replicates find the same shared latents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmvae_cli.errors import DataError
from mmvae_cli.plots.record import EVALUATE, part_of_metrics
from mmvae_cli.plots.style import canvas, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData

MOST_NUMBERS = 12  # replicates, whose cells have their number written into them


def stability(mdata: MuData, *, key: str = "mmvae", ax: Axes | None = None) -> Axes:
    """Draw a heat map, replicate × replicate: mean canonical correlation of their shared latents.

    Parameters
    ----------
    mdata
        As ``evaluate`` leaves it, after a training with several replicates.
    key
        Under which results were written.
    ax
        Axes to draw on; new ones on a figure of their own where None.

    Raises
    ------
    DataError
        If ``evaluate`` has not been run, there is one replicate, or there are too few samples to compare them.
    """
    found = part_of_metrics(mdata, key, "uncertainty", "stability")["stability"]
    if found is None:
        raise DataError("there is one replicate, and nothing to compare it with", hint="train with --replicates 5")
    if "by_pair" not in found:
        raise DataError("an earlier version evaluated the run, without the pairs of replicates", hint=EVALUATE)
    if found["median"] is None:
        raise DataError(
            "there are too few samples to compare the replicates", hint="hold more out: --test-fraction 0.3"
        )
    n_replicates = 1 + max(pair[1] for pair in found["by_pair"])
    values = np.full((n_replicates, n_replicates), np.nan)
    for first, second, correlation in found["by_pair"]:
        values[second, first] = np.nan if correlation is None else correlation
    names = [str(replicate + 1) for replicate in range(n_replicates)]
    with canvas(ax, 2.3 + 0.38 * n_replicates, 1.2 + 0.38 * n_replicates) as axis:
        image = axis.imshow(values[1:, :-1], cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (row, column), value in np.ndenumerate(values[1:, :-1]):
            if n_replicates <= MOST_NUMBERS and column <= row:
                text = "–" if np.isnan(value) else number(value)
                colour = "white" if value > 0.5 else "black"
                axis.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
        axis.set_xticks(range(n_replicates - 1), names[:-1])
        axis.set_yticks(range(n_replicates - 1), names[1:])
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        axis.set_xlabel("replicate")
        axis.set_ylabel("replicate")
        axis.set_title(f"median {number(found['median'])}, lowest {number(found['min'])}")
        what = "canonical correlation\nof the shared latents"
        axis.figure.colorbar(image, ax=axis, label=what, pad=0.03, fraction=0.06, aspect=14)
    return axis
