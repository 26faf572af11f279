"""Points coloured by a column of the samples: classes with a legend, numbers with a bar, missing values in grey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mmvae_cli.data.labels import MOST_INTEGER_CLASSES, class_names
from mmvae_cli.plots.style import BLUE, FAINT, legend, palette, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RASTER = 5000  # points from which on they are an image in a vector format, which would be slow to open
MOST_CLASSES = 20  # in the legend; the rarest others are one
LARGEST, SMALLEST = 28.0, 1.5  # points²
SUMMED = 2500.0  # area of all points together, points²


def scatter(axis: Axes, places: np.ndarray, column: pd.Series | None) -> None:
    """Draw points (n_points, 2), coloured by a column in the same order."""
    missing = np.zeros(len(places), bool) if column is None else column.isna().to_numpy()
    draw: dict[str, Any] = {
        "s": float(np.clip(SUMMED / max(len(places), 1), SMALLEST, LARGEST)),
        "linewidths": 0,
        "alpha": 0.9,
        "rasterized": len(places) > RASTER,
    }
    if missing.any():
        label = f"missing ({missing.sum():,})"
        axis.scatter(*places[missing].T, color=FAINT, label=label, zorder=1, **draw)
    if column is None:
        axis.scatter(*places.T, color=BLUE, **draw)
    elif is_number(column):
        known = column[~missing].astype(float)
        order = np.argsort(known.to_numpy(), kind="stable")
        x, y = places[~missing][order].T
        points = axis.scatter(x, y, c=known.to_numpy()[order], cmap="viridis", zorder=2, **draw)
        axis.figure.colorbar(points, ax=axis, label=short(column.name, 40), pad=0.02, fraction=0.05, aspect=18)
        if missing.any():
            legend(axis, bbox_to_anchor=(0.0, -0.18))
    else:
        _classes(axis, places[~missing], class_names(column[~missing]), draw)
        legend(axis, title=short(column.name, 30), ncols=1 + (column.nunique() > 12))


def is_number(column: pd.Series) -> bool:
    """Whether a column is drawn as numbers: not truth values, two numbers, or few whole ones."""
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return False
    known = column.dropna().unique()
    return len(known) > 2 and (len(known) > MOST_INTEGER_CLASSES or bool((known % 1 != 0).any()))


def _classes(axis: Axes, places: np.ndarray, words: pd.Series, draw: dict[str, Any]) -> None:
    counts = words.value_counts()
    kept = sorted(counts.index[:MOST_CLASSES], key=_by_value)
    if len(counts) > MOST_CLASSES + 1:
        rest = ~words.isin(kept).to_numpy()
        label = f"{len(counts) - len(kept):,} other classes"
        axis.scatter(*places[rest].T, color="#9E9E9E", label=label, zorder=1, **draw)
    else:
        kept = sorted(counts.index, key=_by_value)
    for one, colour in zip(kept, palette(len(kept)), strict=True):
        axis.scatter(*places[(words == one).to_numpy()].T, color=[colour], label=short(one), zorder=2, **draw)


def _by_value(word: str) -> tuple[float, str]:
    try:
        return float(word), word
    except ValueError:
        return float("inf"), word
