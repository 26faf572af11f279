"""What other packages hand over, brought to the forms `Dataset` promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from mmvae_cli.data.dataset import Matrix
from mmvae_cli.errors import DataError

PLAIN_TYPES = {"b": bool, "i": np.int64, "u": np.int64, "f": np.float64}  # by numpy's letter for each kind of number


def as_matrix(values: Any, shape: tuple[int, int], where: str) -> Matrix:
    """Values as float32, dense or CSR; shares memory with ``values`` where it can.

    Parameters
    ----------
    values
        Anything numpy can make an array of, or any sparse matrix or array of scipy.
    shape
        (n_samples, n_features) that the annotations promise.
    where
        What the values are, for the message: ``"X of modality 'rna'"``.

    Returns
    -------
    (n_samples, n_features) float32; values beyond its range become infinite, for the validation to find.

    Raises
    ------
    DataError
        If the values are no numbers, or have another shape.
    """
    matrix = values if sparse.issparse(values) else np.asarray(values)
    if matrix.dtype.kind not in PLAIN_TYPES:
        raise DataError(f"{where} holds {matrix.dtype} values, not numbers", hint="store the values as float32")
    check_shape(matrix.shape, shape, where)
    with np.errstate(over="ignore"):
        if sparse.issparse(matrix):
            return _as_rows(matrix, where)
        return matrix.astype(np.float32, copy=False)


def check_shape(found: tuple[int, ...], shape: tuple[int, int], where: str) -> None:
    """Raise DataError unless the values have the shape their annotations promise."""
    if tuple(found) != tuple(shape):
        raise DataError(
            f"{where} has the shape {tuple(found)}, its annotations have {shape[0]} samples and {shape[1]} features",
            hint="write the file again with mudata",
        )


def _as_rows(matrix: sparse.spmatrix, where: str) -> sparse.csr_matrix:
    if isinstance(matrix, sparse.csr_matrix | sparse.csc_matrix | sparse.csr_array | sparse.csc_array):
        try:
            matrix.check_format(full_check=True)  # scipy trusts indices: bad ones would end the process
        except ValueError as error:
            raise DataError(f"{where} is a damaged sparse matrix: {error}", hint="write the file again") from error
    rows = sparse.csr_matrix(matrix, dtype=np.float32)
    if not rows.has_canonical_format:
        rows = rows.copy()  # the arrays may be those of the user's object
        rows.sum_duplicates()
    return rows


def as_annotations(frame: pd.DataFrame) -> pd.DataFrame:
    """A copy of a table whose row and column names are plain text; the columns share memory."""
    frame = frame.copy(deep=False)
    frame.index = as_names(frame.index)
    frame.columns = as_names(frame.columns)
    return frame


def as_names(names: pd.Index) -> pd.Index:
    """Names as an index of plain Python text."""
    return pd.Index([str(name) for name in names], dtype=object)


def as_plain(column: pd.Series) -> pd.Series:
    """A column without categorical or nullable types: bool, int64, float64 or text, with nan where missing."""
    plain = column.astype(object).where(column.notna(), np.nan)
    numbers = plain.infer_objects()  # a number type where every value is a number
    return numbers.astype(PLAIN_TYPES[numbers.dtype.kind]) if numbers.dtype.kind in PLAIN_TYPES else plain
