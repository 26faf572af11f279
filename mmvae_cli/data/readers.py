"""How each file format is read. A new format is a row of `READERS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mmvae_cli.data import elements, parquet, tables, tenx
from mmvae_cli.data.choose import choose_layer
from mmvae_cli.data.dataset import Modality
from mmvae_cli.data.delimited import plain_suffix
from mmvae_cli.data.members import is_matrix_folder, split_member
from mmvae_cli.data.tables import Table


@dataclass(frozen=True)
class Reader:
    """How one modality is read from a file of some format.

    Attributes
    ----------
    modality
        Reads everything: from path, name of the modality, layer or None.
    annotations
        Reads its samples and their annotations only: from path, name.
    transposed
        Reads the same format where rows are features; None for a format that says itself what its rows are.
    """

    modality: Callable[[Path, str, str | None], Modality]
    annotations: Callable[[Path, str], pd.DataFrame]
    transposed: Reader | None = None


def table_reader(
    read: Callable[[Path, str], Table],
    row_names: Callable[[Path, str], list[str]],
    column_names: Callable[[Path, str], list[str]],
) -> Reader:
    """Reader of a format of tables, either way round.

    Parameters
    ----------
    read
        Reads a table: from path, and what its rows are, for messages.
    row_names, column_names
        Read only these: from path, and what they are.
    """

    def modality(path: Path, name: str, layer: str | None) -> Modality:
        _refuse_layer(name, layer)
        table = read(path, "sample")
        return Modality(name, table.values, _unannotated(table.names), _unannotated(table.columns))

    def transposed(path: Path, name: str, layer: str | None) -> Modality:
        _refuse_layer(name, layer)
        table = read(path, "feature")
        values = np.ascontiguousarray(table.values.T)
        return Modality(name, values, _unannotated(table.columns), _unannotated(table.names))

    return Reader(
        modality,
        lambda path, _: _unannotated(row_names(path, "sample")),
        Reader(transposed, lambda path, _: _unannotated(column_names(path, "sample"))),
    )


def _refuse_layer(name: str, layer: str | None) -> None:
    if layer is not None:
        choose_layer(name, layer, [])


def _unannotated(names: list[str]) -> pd.DataFrame:
    return pd.DataFrame(index=pd.Index(names, dtype=object))


TABLE = table_reader(tables.read_table, tables.row_names, tables.column_names)
TENX = Reader(tenx.read_modality, tenx.samples)  # also of a folder, which has no suffix
TABLES = {f"{suffix}{compressed}": TABLE for suffix in (".csv", ".tsv", ".txt", ".tab") for compressed in ("", ".gz")}
READERS: dict[str, Reader] = {
    ".h5mu": Reader(elements.read_member, elements.member_annotations),
    ".zarr": Reader(elements.read_member, elements.member_annotations),
    ".h5ad": Reader(elements.read_anndata, elements.anndata_annotations),
    ".h5": TENX,
    ".mtx": TENX,
    ".mtx.gz": TENX,
    ".parquet": table_reader(parquet.read_table, parquet.row_names, parquet.column_names),
    **TABLES,
}


def reader_of(path: Path) -> Reader | None:
    """The reader of a file or folder, which may be followed by the name of a modality; None if there is none."""
    file, _ = split_member(path)
    return TENX if is_matrix_folder(file) else READERS.get(plain_suffix(file))
