"""How strongly each feature of one modality is associated with another modality, in blocks of little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from mmvae_cli.data.columns import centred_basis, column_moments
from mmvae_cli.data.dataset import Matrix

BLOCK_ENTRIES = 4_000_000  # entries of a dense block of columns: 16 MB in float32
POWERS = (16, 4)  # of the power means; powers of 2
WIDEST_BLOCK = 512  # columns; a block of correlations is 1 MB and stays in the cache
MOST_PRODUCTS = 2e10  # samples x features x features: half a second for one permutation on one thread
N_COMPONENTS = (5, 50)  # leading principal components that stand for the modality, in the order of these scores
N_ITERATIONS = 6  # of the subspace; components of similar variance may remain mixed, which R² does not see


@dataclass(frozen=True)
class Columns:
    """Some samples and features of a modality, ready to be correlated.

    Attributes
    ----------
    values
        (n_samples, n_features), dense or CSC, without nan.
    nuisance
        (n_samples, k) orthonormal and centred; what columns have in common with it is taken out. None for nothing.
    """

    values: np.ndarray | sparse.csc_matrix
    nuisance: np.ndarray | None = None

    def without(self, nuisance: np.ndarray | None) -> Columns:
        """Take what depends linearly on numbers of the samples, (n_samples, k), out of every column."""
        return self if nuisance is None else replace(self, nuisance=centred_basis(nuisance))

    @staticmethod
    def of(values: Matrix, rows: np.ndarray, features: np.ndarray, ranked: bool) -> Columns:
        """Take rows and features (indices) out of a modality's table; for Spearman's r their ranks, ties averaged.

        A missing entry becomes the mean of its feature.
        """
        if isinstance(values, np.ndarray):
            taken = values[rows[:, None], features]
            return Columns(_mean_for_missing(_ranks(taken) if ranked else taken))
        taken = values[rows].tocsc()[:, features]
        return Columns(_sparse_ranks(taken) if ranked else taken)

    @property
    def n_samples(self) -> int:
        """How many samples there are."""
        return int(self.values.shape[0])

    @property
    def n_features(self) -> int:
        """How many features there are."""
        return int(self.values.shape[1])

    def blocks(self) -> list[slice]:
        """Columns of each block."""
        width = int(np.clip(BLOCK_ENTRIES // max(1, self.n_samples), 32, WIDEST_BLOCK))
        return [slice(start, start + width) for start in range(0, self.n_features, width)]

    def weighted(self, columns: slice) -> np.ndarray:
        """Columns as principal components see them: standardised, but those of a sparse matrix times their sd.

        Features with few entries are hardly more than noise, and most features of single cells are such.
        """
        standardised = self.standardised(columns)
        if isinstance(self.values, np.ndarray):
            return standardised
        block = self.values[:, columns]
        mean = np.asarray(block.mean(axis=0, dtype=np.float64)).reshape(-1)
        variance = np.asarray(block.multiply(block).mean(axis=0, dtype=np.float64)).reshape(-1) - np.square(mean)
        return standardised * np.sqrt(np.maximum(variance, 0.0)).astype(np.float32)

    def standardised(self, columns: slice) -> np.ndarray:
        """Return columns of mean 0 and length 1, so that products are correlations; 0 where a column is constant.

        (n_samples, n_columns) float32.
        """
        block = self.values[:, columns]
        x = np.asarray(block if isinstance(block, np.ndarray) else block.toarray(), dtype=np.float64)
        varies = x.max(axis=0) > x.min(axis=0)
        x = x - x.mean(axis=0)
        if self.nuisance is not None:
            x -= self.nuisance @ (self.nuisance.T @ x)
        length = np.sqrt(np.square(x).sum(axis=0))
        return np.divide(x, length, out=np.zeros_like(x), where=varies).astype(np.float32)


def _mean_for_missing(values: np.ndarray) -> np.ndarray:
    """Put the mean of its column, 0 in an empty one, for every nan, in place."""
    missing = np.isnan(values)
    if missing.any():
        mean = np.nan_to_num(column_moments(values).mean)
        values[missing] = np.broadcast_to(mean, values.shape)[missing]
    return values


def _ranks(values: np.ndarray) -> np.ndarray:
    """Replace values by their ranks in the column, in place."""
    from scipy.stats import rankdata  # slow to import

    for start in range(0, values.shape[1], WIDEST_BLOCK):
        columns = slice(start, start + WIDEST_BLOCK)
        values[:, columns] = rankdata(values[:, columns], axis=0, nan_policy="omit")
    return values


def _sparse_ranks(values: sparse.csc_matrix) -> sparse.csc_matrix:
    """Replace values by their ranks in the column less that of a zero, so that zeros stay zeros."""
    from scipy.stats import rankdata

    values.eliminate_zeros()
    for start, stop in zip(values.indptr[:-1], values.indptr[1:], strict=True):
        entries = values.data[start:stop]
        n_zero = values.shape[0] - len(entries)
        rank_of_zero = (entries < 0).sum() + (n_zero + 1) / 2
        values.data[start:stop] = rankdata(entries) + np.where(entries > 0, n_zero, 0) - rank_of_zero
    return values


def inflation(first: Columns, second: Columns) -> float:
    """How much larger a correlation of unrelated columns is where nuisances are taken out than after a permutation.

    What is left lies in fewer dimensions, which are partly the same for both: with projections P and Q on them, which
    have the traces p and q, and n − 1 dimensions in all, the mean of r² is ``tr(P Q) / (p q)``, and once the samples of
    one are permuted ``1 / (n − 1)``. The root of the ratio of the two.
    """
    n_dimensions = first.n_samples - 1
    bases = [np.zeros((first.n_samples, 0)) if each.nuisance is None else each.nuisance for each in (first, second)]
    p, q = (max(1, n_dimensions - basis.shape[1]) for basis in bases)
    in_common = n_dimensions - bases[0].shape[1] - bases[1].shape[1] + np.square(bases[0].T @ bases[1]).sum()
    return float(np.sqrt(max(in_common, 0.0) * n_dimensions / (p * q)))


def association_scores(
    first: Columns,
    second: Columns,
    orders: np.ndarray,
    generator: np.random.Generator,
    progress: Callable[[float], None] = lambda fraction: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Score each feature's association with the other modality, for several orders of the samples.

    The scores are power means of the absolute correlations r with the features of the other modality,
    ``(mean of |r|^p)^(1/p)``, and the multiple correlations with its leading principal components. With p = 16 a
    power mean is near the highest r and finds a feature with few partners among many strangers; with p = 4 it finds
    one with many weak partners. Components find what single features are too sparse to show: they add up over many
    of them. Where the modalities are too large for all correlations, the components are all there is.

    Parameters
    ----------
    first, second
        The same samples of two modalities.
    orders
        (n_orders, n_samples) indices: which sample of ``first`` stands beside each one of ``second``.
    generator
        Start of the search for principal components.
    progress
        Called with the share of the work that is done.

    Returns
    -------
    (n_scores, n_orders, n_features) float64 from 0 to 1, of the first and of the second modality.
    """
    inverse = np.argsort(orders, axis=1)
    pairwise = first.n_samples * first.n_features * second.n_features <= MOST_PRODUCTS
    work = [0.8, 0.9, 1.0] if pairwise else [0.0, 0.5, 1.0]
    found = _power_means(first, second, orders, lambda done: progress(done * work[0])) if pairwise else None
    by_components = (
        _multiple_correlations(first, _components(second, generator), inverse, _between(progress, *work[:2])),
        _multiple_correlations(second, _components(first, generator), orders, _between(progress, *work[1:])),
    )
    if found is None:
        return by_components
    return np.concatenate([found[0], by_components[0]]), np.concatenate([found[1], by_components[1]])


def _between(progress: Callable[[float], None], start: float, stop: float) -> Callable[[float], None]:
    return lambda done: progress(start + (stop - start) * done)


def _power_means(
    first: Columns, second: Columns, orders: np.ndarray, progress: Callable[[float], None]
) -> tuple[np.ndarray, np.ndarray]:
    sums = [np.zeros((len(POWERS), len(orders), each.n_features)) for each in (first, second)]
    for columns in first.blocks():
        x = first.standardised(columns)
        for other_columns in second.blocks():
            y = second.standardised(other_columns)
            for number, order in enumerate(orders):
                r = x[order].T @ y  # (columns, other columns)
                for power, by_column, by_row in _powers(r):
                    sums[0][power, number, columns] += by_column
                    sums[1][power, number, other_columns] += by_row
        progress(min(1.0, columns.stop / first.n_features))
    exponents = 1 / np.array(POWERS)[:, None, None]
    return (sums[0] / second.n_features) ** exponents, (sums[1] / first.n_features) ** exponents


def _powers(r: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield the index of each power, and the sums of |r|^power over the columns and over the rows; changes r."""
    ones, other_ones = np.ones(r.shape[0], r.dtype), np.ones(r.shape[1], r.dtype)
    power = 1
    while power < max(POWERS):
        np.square(r, out=r)
        power *= 2
        if power in POWERS:
            yield POWERS.index(power), r @ other_ones, ones @ r  # faster than sum()


def _multiple_correlations(
    columns: Columns, components: np.ndarray, orders: np.ndarray, progress: Callable[[float], None]
) -> np.ndarray:
    """Multiple correlation of each column with orthonormal components, whose samples are put into several orders.

    (n_scores, n_orders, n_features), one score for each number of components.
    """
    most = components.shape[1]
    starts = [0, *(size for size in N_COMPONENTS if size < most)]
    r2 = np.zeros((len(starts), len(orders), columns.n_features))
    for block in columns.blocks():
        x = columns.standardised(block)
        for number, order in enumerate(orders):
            r2[:, number, block] = np.add.reduceat(np.square(components[order].T @ x), starts, axis=0)
        progress(min(1.0, block.stop / columns.n_features))
    return np.sqrt(r2.cumsum(axis=0))


def _components(columns: Columns, generator: np.random.Generator) -> np.ndarray:
    """Leading principal components of the weighted columns, orthonormal, (n_samples, n_components) float32.

    Source: Halko, Martinsson & Tropp, Finding structure with randomness, 2011 (subspace iteration).
    """
    n_components = max(1, min(max(N_COMPONENTS), columns.n_samples // 4, columns.n_features))
    n_extra = min(columns.n_samples - n_components, 10)
    # the start lies in the space of the samples, so that the order of the features does not matter
    basis = np.linalg.qr(generator.standard_normal((columns.n_samples, n_components + n_extra)))[0]
    for _ in range(N_ITERATIONS):
        product = np.zeros_like(basis)
        for block in columns.blocks():
            x = columns.weighted(block)
            product += x @ (x.T @ basis.astype(np.float32))
        basis, triangle = np.linalg.qr(product)
    return np.asarray((basis @ np.linalg.svd(triangle)[0])[:, :n_components], dtype=np.float32)
