"""Samples and modalities in the internal order: by name, so that the file's order cannot change a result."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from mmvae_cli.data.dataset import Dataset, Matrix, Modality
from mmvae_cli.data.on_disk import OnDisk, blocks

ROWS_AT_ONCE = 1024  # samples copied together


@dataclass(frozen=True)
class Aligned:
    """A data set in the internal order.

    Attributes
    ----------
    dataset
        What was read, in the order of the file.
    names
        (n_samples,) sample names, sorted.
    order
        (n_samples,) place of each of them in the file: ``in_file_order[order] = sorted``.
    modalities
        By name, sorted by name; each still in its own row order.
    rows
        Per modality (n_samples,) the row of each sample in the modality's table; -1 where it is absent, or has no
        value at all.
    """

    dataset: Dataset
    names: np.ndarray
    order: np.ndarray
    modalities: dict[str, Modality]
    rows: dict[str, np.ndarray]

    @property
    def observed(self) -> np.ndarray:
        """(n_samples, n_modalities) True where a sample has a modality."""
        return np.stack([self.rows[name] >= 0 for name in self.modalities], axis=1)

    @property
    def file_order(self) -> list[str]:
        """Names of the modalities in the order of the file, or as they were asked for."""
        return list(self.dataset.modalities)

    def with_values(self, values: Mapping[str, Matrix]) -> Aligned:
        """Return the same samples with other values of some modalities (transformed ones)."""
        changed = {name: replace(self.modalities[name], values=new) for name, new in values.items()}
        return replace(self, modalities={**self.modalities, **changed})

    def own_rows(self, modality: str, chosen: np.ndarray) -> np.ndarray:
        """Rows in a modality's own table of those samples of ``chosen`` (bool, n_samples) that have it."""
        rows = self.rows[modality][chosen]
        return rows[rows >= 0]

    def places_of(self, names: np.ndarray) -> np.ndarray:
        """Places in the internal order, rising, of those of some samples that are there."""
        return np.flatnonzero(pd.Index(self.names).isin(names))  # np.isin compares every name with every other

    def by_feature(self, modality: str, features: np.ndarray, values: np.ndarray) -> np.ndarray:
        """From (n_named, …) values of named features to all features in the order of the file; nan for the others."""
        var = self.modalities[modality].var
        found, place = np.full((len(var), *values.shape[1:]), np.nan), var.index.get_indexer(pd.Index(features))
        found[place[place >= 0]] = values[place >= 0]
        return found

    def to_own(self, modality: str, values: np.ndarray) -> np.ndarray:
        """From (n_samples, …) in the internal order to the rows of a modality's own table; nan or 0 for others."""
        shape = (len(self.modalities[modality].obs), *values.shape[1:])
        own = np.full(shape, np.nan if values.dtype.kind == "f" else values.dtype.type(), dtype=values.dtype)
        present = self.rows[modality] >= 0
        own[self.rows[modality][present]] = values[present]
        return own

    def to_file(self, values: np.ndarray) -> np.ndarray:
        """From (n_samples, …) in the internal order to the order of the file."""
        in_file = np.empty_like(values)
        in_file[self.order] = values
        return in_file

    def from_file(self, values: np.ndarray) -> np.ndarray:
        """From (n_samples, …) in the order of the file to the internal one."""
        return values[self.order]

    def taken(self, modality: str, columns: np.ndarray | None = None, samples: np.ndarray | None = None) -> Matrix:
        """Copy some samples (default: all) and columns of a modality, CSR where its values are.

        Parameters
        ----------
        columns
            (n_columns,) places of features; -1 for a feature that the modality lacks, which is 0 in every sample.

        Returns
        -------
        (n_samples, n_columns) float32; 0 where a sample lacks the modality.
        """
        rows = self.rows[modality] if samples is None else self.rows[modality][samples]
        values = self.modalities[modality].values
        columns = np.arange(values.shape[1]) if columns is None else columns
        if isinstance(values, OnDisk):
            values, rows = values.fetch(rows)
        if sparse.issparse(values):
            return _taken_sparse(values, rows, columns)
        present, found = np.flatnonzero(rows >= 0), columns >= 0
        filled = np.zeros((len(rows), len(columns)), dtype=np.float32)
        for block in np.array_split(present, len(present) // ROWS_AT_ONCE + 1):
            filled[np.ix_(block, found)] = values[np.ix_(rows[block], columns[found])]
        return filled

    def dense(self, modality: str, columns: np.ndarray | None = None, samples: np.ndarray | None = None) -> np.ndarray:
        """As ``taken``, dense."""
        taken = self.taken(modality, columns, samples)
        return taken if isinstance(taken, np.ndarray) else np.asarray(taken.toarray())


def _taken_sparse(values: sparse.csr_matrix, rows: np.ndarray, columns: np.ndarray) -> sparse.csr_matrix:
    """As ``Aligned.taken``, of a CSR matrix; its entries stay as they are."""
    present, found = rows >= 0, np.flatnonzero(columns >= 0)
    part = values[rows[present]]
    if not np.array_equal(columns, np.arange(values.shape[1])):
        part = part[:, columns[found]]
    lengths = np.zeros(len(rows) + 1, dtype=np.int64)
    lengths[1:][present] = np.diff(part.indptr)
    indices = part.indices if len(found) == len(columns) else found[part.indices]
    shape = (len(rows), len(columns))
    return sparse.csr_matrix((part.data.astype(np.float32, copy=False), indices, np.cumsum(lengths)), shape)


def align(dataset: Dataset, modalities: Sequence[str] | None = None) -> Aligned:
    """Bring a data set into the internal order."""
    names = dataset.sample_names
    order = np.argsort(names.astype(str), kind="stable")
    chosen = sorted(modalities if modalities is not None else dataset.modalities)
    return Aligned(
        dataset,
        names[order],
        order,
        {name: dataset.modalities[name] for name in chosen},
        {name: _rows_with_values(dataset.modalities[name], dataset.rows(name)[order]) for name in chosen},
    )


def has_values(modality: Modality) -> np.ndarray:
    """(n_own_samples,) True where a sample has any value; one whose entries are all missing lacks the modality."""
    parts = [
        ~np.isnan(block).all(axis=1) if isinstance(block, np.ndarray) else np.ones(block.shape[0], dtype=bool)
        for block in blocks(modality.values)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=bool)


def samples_with_values(modality: Modality) -> pd.Index:
    """Names of the samples that have the modality, as training sees it."""
    return modality.obs.index[has_values(modality)]


def _rows_with_values(modality: Modality, rows: np.ndarray) -> np.ndarray:
    """Rows of samples in a modality, -1 also where a sample has no value there."""
    return np.where((rows >= 0) & has_values(modality)[rows], rows, -1)


def _row_hashes(values: Matrix) -> np.ndarray:
    """(n_rows, 32) SHA-256 of every row, so that the order in which rows are read does not matter."""
    if isinstance(values, np.ndarray):
        parts = (np.ascontiguousarray(row).tobytes() for row in values)
    else:
        values.sort_indices()
        ends = zip(values.indptr[:-1], values.indptr[1:], strict=True)
        indices = values.indices.astype(np.int64, copy=False)
        parts = (indices[a:b].tobytes() + values.data[a:b].tobytes() for a, b in ends)
    found = b"".join(hashlib.sha256(part).digest() for part in parts)
    return np.frombuffer(found, dtype=np.uint8).reshape(-1, 32)


def input_hash(aligned: Aligned, columns: Sequence[np.ndarray]) -> str:
    """SHA-256 over what a model is trained on, whatever its order: matrices, names, label, covariates."""
    digest = hashlib.sha256()

    def add(*texts: str) -> None:
        digest.update("\x1f".join(texts).encode() + b"\x1e")

    add(*aligned.names.astype(str))
    for name, modality in aligned.modalities.items():
        add(name, *modality.var.index.astype(str))
        rows = aligned.rows[name]
        digest.update((rows >= 0).tobytes())
        of_rows = np.concatenate([_row_hashes(block) for block in blocks(modality.values)])  # (n_own_samples, 32)
        digest.update(of_rows[rows[rows >= 0]].tobytes())
    for column in columns:
        digest.update(np.ascontiguousarray(column, dtype=np.float64).tobytes())
    return digest.hexdigest()
