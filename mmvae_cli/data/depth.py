"""Library sizes: how many counts a sample has in a modality, which says how deep it was sequenced."""

from __future__ import annotations

import logging
from functools import partial

import numpy as np
from scipy import sparse

from mmvae_cli.data.dataset import Matrix
from mmvae_cli.data.on_disk import blocks, by_rows, is_on_disk
from mmvae_cli.errors import counted

log = logging.getLogger("mmvae_cli")


def library_sizes(values: Matrix) -> np.ndarray:
    """Total of every sample over all features of its modality, missing entries aside, and at least 1.

    Parameters
    ----------
    values
        Counts (n_samples, n_features), dense or CSR.

    Returns
    -------
    (n_samples,) float64; 1 for a sample without a single count.
    """
    if is_on_disk(values):
        return np.concatenate([library_sizes(block) for block in blocks(values)])
    if sparse.issparse(values):
        total = np.asarray(values.sum(axis=1, dtype=np.float64)).reshape(-1)
    else:
        total = np.asarray(np.nansum(values, axis=1, dtype=np.float64))
    return np.asarray(np.maximum(total, 1.0))


def at_library_size(values: Matrix, size: float) -> Matrix:
    """Counts (n_samples, n_features) scaled to that library size in every sample; the input is left as it is."""
    if is_on_disk(values):
        return by_rows(partial(at_library_size, size=size), values)
    return _by_sample(values, size / library_sizes(values))


def log_at_library_size(values: Matrix, size: float) -> Matrix:
    """``log(1 + x)`` of ``at_library_size``, float32."""
    scaled = _by_sample(values, size / library_sizes(values), np.float32)
    entries = scaled if isinstance(scaled, np.ndarray) else scaled.data
    np.log1p(entries, out=entries)
    return scaled


def presence_at_library_size(values: Matrix, size: float) -> Matrix:
    """0/1 values times ``sqrt(size / library size)``, float32: rare features then vary as much in every sample.

    Where samples of low depth varied less, those of high depth alone would say what is correlated.
    """
    return _by_sample(values, np.sqrt(size / library_sizes(values)), np.float32)


def _by_sample(values: Matrix, factor: np.ndarray, dtype: type[np.floating] = np.float64) -> Matrix:
    """Values times a factor of each sample; where an entry stands is shared with a sparse input, not copied."""
    factor = factor.astype(dtype)
    if isinstance(values, np.ndarray):
        return values * factor[:, None]
    by_entry = np.repeat(factor, np.diff(values.indptr))
    by_entry *= values.data
    return sparse.csr_matrix((by_entry, values.indices, values.indptr), values.shape)


def warn_about_empty(name: str, values: Matrix) -> None:
    """Say how many samples of a modality have no count at all."""
    n_empty = sum(int((_largest(block) == 0).sum()) for block in blocks(values))
    if n_empty:
        log.warning(
            "modality %r: %s without a single count, of which nothing can be said; --complete-only does not leave "
            "such out, filter them before",
            name, counted(n_empty, "sample"),
        )  # fmt: skip


def _largest(values: Matrix) -> np.ndarray:
    """Largest value of every sample."""
    return np.asarray(values.max(axis=1).toarray() if sparse.issparse(values) else np.nan_to_num(values).max(axis=1))
