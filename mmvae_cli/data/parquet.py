"""Parquet tables, as pandas, polars and R write them; read by pyarrow, which is installed where they are wanted."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pandas as pd

from mmvae_cli.data.stores import damaged
from mmvae_cli.data.tables import Table
from mmvae_cli.data.validate import duplicated_names
from mmvae_cli.errors import DataError, InputNotFoundError, UsageError


def read_table(path: Path, rows: str = "sample") -> Table:
    """Read a table of numbers.

    Parameters
    ----------
    path
        The names of its rows are the index that pandas wrote, or else the first column.
    rows
        What a row is, for messages: ``sample`` or ``feature``.

    Raises
    ------
    UsageError
        If pyarrow is not installed.
    InputNotFoundError
        If there is no such file.
    DataError
        If the file is damaged, a column holds no numbers, or a name occurs twice or is missing.
    """
    frame = _named_rows(path, rows)
    for column in frame:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            raise DataError(
                f"{path}: the column {str(column)!r} holds {frame[column].dtype} values, not numbers",
                hint="columns of text belong into the table given to --obs; the names of the rows are the first column",
            )
    with np.errstate(over="ignore"):  # too large for float32: infinite, which the validation reports
        values = frame.to_numpy(dtype=np.float32, na_value=np.nan)
    columns = _checked(frame.columns, path, "feature" if rows == "sample" else "sample")
    return Table(_checked(frame.index, path, rows), columns, values)


def row_names(path: Path, rows: str = "sample") -> list[str]:
    """Names of the rows of a table."""
    return _checked(_named_rows(path, rows).index, path, rows)


def column_names(path: Path, columns: str = "feature") -> list[str]:
    """Names of the columns of a table, without those of the rows."""
    return _checked(_named_rows(path, "row").columns, path, columns)


def _named_rows(path: Path, rows: str) -> pd.DataFrame:
    """The table, the names of its rows as the index."""
    frame = _read(path)
    if not len(frame):
        raise DataError(f"{path} has no rows", hint=f"a table has one row per {rows}")
    if isinstance(frame.index, pd.MultiIndex):
        raise DataError(f"{path} has an index of several columns", hint=f"give every {rows} one name")
    if isinstance(frame.index, pd.RangeIndex) and frame.shape[1]:
        if pd.api.types.is_float_dtype(frame.iloc[:, 0]):
            raise DataError(
                f"{path}: the first column, {str(frame.columns[0])!r}, holds decimals, not the name of each {rows}",
                hint="write the names as the first column, or as the index of a pandas table",
            )
        frame = frame.set_index(frame.columns[0])
    if not frame.shape[1]:
        raise DataError(f"{path} has one column only", hint="the first column holds names, the others values")
    return frame


def _read(path: Path) -> pd.DataFrame:
    try:
        importlib.import_module("pyarrow")
    except ImportError:
        hint = "pip install 'mmvae-cli[parquet]', or write the table as .csv"
        raise UsageError(f"{path}: Parquet is read by pyarrow, which is not installed", hint=hint) from None
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except FileNotFoundError as error:
        raise InputNotFoundError(f"no such file: {path}", hint="check the path") from error
    except PermissionError as error:
        raise InputNotFoundError(f"no permission to read {path}", hint="ask its owner, or copy it") from error
    except Exception as error:
        raise damaged(path, error) from error


def _checked(index: pd.Index, path: Path, kind: str) -> list[str]:
    """Names as text; DataError where one is missing or occurs twice."""
    n_missing = int(np.count_nonzero(index.isna()))
    if n_missing:
        raise DataError(f"{path}: {n_missing} {kind} names are missing", hint=f"name every {kind}")
    names = [str(name) for name in index]
    for problem in duplicated_names(pd.Index(names, dtype=object), kind, str(path)):
        raise problem
    return names
