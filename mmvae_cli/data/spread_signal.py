"""Signal that is spread over many features, each too weak to show it alone."""

from __future__ import annotations

import numpy as np

LARGE_P = 0.5  # p-values above are taken to be those of features without signal
CHANCE = 0.95  # quantile over permutations of what chance makes of the number of features with signal
TIMES_CHANCE = 3  # how far the number has to stand out
FEWEST_CALLED = 0.5  # share of the features with signal; where fewer are called, most of it would be lost


def n_with_signal(p: np.ndarray) -> int:
    """How many features carry signal, to be on the low side; 0 where chance could make as many.

    Half of the features without signal have a p-value above 0.5, so that twice as many as do are without signal, and
    the rest have some. Features that move together make this number vary: what most permutations do not exceed is taken
    off, and a number that is not far above it counts for nothing.

    Parameters
    ----------
    p
        (n_orders, n_features) p-values, the observed ones first, then those of permuted samples.

    Source: Storey, A direct approach to false discovery rates, 2002 (the estimate of π₀, with λ = 0.5).
    """
    numbers = p.shape[1] - (p > LARGE_P).sum(axis=1) / (1 - LARGE_P)
    chance = float(np.quantile(numbers[1:], CHANCE))
    return 0 if numbers[0] <= TIMES_CHANCE * max(chance, 1.0) else int(numbers[0] - chance)


def relaxed(calls: np.ndarray, statistics: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Call as many features as carry signal, the strongest, where single features say too little to call most of them.

    Parameters
    ----------
    calls
        (n_features,) True where a feature is called by its own evidence.
    statistics
        (n_features,) observed ones.
    p
        See ``n_with_signal``.

    Returns
    -------
    (n_features,) ``calls``, or more.
    """
    number = n_with_signal(p)
    if calls.sum() >= FEWEST_CALLED * number:
        return calls
    return np.asarray(calls | (statistics >= np.sort(statistics)[-number]))
