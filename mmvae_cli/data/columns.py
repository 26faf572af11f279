"""Moments of the columns of a matrix, dense or sparse, over the entries that are there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy import sparse

from mmvae_cli.data.dataset import Matrix
from mmvae_cli.data.on_disk import blocks, is_on_disk

BLOCK_ENTRIES = 4_000_000  # entries of one float64 block: 32 MB


@dataclass(frozen=True)
class Moments:
    """Moments of every column, each (n_columns,), in float64.

    Attributes
    ----------
    count
        Entries that are not nan.
    mean
        Their mean; nan where there is none.
    scatter
        Sum of their squared deviations from the mean.
    low, high
        Least and greatest entry; infinite, with the signs turned, where there is none.
    """

    count: np.ndarray
    mean: np.ndarray
    scatter: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def constant(self) -> np.ndarray:
        """(n_columns,) True where all entries are equal, or there is none; exact, not up to rounding."""
        return np.asarray(self.low >= self.high)

    def of(self, columns: np.ndarray | slice) -> Moments:
        """Moments of some columns."""
        parts = (self.count, self.mean, self.scatter, self.low, self.high)
        return Moments(*(part[columns] for part in parts))

    def joined(self, other: Moments) -> Moments:
        """Moments over the rows of both.

        Source: Chan, Golub and LeVeque, Algorithms for computing the sample variance, 1983.
        """
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        ours, theirs = np.nan_to_num(self.mean), np.nan_to_num(other.mean)
        mean = np.where(count > 0, ours + (theirs - ours) * share, np.nan)
        between = np.square(theirs - ours) * self.count * share
        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        return Moments(count, mean, self.scatter + other.scatter + between, low, high)


def centred_basis(values: np.ndarray) -> np.ndarray:
    """Orthonormal basis (n_samples, k) of what columns (n_samples, n_columns) span once their means are taken out."""
    if not len(values):
        return np.zeros((0, 0))
    left, lengths, _ = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    return np.asarray(left[:, lengths > 1e-8 * max(lengths.max(initial=0.0), 1e-300)])


def dense_blocks(values: Matrix, rows: np.ndarray | None = None) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield some columns after the other as dense float64, so that a large matrix is never dense as a whole.

    Parameters
    ----------
    values
        (n_samples, n_features).
    rows
        Indices of the samples; None for all.

    Yields
    ------
    Which columns, and their values (n_rows, n_columns_of_the_block).
    """
    by_column = values if isinstance(values, np.ndarray) else values.tocsc()
    n_rows = values.shape[0] if rows is None else len(rows)
    width = max(1, BLOCK_ENTRIES // max(1, n_rows))
    for start in range(0, values.shape[1], width):
        columns = slice(start, start + width)
        block = by_column[:, columns]
        block = block if isinstance(block, np.ndarray) else block.toarray()
        yield columns, np.asarray(block if rows is None else block[rows], dtype=np.float64)


def is_clean_sparse(values: Matrix) -> bool:
    """Return whether the matrix is sparse and has no missing entry, so that sums over its non-zeros will do."""
    return sparse.issparse(values) and not np.isnan(values.data).any()


def column_moments(values: Matrix, rows: np.ndarray | None = None) -> Moments:
    """Return the moments of every column over the given rows.

    Parameters
    ----------
    values
        (n_samples, n_features); nan where an entry is missing.
    rows
        Indices of the samples; None for all.
    """
    if is_on_disk(values):
        return reduce(Moments.joined, (column_moments(block) for block in blocks(values, rows)))
    if not isinstance(values, np.ndarray) and is_clean_sparse(values):
        rows = np.arange(values.shape[0]) if rows is None else rows
        n_parts = int(np.diff(values.indptr)[rows].sum()) // BLOCK_ENTRIES + 1  # a part takes ten times its entries
        return reduce(Moments.joined, (_sparse_moments(values[part]) for part in np.array_split(rows, n_parts)))
    parts = [_dense_moments(block) for _, block in dense_blocks(values, rows)] or [_dense_moments(np.zeros((0, 0)))]
    return Moments(
        *(
            np.concatenate([getattr(part, field) for part in parts])
            for field in ("count", "mean", "scatter", "low", "high")
        )
    )


def _dense_moments(block: np.ndarray) -> Moments:
    observed = ~np.isnan(block)
    count = observed.sum(axis=0)
    total = np.where(observed, block, 0.0).sum(axis=0)
    mean = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    scatter = np.square(np.where(observed, block - mean, 0.0)).sum(axis=0)
    low = np.where(observed, block, np.inf).min(axis=0, initial=np.inf)
    high = np.where(observed, block, -np.inf).max(axis=0, initial=-np.inf)
    return Moments(count=count, mean=mean, scatter=scatter, low=low, high=high)


def _sparse_moments(values: sparse.csr_matrix) -> Moments:
    n_rows, n_columns = values.shape
    data = values.data.astype(np.float64)
    column_of = values.tocsr().indices
    n_stored = np.bincount(column_of, minlength=n_columns)
    mean = np.bincount(column_of, weights=data, minlength=n_columns) / max(n_rows, 1)
    deviations = np.bincount(column_of, weights=np.square(data - mean[column_of]), minlength=n_columns)
    scatter = deviations + (n_rows - n_stored) * np.square(mean)
    low, high = np.full(n_columns, np.inf), np.full(n_columns, -np.inf)
    np.minimum.at(low, column_of, data)
    np.maximum.at(high, column_of, data)
    has_zero = n_stored < n_rows
    low, high = np.where(has_zero, np.minimum(low, 0), low), np.where(has_zero, np.maximum(high, 0), high)
    if n_rows == 0:
        mean = np.full(n_columns, np.nan)
    return Moments(count=np.full(n_columns, n_rows), mean=mean, scatter=scatter, low=low, high=high)
