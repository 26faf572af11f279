"""Modalities that are one table given twice: all of it would seem shared."""

from __future__ import annotations

import logging
from itertools import combinations

import numpy as np
import pandas as pd

from mmvae_cli.data.dataset import Dataset, Modality
from mmvae_cli.data.evenly import evenly

log = logging.getLogger("mmvae_cli")

LOOKED_AT = 50  # samples that are compared, from the first to the last


def warn_of_copies(dataset: Dataset) -> None:
    """Name each two modalities with the same features and, in the samples looked at, the same values."""
    for one, other in combinations(dataset.modalities.values(), 2):
        if _alike(one, other):
            log.warning(
                "modalities %r and %r have the same features and the same values: if one table was given for both, "
                "what they are said to share is the table itself", one.name, other.name,
            )  # fmt: skip


def _alike(one: Modality, other: Modality) -> bool:
    if one.n_features != other.n_features or not one.var.index.is_unique or not other.var.index.is_unique:
        return False
    columns = other.var.index.get_indexer(one.var.index)
    common = one.obs.index[one.obs.index.isin(other.obs.index)].unique()
    if (columns < 0).any() or common.empty or not one.n_features:
        return False
    chosen = common[evenly(len(common), LOOKED_AT)]
    first, second = _rows(one, chosen), _rows(other, chosen)[:, columns]
    return bool(np.array_equal(first, second, equal_nan=True) and np.isfinite(first).any() and first.any())


def _rows(modality: Modality, names: pd.Index) -> np.ndarray:
    """(n_names, n_features) values of samples, dense; of each name the first."""
    index = modality.obs.index
    first = index[~index.duplicated()]
    rows = np.flatnonzero(~index.duplicated())[first.get_indexer(names)]
    values = modality.values[rows]
    return np.asarray(values if isinstance(values, np.ndarray) else values.toarray())
