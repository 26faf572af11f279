"""Which features are predicted better than by chance: a permutation test of each, and control of the false calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mmvae_cli.data.columns import column_moments
from mmvae_cli.data.false_discovery import benjamini_hochberg
from mmvae_cli.data.random import keyed_generator

ENOUGH = 20  # permutations as good as the prediction: then a feature's p is known to 22 %
SMALLEST_Q = 0.002  # that features without any such permutation get, if there is time for it
FIRST = 50  # permutations before the first look; later looks are rarer
MOST_ORDERS = 5e7  # permutations × samples: some seconds
MOST_PRODUCTS = 5e9  # permutations × samples × features: some seconds
BLOCK_ENTRIES = 100_000  # of a block of columns, which fits the cache
ROUNDING = 1e-5  # correlations that differ by less are equal: permuted values tie often where few occur
FEWEST_SAMPLES = 5  # with 4 there are 24 orders, and no p below 0.04


@dataclass(frozen=True)
class Significance:
    """How often chance predicts a feature as well.

    Attributes
    ----------
    p, q
        (n_features,) p-value, and q-value among the features tested; nan where a feature was not tested.
    n_permutations
        Most permutations that a feature was compared with; 0 where none was tested.
    """

    p: np.ndarray
    q: np.ndarray
    n_permutations: int


def prediction_significance(x: np.ndarray, x_hat: np.ndarray, seed: int, *names: str) -> Significance:
    """Test for each feature whether its prediction says which samples have more of it.

    The statistic is Pearson's r of prediction and observation over held-out samples; its null is the same r with the
    samples in random order, ``p = (1 + number of orders with r as high) / (1 + number of orders)``, one-sided. A
    feature is done once 20 orders were as good, with ``p = 20 / number of orders`` (Besag and Clifford): many
    permutations are only spent on features with a small p, as many as are needed for a small q. Samples are taken to
    be exchangeable: several of one donor make p too small.

    Parameters
    ----------
    x, x_hat
        Observed and predicted values, (n_samples, n_features), in an order of samples that is always the same.
    seed, names
        Key of the random permutations.

    Returns
    -------
    Not tested, so nan: features that are constant in ``x`` or ``x_hat`` or have a nan in the latter, and all with
    fewer than 5 samples. Entries of ``x`` that are nan count nowhere.

    Source: Besag and Clifford, Sequential Monte Carlo p-values, 1991; Benjamini and Hochberg, 1995.
    """
    p = np.full(x.shape[1], np.nan)
    if len(x) < FEWEST_SAMPLES:
        return Significance(p, p.copy(), 0)
    varies = ~column_moments(x).constant & ~column_moments(x_hat).constant
    tested = varies & ~np.isnan(x_hat).any(axis=0)
    p[tested], n_permutations = _sequential(_standardised(x, tested), _standardised(x_hat, tested), seed, *names)
    return Significance(p, benjamini_hochberg(p), n_permutations)


def _sequential(x: np.ndarray, x_hat: np.ndarray, seed: int, *names: str) -> tuple[np.ndarray, int]:
    """P-values of standardised columns, and the number of permutations made."""
    generator = keyed_generator(seed, "permutation", *names)
    n_samples, n_features = x.shape
    observed = np.einsum("nd,nd->d", x, x_hat) - ROUNDING
    p, as_good = np.ones(n_features), np.zeros(n_features, dtype=np.int64)
    open_ones, done, products = np.arange(n_features), 0, 0.0
    while len(open_ones):
        needed = n_features / (SMALLEST_Q * len(open_ones))
        if done >= needed or done * n_samples > MOST_ORDERS or products > MOST_PRODUCTS:
            break
        orders = np.argsort(generator.random((FIRST + min(done // 4, 50 * FIRST), n_samples)), axis=1)
        # (orders, open features) how many orders up to this one were as good
        counts = _permuted(x, x_hat, open_ones, orders) >= observed[open_ones]
        counts = as_good[open_ones] + np.cumsum(counts, axis=0)
        stops = counts[-1] >= ENOUGH
        p[open_ones[stops]] = ENOUGH / (done + 1 + np.argmax(counts[:, stops] >= ENOUGH, axis=0))
        as_good[open_ones] = counts[-1]
        products += float(len(orders)) * n_samples * len(open_ones)
        open_ones, done = open_ones[~stops], done + len(orders)
    p[open_ones] = (1 + as_good[open_ones]) / (1 + done)
    return p, done


def _permuted(x: np.ndarray, x_hat: np.ndarray, columns: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """(n_orders, n_columns) correlation with the predictions in each order of the samples."""
    found = np.empty((len(orders), len(columns)), dtype=np.float32)
    for block in _blocks(len(x), len(columns)):
        truth, predicted = x[:, columns[block]], x_hat[:, columns[block]]
        for some in _blocks(truth.size, len(orders)):
            permuted = predicted[orders[some]]  # (orders, samples, columns)
            permuted *= truth
            found[some, block] = permuted.sum(axis=1)
    return found


def _blocks(size: int, number: int) -> Iterator[slice]:
    """Parts of so many things of that size, each of which fits the cache."""
    width = max(1, BLOCK_ENTRIES // max(1, size))
    yield from (slice(start, start + width) for start in range(0, number, width))


def _standardised(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return chosen columns, float32, with mean 0 and length 1, so that their products are correlations."""
    taken = np.asarray(values[:, chosen], dtype=np.float64)
    taken -= column_moments(taken).mean
    taken[np.isnan(taken)] = 0.0
    taken /= np.sqrt(np.square(taken).sum(axis=0))
    return taken.astype(np.float32)
