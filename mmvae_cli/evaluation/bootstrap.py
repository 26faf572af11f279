"""How sure a median over replicates is, and whether two models differ on the same replicates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from mmvae_cli.data.random import keyed_generator
from mmvae_cli.evaluation.metrics import median_and_sd
from mmvae_cli.evaluation.tables import chosen

DRAWS = 4000
TAILS = (2.5, 97.5)  # percent: an interval of 95 %

Row = dict[str, Any]


def median_interval(values: np.ndarray) -> tuple[float | None, float | None]:
    """95 % interval of the median by the percentile bootstrap (Efron 1979); None with fewer than two values.

    Parameters
    ----------
    values
        (n_replicates,), none missing.
    """
    if len(values) < 2:
        return None, None
    low, high = np.percentile(np.median(values[_resamples(len(values))], axis=1), TAILS)
    return float(low), float(high)


@lru_cache(maxsize=8)
def _resamples(n: int) -> np.ndarray:
    """(draws, n) indices drawn with replacement; the same for all numbers of a benchmark."""
    return keyed_generator(0, "bootstrap", str(n)).integers(0, n, (DRAWS, n))


def summarised(results: pd.DataFrame, factors: Sequence[str]) -> pd.DataFrame:
    """Every number of the tables with its interval, and its paired difference from each other model.

    Parameters
    ----------
    results
        As ``tables`` takes them, with ``replicate``: replicates of the same number have the same split.
    factors
        Columns that tell settings apart.

    Returns
    -------
    Columns: the factors, ``metric``, ``modality``, ``part``, ``model``, ``minus`` (the model whose value is taken
    off, replicate by replicate; empty for the model's own value), ``replicates``, ``median``, ``sd``, and the ends
    of the interval, ``low`` and ``high``.
    """
    return pd.DataFrame(list(_rows(results, list(factors))))


def _rows(results: pd.DataFrame, factors: list[str]) -> Iterator[Row]:
    for quantity, modality, frame in chosen(results):
        for setting, group in frame.groupby(factors, sort=False):
            place = dict(zip(factors, setting, strict=True))
            place |= {"metric": quantity.metric, "modality": modality, "part": quantity.part}
            values = group.pivot(index="replicate", columns="model", values="value")
            for model in values:
                yield {**place, "model": model, "minus": "", **_spread(values[model])}
                for other in values.columns[values.columns != model]:
                    yield {**place, "model": model, "minus": other, **_spread(values[model] - values[other])}


def _spread(values: pd.Series) -> Row:
    known = values.dropna().to_numpy()
    low, high = median_interval(known)
    return {"replicates": len(known), **median_and_sd(known), "low": low, "high": high}
