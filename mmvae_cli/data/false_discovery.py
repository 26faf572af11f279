"""Control of the false discovery rate among many tests."""

from __future__ import annotations

import numpy as np


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Adjust p-values: ``q_(i) = min over j ≥ i of p_(j) · n / j``, for the i-th smallest of n.

    Calling what has q ≤ α keeps the expected share of false calls at α or below.

    Parameters
    ----------
    p
        Any shape, from 0 to 1; nan for what was not tested, which does not count among the n.

    Returns
    -------
    float64 from 0 to 1, the shape of ``p``; nan where ``p`` is.

    Source: Benjamini & Hochberg, Controlling the false discovery rate, 1995.
    """
    p = np.asarray(p, dtype=np.float64)
    q = np.full(p.shape, np.nan)
    tested = ~np.isnan(p)
    values = p[tested]
    descending = np.argsort(-values, kind="stable")
    ranks = np.arange(len(values), 0, -1)
    adjusted = np.minimum.accumulate(values[descending] * len(values) / ranks)
    ordered = np.empty(len(values))
    ordered[descending] = np.minimum(adjusted, 1.0)
    q[tested] = ordered
    return q
