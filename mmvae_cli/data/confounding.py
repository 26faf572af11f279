"""How far covariates go with missing modalities and with a label, so that a model cannot tell their effects apart."""

from __future__ import annotations

import numpy as np

from mmvae_cli.data.labels import Label

NEARLY = 0.9  # share of what could be guessed, from which one column is said to give another


def counts_by_modality(covariate: Label, observed: np.ndarray) -> np.ndarray:
    """(n_categories, n_modalities) samples of each category that have each modality."""
    member = covariate.values == np.arange(len(covariate.classes))[:, None]  # (n_categories, n_samples)
    return member.astype(np.int64) @ observed.astype(np.int64)


def determination(known: Label, guessed: Label) -> float:
    """How much better one column can be guessed from another than without: 0 for no better, 1 for with certainty.

    For classes the share of errors that is saved when the most frequent class of each is guessed; for numbers the
    share of the variance that is explained.

    Returns
    -------
    0 where fewer than two samples have both, or one of them does not vary there.

    Source: Goodman and Kruskal, Measures of association for cross classifications, 1954.
    """
    both = known.labelled & guessed.labelled
    x, y = known.values[both], guessed.values[both]
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    if guessed.classes:
        groups = _groups(x, known)
        right = sum(int(np.bincount(y[groups == one].astype(int)).max()) for one in np.unique(groups))
        usual = int(np.bincount(y.astype(int)).max())
        return (right - usual) / (len(y) - usual)
    if not known.classes:
        return float(np.corrcoef(x, y)[0, 1] ** 2)
    within = sum(float(np.square(y[x == one] - y[x == one].mean()).sum()) for one in np.unique(x))
    return 1.0 - within / float(np.square(y - y.mean()).sum())


def _groups(values: np.ndarray, column: Label) -> np.ndarray:
    """Classes as they are, numbers by their quartile."""
    return values if column.classes else np.searchsorted(np.quantile(values, [0.25, 0.5, 0.75]), values)
