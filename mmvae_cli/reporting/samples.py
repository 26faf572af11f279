"""Samples of the page: their names, and the annotations by which they are coloured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mmvae_cli.reporting.content import Samples
from mmvae_cli.reporting.encode import classes, quantised

MOST_COLUMNS = 30
MOST_CLASSES = 24  # shown one by one; what is rarer is taken together
MOST_NAMES = 20_000  # samples, for their names to be in the page
OTHERS = "(others)"


def chosen_columns(table: pd.DataFrame, first: list[str]) -> Samples:
    """Choose the annotations that a point can be coloured by.

    Left out are those with one value only, text that names samples rather than groups, and what is too much.

    Parameters
    ----------
    first
        Columns to show before the others, such as the label.
    """
    order = [*dict.fromkeys(name for name in [*first, *map(str, table.columns)] if name in table.columns)]
    usable = [name for name in order if _tells(table[name])]
    kept = usable[:MOST_COLUMNS]
    return Samples(table[kept], tuple(name for name in order if name not in kept))


def _tells(column: pd.Series) -> bool:
    known = column.dropna()
    n_values = known.nunique()
    if n_values < 2:
        return False
    return is_number(column) or n_values <= max(MOST_CLASSES, len(known) // 4)


def is_number(column: pd.Series) -> bool:
    """Whether a column holds numbers rather than classes; few whole numbers, such as of clusters, are classes."""
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return False
    return not (pd.api.types.is_integer_dtype(column) and column.nunique() <= 12)


def encoded(samples: Samples) -> dict[str, Any]:
    """Names (None where they are too many) and columns, for the script of the page."""
    names = samples.columns.index.astype(str)
    return {
        "n": len(names),
        "names": names.tolist() if len(names) <= MOST_NAMES else None,
        "columns": [_encoded(str(name), samples.columns[name]) for name in samples.columns],
    }


def _encoded(name: str, column: pd.Series) -> dict[str, Any]:
    if is_number(column):
        return {"name": name, "kind": "number", "values": quantised(column.to_numpy(dtype=np.float64, na_value=np.nan))}
    text = column.astype(object).where(column.notna(), None).map(lambda value: None if value is None else str(value))
    counts = text.value_counts()
    common = sorted(counts.index[:MOST_CLASSES] if len(counts) > MOST_CLASSES else counts.index, key=_natural)
    codes = pd.Categorical(text, categories=common).codes.astype(np.int64)
    if len(counts) > MOST_CLASSES:
        codes[(codes < 0) & text.notna().to_numpy()] = len(common)
        common = [*common, OTHERS]
    return {"name": name, "kind": "class", "classes": common, "values": classes(codes)}


def _natural(name: str) -> tuple[int, float, str]:
    """Numbers by their value before names by their letters."""
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)
