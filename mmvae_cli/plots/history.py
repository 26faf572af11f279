"""Training curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mmvae_cli.errors import DataError
from mmvae_cli.plots.record import TRAIN, record, training
from mmvae_cli.plots.style import BLUE, GREY, ORANGE, grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from mudata import MuData

# by name in the history: what the panel shows, and its colour
CURVES = {
    "loss": ("training loss\n[nats per sample]", BLUE),
    "validation_score": ("score on validation samples", ORANGE),
    "validation_r2": ("cross-modal R²\non validation samples", ORANGE),
}


def history(mdata: MuData, *, key: str = "mmvae") -> Figure:
    """Draw the curves of training and of validation, a panel for each quantity.

    The replicate that was written stands out, with the epoch whose weights were kept; the others are faint.

    Parameters
    ----------
    mdata
        As ``train`` leaves it.
    key
        Under which results were written.

    Raises
    ------
    DataError
        If there are no curves: ``train`` has not been run, or an earlier version did.
    """
    curves: Mapping[str, np.ndarray] | None = record(mdata, key).get("history")
    if not curves:
        raise DataError(f"there is no history in uns[{key!r}]", hint=TRAIN)
    replicates, written = training(mdata, key)["replicates"], int(training(mdata, key)["replicate"])
    drawn = [name for name in CURVES if name in curves and np.isfinite(curves[name]).any()]
    with grid(1, len(drawn), 3.1, 2.6) as (figure, axes):
        for name, axis in zip(drawn, axes[0], strict=True):
            _draw(axis, np.atleast_2d(curves[name]), written, int(replicates[written]["best_epoch"]), CURVES[name][1])
            axis.set_ylabel(CURVES[name][0])
            axis.set_xlabel("epoch")
        drawn_lines = {line.get_label(): line for line in axes[0][0].lines if line.get_label()[0] != "_"}
        figure.legend(drawn_lines.values(), drawn_lines, loc="outside upper right", ncols=3, frameon=False, fontsize=8)
    return figure


def _draw(axis: Axes, values: np.ndarray, written: int, best: int, colour: str) -> None:
    """Curves (n_replicates, n_epochs); nan after the last epoch of a replicate."""
    epochs = np.arange(1, values.shape[1] + 1)
    for replicate, curve in enumerate(values):
        if replicate != written:
            axis.plot(epochs, curve, color=GREY, alpha=0.4, linewidth=0.8, label="other replicates")
    axis.plot(epochs, values[written], color=colour, linewidth=1.5)
    if 1 <= best <= len(epochs):
        axis.axvline(best, color=GREY, linewidth=0.8, linestyle=":")
        axis.plot(
            [best], [values[written, best - 1]], "o", color=colour, markersize=6, markeredgecolor="white",
            label=f"weights kept, epoch {best:,}",
        )  # fmt: skip
    axis.set_xlim(0, len(epochs) + 1)
    _without_the_start(axis, values[:, : max(best, 1) * 2])


def _without_the_start(axis: Axes, values: np.ndarray) -> None:
    """Let the first epochs, often far off, not decide what is seen of the rest."""
    known = values[:, len(values.T) // 20 :]
    known = known[np.isfinite(known)]
    if len(known) < 20:
        return
    low, high = np.quantile(known, [0.0, 1.0])
    margin = 0.08 * (high - low)
    if margin > 0:
        axis.set_ylim(low - margin, high + margin)
