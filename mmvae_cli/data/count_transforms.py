"""Transforms of counts, each sample by itself; sparse matrices stay sparse."""

from __future__ import annotations

import logging
import warnings
from functools import partial

import numpy as np
from scipy import sparse

from mmvae_cli.data.dataset import Matrix
from mmvae_cli.data.on_disk import blocks, by_rows, is_on_disk
from mmvae_cli.errors import DataError, counted

log = logging.getLogger("mmvae_cli")

COUNTS_PER_SAMPLE = 1e4  # total of every sample after normalisation, the customary one of scanpy and Signac


def stored_values(values: Matrix) -> np.ndarray:
    """Return the values that need a look: all, or the non-zeros of a sparse matrix."""
    return np.asarray(values.data if sparse.issparse(values) else values)


def _require_counts(values: Matrix, modality: str, transform: str) -> None:
    stored = stored_values(values)
    if np.isnan(stored).any():
        raise DataError(
            f"modality {modality!r} has {np.isnan(stored).sum()} missing entries, {transform} needs whole samples",
            hint=f"leave those features out, or use --transform {modality}=zscore",
        )
    _refuse_negative(values, modality, transform)


def _refuse_negative(values: Matrix, modality: str, transform: str) -> None:
    stored = stored_values(values)
    lowest = np.fmin.reduce(stored, axis=None, initial=0.0)  # of those that are not missing
    if lowest < 0:
        raise DataError(
            f"modality {modality!r} has values below 0 (lowest {lowest:g}), {transform} is for counts",
            hint=f"use --transform {modality}=zscore, or name the counts with --layer {modality}=LAYER",
        )


def log_normalise(values: Matrix, modality: str) -> Matrix:
    """Scanpy's normalize_total and log1p."""
    import anndata
    import scanpy

    _require_counts(values, modality, "lognorm")
    stored = stored_values(values)
    if not np.array_equal(stored, np.rint(stored)):
        log.warning("modality %r is not whole counts and looks normalised already: lognorm may do it twice", modality)
    n_empty = int(np.sum(np.asarray(values.sum(axis=1)).ravel() == 0))
    if n_empty:
        log.warning("modality %r: %s without a single count", modality, counted(n_empty, "sample"))
    holder = anndata.AnnData(values.astype(np.result_type(values.dtype, np.float32)))  # astype copies
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Some cells have zero counts")  # said above, with their number
        scanpy.pp.normalize_total(holder, target_sum=COUNTS_PER_SAMPLE)
    scanpy.pp.log1p(holder)
    return holder.X


def centre_log_ratio(values: Matrix, modality: str) -> Matrix:
    """``log1p(x / exp(mean(log1p(x))))`` over the features of a sample; a zero stays zero.

    Source: Stoeckius et al., Simultaneous epitope and transcriptome measurement in single cells (CITE-seq),
    2017; in the form of Seurat's ``NormalizeData(normalization.method = "CLR", margin = 2)``.
    """
    _require_counts(values, modality, "clr")
    values = values.astype(np.result_type(values.dtype, np.float32))
    mean_log = np.asarray(np.log1p(values).sum(axis=1, dtype=np.float64)).ravel() / max(values.shape[1], 1)
    factor = np.exp(-mean_log).astype(values.dtype)  # (samples,)
    if sparse.issparse(values):
        return sparse.csr_matrix(sparse.diags(factor) @ values).log1p().astype(values.dtype)
    return np.log1p(values * factor[:, None])


def binarise(values: Matrix, modality: str) -> Matrix:
    """1 where a value is above 0; missing entries stay missing."""
    _refuse_negative(values, modality, "binarize")
    stored = stored_values(values)
    ones = np.where(np.isnan(stored), np.nan, stored > 0).astype(np.float32)
    if isinstance(values, np.ndarray):
        return ones
    found = sparse.csr_matrix((ones, values.indices, values.indptr), shape=values.shape, copy=True)
    found.eliminate_zeros()
    return found


def term_frequencies(values: Matrix, modality: str) -> Matrix:
    """Counts to 10,000 per sample; one without a single count stays 0. See ``inverse_document_frequencies``."""
    _require_counts(values, modality, "tfidf")
    totals = np.asarray(values.sum(axis=1, dtype=np.float64)).reshape(-1)
    factor = (COUNTS_PER_SAMPLE / np.where(totals > 0, totals, 1.0)).astype(np.float32)
    if sparse.issparse(values):
        return sparse.csr_matrix(sparse.diags(factor) @ values.astype(np.float32))
    return values.astype(np.float32) * factor[:, None]


def inverse_document_frequencies(values: Matrix, rows: np.ndarray) -> np.ndarray:
    """``n / n_d``: in how many of some samples, as a share, a feature is above 0; float32, 1 where it is in none.

    Parameters
    ----------
    values
        Term frequencies (n_samples, n_features).
    rows
        Indices of the training samples.

    Source: Cusanovich et al., Multiplex single-cell profiling of chromatin accessibility by combinatorial cellular
    indexing, 2015; used as ``log(1 + tf idf 10,000)``, as in Stuart et al., Single-cell chromatin state analysis with
    Signac, 2021.
    """
    n_with = sum(np.asarray((block > 0).sum(axis=0), dtype=np.float64).reshape(-1) for block in blocks(values, rows))
    n_with = np.asarray(n_with)
    return (len(rows) / np.where(n_with > 0, n_with, len(rows))).astype(np.float32)


def log_weighted(values: Matrix, weights: np.ndarray) -> Matrix:
    """``log(1 + x w)`` of values (n_samples, n_features) and weights (n_features,)."""
    if is_on_disk(values):
        return by_rows(partial(log_weighted, weights=weights), values)
    if sparse.issparse(values):
        return sparse.csr_matrix(values @ sparse.diags(weights)).log1p()
    return np.log1p(values * weights)
