"""Results of a benchmark as figures. matplotlib is imported when one is drawn, and no window is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mmvae_cli.evaluation.tables import Quantity, chosen, same_sets

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito: told apart with any colour vision; yellow is left out, it is hard to see on white
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SETS = {"shared": "#0072B2", "other": "#E69F00", "all": "#888888"}
LOWEST_R2 = -1.5  # what is below is cut off
HIGHEST = 1.03  # of R² and AUC, with the place a marker needs
PANEL, HEIGHT, LEGEND = 3.4, 2.7, 2.0  # inches
DOTS = 150  # per inch
RC: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.axisbelow": True,
    "text.parse_math": False,  # names may hold dollar signs
}


@dataclass(frozen=True)
class Scale:
    """Axis of a quantity: its label, a range that is always shown, the lowest, what is reached without any signal."""

    label: str
    low: float
    high: float
    lowest: float
    chance: float


SCALES = {
    "auc": Scale("AUC of the label\nfrom the shared latents", 0.4, HIGHEST, 0.0, 0.5),
    "r2": Scale("R² of the label\nfrom the shared latents", -0.1, 0.5, LOWEST_R2, 0.0),
    "r2_cross_median": Scale("cross-modal R²,\nmedian over features", -0.1, 0.5, LOWEST_R2, 0.0),
}


@dataclass(frozen=True)
class Series:
    """How a model is drawn.

    Attributes
    ----------
    name, title
        In the results; in the legend.
    kin
        Models of the same kin have the same colour.
    dashed
        Which of them are dashed.
    """

    name: str
    title: str
    kin: str
    dashed: bool


@dataclass(frozen=True)
class Panels:
    """What stands where: ``x`` is the factor along the axis (or None), ``facets`` those with a panel for each level."""

    x: str | None
    facets: tuple[str, ...]

    def titles(self, frame: pd.DataFrame) -> pd.Series:
        """Title of the panel that each row belongs to."""
        parts = [f"{_name_of(factor)} " + frame[factor].astype(str) for factor in self.facets]
        title = pd.Series("", index=frame.index)
        for part in parts:
            title = title.where(title == "", title + ", ") + part
        return title


def panels(results: pd.DataFrame, factors: Sequence[str]) -> Panels:
    """Put the number of other features with most levels along the axis, and what else varies into panels."""
    varying = [factor for factor in factors if results[factor].nunique() > 1]
    numbers = [factor for factor in varying if pd.api.types.is_numeric_dtype(results[factor])]
    x = max(numbers, key=lambda factor: results[factor].nunique()) if numbers else None
    return Panels(x, tuple(factor for factor in varying if factor != x))


def lines(results: pd.DataFrame, metrics: Sequence[str], layout: Panels, series: Sequence[Series]) -> Figure | None:
    """Median ± sd over replicates against the number of other features; None if the results hold none of the metrics.

    A row of panels for each quantity, a column for each setting and modality.
    """
    found = [one for one in chosen(results) if one[0].metric in metrics]
    if not found:
        return None
    rows = list(dict.fromkeys(quantity for quantity, _, _ in found))
    frames = {
        (quantity, title, modality): frame[layout.titles(frame) == title]
        for title in dict.fromkeys(layout.titles(results))
        for quantity, modality, frame in found
    }
    columns = list(dict.fromkeys((title, modality) for _, title, modality in frames))
    known = {model for frame in frames.values() for model in frame.loc[frame["value"].notna(), "model"]}
    kins = list(dict.fromkeys(one.kin for one in series))
    series = [one for one in series if one.name in known]  # baselines have no latents, so no AUC
    with _style():
        figure, axes = _figure(len(rows), len(columns))
        for quantity, row, last in zip(rows, axes, _is_last(rows), strict=True):
            for column, axis in zip(columns, row, strict=True):
                _draw_lines(axis, frames[quantity, *column], layout, series, kins)
                axis.set_title(_title(quantity, *column))
            _finish_lines(row, quantity)
            for axis in row[: len(row) * (last and layout.x is not None)]:
                axis.set_xlabel(f"number of {_name_of(str(layout.x))} features")
        note = f"median ± sd,\n{_replicates(results)}"
        figure.legend(
            *axes[0][0].get_legend_handles_labels(),
            loc="outside right upper",
            frameon=False,
            title=note,
            alignment="left",
        )
    return figure


def _draw_lines(axis: Axes, frame: pd.DataFrame, layout: Panels, series: Sequence[Series], kins: Sequence[str]) -> None:
    levels = [None] if layout.x is None else sorted(frame[layout.x].unique())
    for index, one in enumerate(series):
        own = frame[frame["model"] == one.name]
        values = [own["value"] if level is None else own.loc[own[layout.x] == level, "value"] for level in levels]
        dodge = (index - (len(series) - 1) / 2) * 0.5 / max(len(series), 2)
        colour = kins.index(one.kin)
        axis.errorbar(
            np.arange(len(levels)) + dodge,
            [value.median() for value in values],
            [0.0 if len(value) < 2 else value.std() for value in values],
            color=COLOURS[colour % len(COLOURS)],
            marker=MARKERS[colour % len(MARKERS)],
            markerfacecolor="white" if one.dashed else None,
            linestyle="--" if one.dashed else "-",
            linewidth=1.4,
            elinewidth=0.8,
            markersize=4.5,
            label=one.title,
        )
    axis.set_xticks(range(len(levels)), ["" if level is None else f"{level:,}" for level in levels])
    axis.set_xlim(-0.5, len(levels) - 0.5)
    axis.grid(axis="y", color="#E5E5E5", linewidth=0.6)


def _title(quantity: Quantity, setting: str, modality: str) -> str:
    what = f"{modality}, {quantity.part} features" if modality else ""
    return "\n".join(filter(None, (setting, what)))


def _finish_lines(row: Sequence[Axes], quantity: Quantity) -> None:
    """The vertical axis, which a row shares."""
    scale = SCALES[quantity.metric]
    low, high = row[0].get_ylim()
    row[0].set_ylim(max(min(low, scale.low), scale.lowest), min(max(high, scale.high), HIGHEST))
    row[0].set_ylabel(scale.label)
    for axis in row:
        axis.axhline(scale.chance, color="#888888", linewidth=0.8, linestyle=":")


def boxes(features: pd.DataFrame, layout: Panels, series: Sequence[Series]) -> Figure | None:
    """Cross-modal R² of single features over all replicates, a box for each model and set; None without features.

    A row of panels for each setting, a column for each modality. Boxes are quartiles, whiskers 1.5 times their range.
    """
    if features.empty:
        return None
    if not same_sets(features):
        features = features.assign(part="all")
    every = Panels(None, tuple(filter(None, (layout.x, *layout.facets))))
    own_titles = every.titles(features)
    titles = list(dict.fromkeys(own_titles))
    modalities = list(dict.fromkeys(features["modality"]))
    sets = [part for part in SETS if (features["part"] == part).any()]
    lowest = min(max(LOWEST_R2, float(features["r2_cross"].quantile(0.01))), -0.1)
    with _style():
        figure, axes = _figure(len(titles), len(modalities), width=0.6 + 0.22 * len(series) * len(sets))
        for title, row, last in zip(titles, axes, _is_last(titles), strict=True):
            for modality, axis in zip(modalities, row, strict=True):
                frame = features[(features["modality"] == modality) & (own_titles == title)]
                _draw_boxes(axis, frame, sets, series)
                axis.set_title(f"{modality} ({title})" if title else modality)
                axis.set_ylim(lowest, HIGHEST)
                axis.tick_params(labelbottom=last)
            row[0].set_ylabel("cross-modal R² of a feature")
        handles = [_patch(SETS[part], f"{part} features") for part in sets]
        note = f"features × {_replicates(features)},\ncut off below {lowest:.1f}".replace("-", "−")
        figure.legend(handles=handles, loc="outside right upper", frameon=False, title=note, alignment="left")
    return figure


def _draw_boxes(axis: Axes, frame: pd.DataFrame, sets: Sequence[str], series: Sequence[Series]) -> None:
    width = 0.8 / len(sets)
    for place, part in enumerate(sets):
        own = frame[frame["part"] == part]
        values = [own.loc[own["model"] == one.name, "r2_cross"].to_numpy() for one in series]
        positions = np.arange(len(series)) + (place - (len(sets) - 1) / 2) * width
        drawn = axis.boxplot(
            values, positions=positions, widths=width * 0.85, showfliers=False, patch_artist=True, manage_ticks=False
        )
        for box in drawn["boxes"]:
            box.set(facecolor=SETS[part], edgecolor="#333333", linewidth=0.7, alpha=0.85)
        for name in ("medians", "whiskers", "caps"):
            for line in drawn[name]:
                line.set(
                    color="#000000" if name == "medians" else "#333333", linewidth=1.2 if name == "medians" else 0.7
                )
    axis.set_xticks(range(len(series)), [one.title for one in series], rotation=45, ha="right", rotation_mode="anchor")
    axis.set_xlim(-0.6, len(series) - 0.4)
    axis.axhline(0, color="#888888", linewidth=0.8, linestyle=":")
    axis.grid(axis="y", color="#E5E5E5", linewidth=0.6)


def save(figure: Figure, path: Any) -> None:
    """Write a figure as PNG."""
    figure.savefig(path, dpi=DOTS, format="png", facecolor="white")


def _is_last(rows: Sequence[Any]) -> list[bool]:
    return [False] * (len(rows) - 1) + [True]


def _style() -> Any:
    from matplotlib import rc_context

    return rc_context(RC)


def _figure(n_rows: int, n_columns: int, width: float = PANEL) -> tuple[Figure, np.ndarray]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(width, 1.6) * n_columns + LEGEND, HEIGHT * n_rows), layout="constrained")
    return figure, figure.subplots(n_rows, n_columns, squeeze=False, sharey="row")


def _patch(colour: str, label: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(facecolor=colour, edgecolor="#333333", label=label, alpha=0.85)


def _name_of(factor: str) -> str:
    """``other_rna`` → ``other rna``."""
    return factor.replace("_", " ")


def _replicates(frame: pd.DataFrame) -> str:
    count = frame["replicate"].nunique()
    return f"{count} replicate{'s' * (count > 1)}"
