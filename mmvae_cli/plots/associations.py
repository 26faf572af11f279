"""Which columns of the samples go with which latents."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mmvae_cli.errors import DataError, UsageError
from mmvae_cli.plots.record import EVALUATE, block_of, latent_names, record
from mmvae_cli.plots.style import GREY, canvas, number, short, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData

SIGNIFICANT = 0.05  # q below which a cell has its effect written into it
# by measure: its name, and from an effect to a strength from 0 to 1 that can be compared between measures, in words too
MEASURES: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "auc": ("AUC", lambda effect: 2 * np.abs(effect - 0.5), "|2 AUC − 1|"),
    "spearman": ("ρ", np.abs, "|ρ|"),
    "epsilon2": ("ε²", lambda effect: np.sqrt(np.clip(effect, 0, 1)), "√ε²"),
}


def associations(mdata: MuData, *, key: str = "mmvae", ax: Axes | None = None, most: int = 30) -> Axes:
    """Draw a heat map, column × latent: strength of the association, and where it is significant its effect.

    The strength is |2 AUC − 1| for two classes, |ρ| (Spearman) for numbers, √ε² for more classes.

    Parameters
    ----------
    mdata
        As ``evaluate`` leaves it.
    key
        Under which results were written.
    ax
        Axes to draw on; new ones on a figure of their own where None.
    most
        Columns that are shown; of more, those with the smallest q.

    Raises
    ------
    DataError
        If ``evaluate`` has not been run, or without associations, or no column could be tested.
    """
    if most < 1:
        raise UsageError(f"most is {most}", hint="1 or more columns can be shown")
    found = record(mdata, key, "associations").get("associations")
    if found is None:
        raise DataError(f"there are no associations in uns[{key!r}]", hint=EVALUATE)
    tests = pd.DataFrame({name: found[name] for name in ("latent", "column", "measure", "effect", "q", "samples")})
    if tests.empty:
        raise DataError("no column could be tested", hint="give the samples columns in obs")
    tests["strength"] = [MEASURES[one["measure"]][1](one["effect"]) for one in tests.to_dict("records")]
    kept = tests.groupby("column")["q"].min().sort_values(kind="stable").index[:most]
    columns = [name for name in dict.fromkeys(tests["column"]) if name in kept]
    latents = [name for name in latent_names(mdata, key) if name in set(tests["latent"])]
    strength = tests.pivot_table(index="column", columns="latent", values="strength").loc[columns, latents]
    with canvas(ax, 2.6 + 0.42 * len(latents), 1.3 + 0.36 * len(columns)) as axis:
        image = axis.imshow(strength.to_numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for one in tests[(tests["q"] < SIGNIFICANT) & tests["column"].isin(columns)].to_dict("records"):
            x, y = latents.index(one["latent"]), columns.index(one["column"])
            colour = "white" if one["strength"] > 0.5 else "black"
            axis.text(x, y, number(one["effect"]), ha="center", va="center", fontsize=7.5, color=colour)
        axis.set_xticks(range(len(latents)), shown(latents), rotation=45, ha="right", rotation_mode="anchor")
        axis.set_yticks(range(len(columns)), [_title(tests[tests["column"] == name]) for name in columns])
        for place in range(1, len(latents)):
            if block_of(latents[place]) != block_of(latents[place - 1]):
                axis.axvline(place - 0.5, color="white", linewidth=4)
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        axis.set_title(_note(tests, len(kept)), color=GREY, fontsize=8, loc="left")
        shown_measures = set(tests.loc[tests["column"].isin(columns), "measure"])
        words = ", ".join(words for name, (_, _, words) in MEASURES.items() if name in shown_measures)
        bar = axis.figure.colorbar(image, ax=axis, pad=0.02, fraction=0.05, aspect=12)
        bar.set_label(f"strength:\n{words}", fontsize=8)
    return axis


def _title(tests: pd.DataFrame) -> str:
    """Name of a column, its measure, and a star where it was tested on held-out samples alone."""
    first = tests.iloc[0]
    return f"{short(first['column'])}{'*' * (first['samples'] != 'all')} ({MEASURES[first['measure']][0]})"


def _note(tests: pd.DataFrame, n_shown: int) -> str:
    left = tests["column"].nunique() - n_shown
    parts = [
        f"numbers: q < {SIGNIFICANT:g}",
        "* held-out samples" * bool((tests["samples"] != "all").any()),
        f"{left:,} more not shown" * (left > 0),
    ]
    return "; ".join(filter(None, parts))
