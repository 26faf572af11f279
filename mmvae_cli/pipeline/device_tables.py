"""From scaled values in memory to a table on the device; scaling is in float64, a part of the values at a time."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from mmvae_cli.data.columns import is_clean_sparse
from mmvae_cli.data.transforms import Scaling
from mmvae_cli.training.tables import DenseTable, SparseTable

ROWS_AT_ONCE = 1024  # samples
ENTRIES_AT_ONCE = 4_000_000
SMALL = 2**25  # bytes of a dense table below which nothing is worth saving
WORTH_IT = 0.5  # part of a dense table's bytes above which a sparse one, whose rows take longer to take, is not used


def saves_memory(values: sparse.csr_matrix) -> bool:
    """Whether a sparse table of (n_samples, n_features) values is used: large ones below a density of about 1/4."""
    n_samples, n_features = values.shape
    return is_clean_sparse(values) and table_bytes(n_samples, n_features, values.nnz) < 4 * n_samples * n_features


def table_bytes(n_samples: int, n_features: int, n_entries: int | None) -> int:
    """Bytes of the table that is made of values with so many entries; None for dense ones."""
    dense = 4 * n_samples * n_features
    by_row = dense if n_entries is None else 8 * n_entries + 8 * n_samples + 4 * n_features
    return by_row if dense > SMALL and by_row < WORTH_IT * dense else dense


def dense_table(values: np.ndarray, observed: np.ndarray, scaling: Scaling, device: torch.device) -> DenseTable:
    """Scale the observed rows of float32 values (n_samples, n_features) in place; missing ones become 0."""
    rows = np.flatnonzero(observed)
    for block in np.array_split(rows, len(rows) // ROWS_AT_ONCE + 1):
        part = values[block].astype(np.float64)
        values[block] = np.where(np.isnan(part), 0.0, scaling.apply(part))
    return DenseTable(torch.from_numpy(values).to(device))


def sparse_table(values: sparse.csr_matrix, scaling: Scaling, device: torch.device) -> SparseTable:
    """Scale the entries of (n_samples, n_features) values; where there is none it is that of a 0."""
    features, scaled = values.indices.astype(np.int32, copy=False), np.empty(values.nnz, dtype=np.float32)
    for start in range(0, values.nnz, ENTRIES_AT_ONCE):
        block = slice(start, start + ENTRIES_AT_ONCE)
        of_entry = Scaling(scaling.mean[features[block]], scaling.sd[features[block]])
        scaled[block] = of_entry.apply(values.data[block].astype(np.float64))
    background = scaling.apply(np.zeros(values.shape[1])).astype(np.float32)
    parts = (values.indptr.astype(np.int64), features, scaled, background)
    return SparseTable(*(torch.from_numpy(part).to(device) for part in parts))
