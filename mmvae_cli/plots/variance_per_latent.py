"""How much of each modality's variance every latent explains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmvae_cli.errors import DataError
from mmvae_cli.evaluation.metrics import UNUSED_BELOW
from mmvae_cli.plots.record import EVALUATE, block_of, part_of_metrics
from mmvae_cli.plots.style import GREY, canvas, number, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData

UNUSED = 100 * UNUSED_BELOW  # per cent
LOWEST_TOP = 1.0  # per cent at the end of the scale, so that next to nothing does not look like much
MOST_NUMBERS = 80  # cells that have their number written into them


def variance_per_latent(mdata: MuData, *, key: str = "mmvae", ax: Axes | None = None) -> Axes:
    """Draw a heat map, modality × latent: mean share of the features' variance that a latent explains.

    Cells are hatched where a latent is another modality's own. Latents that explain less than 0.1 % of every modality
    have their name in grey and in brackets: they are unused.

    Parameters
    ----------
    mdata
        As ``evaluate`` leaves it.
    key
        Under which results were written.
    ax
        Axes to draw on; new ones on a figure of their own where None.

    Raises
    ------
    DataError
        If ``evaluate`` has not been run, or the model has no latents.
    """
    found = part_of_metrics(mdata, key, "variance", "variance explained")
    names = list(next(iter(found.values()))["latents"])
    if not names:
        raise DataError("the model has no latents", hint=EVALUATE)
    blocks = [block_of(name) for name in names]
    values = np.array([[one["latents"][name] for name in names] for one in found.values()], dtype=float) * 100
    for row, modality in zip(values, found, strict=True):
        row[[block not in ("shared", modality) for block in blocks]] = np.nan
    with canvas(ax, 2.1 + 0.42 * len(names), 1.2 + 0.42 * len(found)) as axis:
        axis.set_facecolor("white")
        image = axis.imshow(values, cmap="Blues", vmin=0, vmax=max(np.nanmax(values), LOWEST_TOP), aspect="auto")
        _mark(axis, values)
        axis.set_yticks(range(len(found)), shown(list(found)))
        _name_latents(axis, names, values)
        for place in range(1, len(names)):
            if blocks[place] != blocks[place - 1]:
                axis.axvline(place - 0.5, color="white", linewidth=4)
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        axis.figure.colorbar(image, ax=axis, label="variance\nexplained [%]", pad=0.02, fraction=0.05, aspect=12)
    return axis


def _mark(axis: Axes, values: np.ndarray) -> None:
    """Numbers, and hatching where there can be none."""
    from matplotlib.patches import Rectangle

    top = max(np.nanmax(values), LOWEST_TOP)
    middle, digits = top / 2, 0 if top >= 10 else 1
    for (row, latent), value in np.ndenumerate(values):
        if np.isnan(value):
            box = Rectangle(
                (latent - 0.5, row - 0.5), 1, 1, facecolor="#F4F4F4", edgecolor="#D0D0D0", hatch="////", linewidth=0
            )
            axis.add_patch(box)
        elif values.size <= MOST_NUMBERS:
            colour = "white" if value > middle else "black"
            axis.text(latent, row, number(value, digits), ha="center", va="center", color=colour, fontsize=7.5)


def _name_latents(axis: Axes, names: Sequence[str], values: np.ndarray) -> None:
    used = np.nan_to_num(values).max(axis=0) >= UNUSED
    texts = [name if one else f"({name})" for name, one in zip(shown(names), used, strict=True)]
    axis.set_xticks(range(len(names)), texts, rotation=45, ha="right", rotation_mode="anchor")
    for text, one in zip(axis.get_xticklabels(), used, strict=True):
        text.set_color("black" if one else GREY)
    if not used.all():
        axis.set_title(f"in brackets: unused (below {UNUSED:g} %)", color=GREY, fontsize=8, loc="left")
