"""Values that stay in their file: rows are read when they are asked for, so that memory holds some of them only."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy import sparse

from mmvae_cli.data.convert import as_matrix
from mmvae_cli.data.dataset import Matrix
from mmvae_cli.data.stores import opened
from mmvae_cli.errors import DataError

BLOCK_ENTRIES = 4_000_000  # entries of a block that passes read one after the other: 32 MB

Change = Callable[[Matrix], Matrix]


@dataclass(frozen=True)
class OnDisk:
    """(n_samples, n_features) values of a modality in a file or zarr folder, dense or CSR there.

    Attributes
    ----------
    path, element
        The file, and the name of the matrix in it.
    where
        What the values are, for messages.
    starts
        (n_samples + 1,) where the entries of each row begin; None for a dense matrix.
    rows_per_chunk
        How many rows the file reads together, on average.
    changes
        What is done to rows that were read, each sample by itself.
    state
        The file when its shape was read: inode and time of the last change.
    """

    path: Path
    element: str
    where: str
    shape: tuple[int, int]
    starts: np.ndarray | None
    rows_per_chunk: float
    changes: tuple[Change, ...] = ()
    state: tuple[int, int] = (0, 0)

    @property
    def nnz(self) -> int:
        """Stored entries in the file."""
        return self.shape[0] * self.shape[1] if self.starts is None else int(self.starts[-1])

    @property
    def row_bytes(self) -> float:
        """Bytes of a row in memory, on average."""
        width = 4 if self.starts is None else 8
        return width * self.nnz / max(self.shape[0], 1)

    def changed(self, change: Change) -> OnDisk:
        """Return the same rows with something done to them after reading."""
        return replace(self, changes=(*self.changes, change))

    def __getitem__(self, rows: np.ndarray) -> Matrix:
        """Rows in memory: by number, in any order, or by a mask (n_samples,)."""
        matrix, places = self.fetch(np.flatnonzero(rows) if rows.dtype == bool else rows)
        return matrix if np.array_equal(places, np.arange(matrix.shape[0])) else matrix[places]

    def fetch(self, rows: np.ndarray) -> tuple[Matrix, np.ndarray]:
        """Read rows in the order of the file.

        Parameters
        ----------
        rows
            (n,) numbers of rows, in any order; -1 for none.

        Returns
        -------
        The rows, each once, and for each of ``rows`` its place among them; -1 stays.
        """
        wanted = np.unique(rows[rows >= 0])
        places = np.where(rows >= 0, np.searchsorted(wanted, rows), -1)
        return self._read(wanted), places

    def blocks(self, rows: np.ndarray | None = None) -> Iterator[tuple[np.ndarray, Matrix]]:
        """Yield some rows after the other, in the order of the file: their numbers and values."""
        wanted = (
            np.arange(self.shape[0]) if rows is None else np.sort(np.flatnonzero(rows) if rows.dtype == bool else rows)
        )
        size = max(1, int(4 * BLOCK_ENTRIES / max(self.row_bytes, 1)))
        for start in range(0, len(wanted), size):
            part = wanted[start : start + size]
            yield part, self._read(part)

    def _read(self, rows: np.ndarray) -> Matrix:
        """Rows by sorted numbers, each once."""
        with opened(self.path) as root:
            if self.state != file_mark(self.path):
                raise DataError(f"{self.path} has changed since it was read", hint="run this again")
            read = _dense_rows if self.starts is None else _sparse_rows
            values = as_matrix(read(root[self.element], rows, self), (len(rows), self.shape[1]), self.where)
        for change in self.changes:
            values = change(values)
        return values


def file_mark(path: Path) -> tuple[int, int]:
    """What tells whether a file is another one."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def on_disk(path: Path, element: Any, shape: tuple[int, int], where: str) -> OnDisk:
    """Find out how a matrix is stored, without reading it.

    Raises
    ------
    DataError
        If its rows cannot be read one by one.
    """
    encoding, name, mark = str(element.attrs.get("encoding-type", "array")), str(element.name), file_mark(path)
    if encoding == "csc_matrix":
        raise DataError(
            f"{where} is stored by features (CSC), so that samples cannot be read one by one",
            hint="store it by samples: adata.X = adata.X.tocsr(), then write the file again",
        )
    if encoding != "csr_matrix":
        return OnDisk(path, name, where, shape, None, element.chunks[0] if element.chunks else 1.0, state=mark)
    starts = np.asarray(element["indptr"][...], dtype=np.int64)
    n_stored = element["data"].shape[0]
    if len(starts) != shape[0] + 1 or starts[0] != 0 or starts[-1] != n_stored or (np.diff(starts) < 0).any():
        raise DataError(f"{where} is a damaged sparse matrix: its rows do not fit", hint="write the file again")
    chunks = element["data"].chunks
    rows_per_chunk = chunks[0] * shape[0] / max(n_stored, 1) if chunks else 1.0
    return OnDisk(path, name, where, shape, starts, rows_per_chunk, state=mark)


def by_rows(change: Change, values: Matrix) -> Matrix:
    """Do something to every sample by itself: now to values in memory, when they are read to those on disk.

    What is logged of values on disk, is of the first rows that are read.
    """
    if not isinstance(values, OnDisk):
        return change(values)
    said: list[bool] = []

    def quietly(block: Matrix) -> Matrix:
        with _muted() if said else _said(said):
            return change(block)

    return values.changed(quietly)


def blocks(values: Matrix, rows: np.ndarray | None = None) -> Iterator[Matrix]:
    """Yield values (or some rows of them) that fit into memory one after the other; all at once where they are there.

    The order of the rows is that of the matrix.
    """
    if isinstance(values, OnDisk):
        yield from (block for _, block in values.blocks(rows))
    else:
        yield values if rows is None else values[rows]


def is_on_disk(values: Matrix) -> bool:
    """Whether values stay in their file."""
    return isinstance(values, OnDisk)


def _dense_rows(element: Any, rows: np.ndarray, values: OnDisk) -> np.ndarray:
    if len(rows) == 0:
        return np.zeros((0, values.shape[1]), np.float32)
    runs = _runs(rows)
    if isinstance(element, h5py.Dataset) or len(runs) == 1:
        return np.concatenate([element[run[0] : run[-1] + 1] for run in runs])
    return np.asarray(element.oindex[rows, slice(None)])


def _sparse_rows(element: Any, rows: np.ndarray, values: OnDisk) -> sparse.csr_matrix:
    assert values.starts is not None
    lengths = (values.starts[1:] - values.starts[:-1])[rows]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    cuts = [slice(int(values.starts[run[0]]), int(values.starts[run[-1] + 1])) for run in _runs(rows)]
    parts = [_entries(element[name], cuts) for name in ("data", "indices")]
    return sparse.csr_matrix((*parts, starts), shape=(len(rows), values.shape[1]))


def _entries(array: Any, cuts: list[slice]) -> np.ndarray:
    """Parts of an array, one after the other."""
    if not cuts:
        return np.zeros(0, array.dtype)
    if isinstance(array, h5py.Dataset) or len(cuts) == 1:
        return np.concatenate([array[cut] for cut in cuts])
    places = np.concatenate([np.arange(cut.start, cut.stop) for cut in cuts])
    return np.asarray(array.oindex[places])  # all at once: zarr keeps no chunk that it has unpacked


def _runs(rows: np.ndarray) -> list[np.ndarray]:
    """Sorted numbers, parted where one is left out."""
    return np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1) if len(rows) else []


class _Muting(logging.Filter):
    """Drops what some threads log."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread not in self.threads


@contextmanager
def _muted() -> Iterator[None]:
    """Let this thread log nothing."""
    log, muting = logging.getLogger("mmvae_cli"), _Muting()
    muting.threads.add(threading.get_ident())
    log.addFilter(muting)
    try:
        yield
    finally:
        log.removeFilter(muting)


@contextmanager
def _said(said: list[bool]) -> Iterator[None]:
    yield
    said.append(True)
