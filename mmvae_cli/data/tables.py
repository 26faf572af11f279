"""CSV and TSV tables: one row per sample, its name first."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mmvae_cli.data.delimited import MISSING, Delimited, inspect
from mmvae_cli.data.validate import duplicated_names
from mmvae_cli.errors import DataError

log = logging.getLogger("mmvae_cli")

COMMA_NUMBER = re.compile(r"\s*[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?\s*")


@dataclass(frozen=True)
class Table:
    """A table of numbers.

    Attributes
    ----------
    names
        Names of the samples, as the file has them.
    columns
        Names of the features.
    values
        (n_samples, n_features) float32; nan where a cell is missing.
    """

    names: list[str]
    columns: list[str]
    values: np.ndarray


class _DecimalComma(Exception):
    """A cell is a number once its comma is read as a decimal point."""


def read_table(path: Path, rows: str = "sample") -> Table:
    """Read a table of numbers.

    Parameters
    ----------
    path
        CSV or TSV, may be compressed with gzip. The first line names the features, the first column
        the samples. Names stay as they are; empty cells, NA and NaN are missing.
    rows
        What a row is, for messages: ``sample``, or ``feature`` in a transposed table.

    Raises
    ------
    InputNotFoundError
        If there is no such file.
    DataError
        If a cell is no number, a line has too few or too many cells, or a name occurs twice.
    """
    layout = inspect(path)
    _check_columns(layout, "feature" if rows == "sample" else "sample")
    try:
        names, values = _numbers(layout, rows, decimal_comma=False)
    except _DecimalComma:
        names, values = _numbers(layout, rows, decimal_comma=True)
        log.info("%s: numbers are written with a decimal comma", path)
    return Table(names, layout.columns, values)


def read_annotations(path: Path) -> pd.DataFrame:
    """Read a table of labels.

    Parameters
    ----------
    path
        As in `read_table`, but cells may be text.

    Returns
    -------
    One row per sample, its name as the index. A column whose cells are all numbers is float64, any
    other is text; nan where a cell is missing.

    Raises
    ------
    InputNotFoundError
        If there is no such file.
    DataError
        If a line has too few or too many cells, or a name occurs twice.
    """
    layout = inspect(path)
    _check_columns(layout, "column")
    rows = list(layout.rows())
    names = [name for _, name, _ in rows]
    _check_rows(names, path)
    cells = zip(*(cells for _, _, cells in rows), strict=True)
    columns = {
        column: _label_column(values, layout.delimiter) for column, values in zip(layout.columns, cells, strict=True)
    }
    return pd.DataFrame(columns, index=pd.Index(names, dtype=object), columns=pd.Index(layout.columns, dtype=object))


def row_names(path: Path, rows: str = "sample") -> list[str]:
    """Names of the rows of a table; its values are not looked at."""
    names = [name for _, name, _ in inspect(path).rows()]
    _check_rows(names, path, rows)
    return names


def column_names(path: Path, columns: str = "feature") -> list[str]:
    """Names of the columns of a table, without the first."""
    layout = inspect(path)
    _check_columns(layout, columns)
    return layout.columns


def _check_columns(layout: Delimited, kind: str) -> None:
    for number, column in enumerate(layout.columns, start=2):
        if not column.strip():
            raise DataError(f"{layout.path}: column {number} has no name", hint="name it in the header, or remove it")
    for problem in duplicated_names(pd.Index(layout.columns, dtype=object), kind, str(layout.path)):
        raise problem


def _check_rows(names: list[str], path: Path, kind: str = "sample") -> None:
    for problem in duplicated_names(pd.Index(names, dtype=object), kind, str(path)):
        raise problem


def _numbers(layout: Delimited, kind: str, *, decimal_comma: bool) -> tuple[list[str], np.ndarray]:
    """Names and values of all rows; _DecimalComma where reading again with it may help."""
    names: list[str] = []
    rows: list[np.ndarray] = []
    with np.errstate(over="ignore"):  # too large for float32: infinite, which the validation reports
        for line, name, cells in layout.rows():
            names.append(name)
            rows.append(_row(cells, layout, f"line {line} ({kind} {name!r})", decimal_comma))
    _check_rows(names, layout.path, kind)
    return names, np.stack(rows)


def _row(cells: list[str], layout: Delimited, where: str, decimal_comma: bool) -> np.ndarray:
    if not decimal_comma:
        try:
            return _floats(cells)
        except ValueError:
            pass  # a missing or a bad cell: look at each
    values = np.empty(len(cells), dtype=np.float32)
    for position, cell in enumerate(cells):
        try:
            values[position] = np.nan if cell.strip() in MISSING else _number(cell, decimal_comma)
        except ValueError:
            if not decimal_comma and layout.delimiter != "," and COMMA_NUMBER.fullmatch(cell):
                raise _DecimalComma from None
            mixed = " in a table with decimal commas" if decimal_comma else ""
            raise DataError(
                f"{layout.path}, {where}, column {layout.columns[position]!r}: {cell[:40]!r} is not a number{mixed}",
                hint="missing cells are empty or NA; columns of text belong into the table given to --obs",
            ) from None
    return values


def _floats(cells: list[str]) -> np.ndarray:
    values = np.fromiter(map(float, cells), dtype=np.float32, count=len(cells))
    if any("_" in cell for cell in cells):  # Python reads 1_000 as a number; no table means that
        raise ValueError
    return values


def _number(cell: str, decimal_comma: bool) -> float:
    if "_" in cell or (decimal_comma and "." in cell):
        raise ValueError
    return float(cell.replace(",", ".") if decimal_comma else cell)


def _label_column(cells: Sequence[str], delimiter: str) -> np.ndarray:
    missing = np.array([cell.strip() in MISSING for cell in cells])
    for decimal_comma in (False, True) if delimiter != "," else (False,):
        try:
            return np.array(
                [np.nan if gone else _number(cell, decimal_comma) for cell, gone in zip(cells, missing, strict=True)]
            )
        except ValueError:
            continue
    column = np.array(cells, dtype=object)
    column[missing] = np.nan
    return column
