"""How each file format is read. A new format is a row of `READERS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mmvae_cli.data import elements, tables, tenx
from mmvae_cli.data.dataset import Modality
from mmvae_cli.data.delimited import plain_suffix
from mmvae_cli.data.members import is_matrix_folder, split_member


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


TABLE = Reader(tables.read_modality, tables.table_samples, Reader(tables.read_transposed, tables.transposed_samples))
TENX = Reader(tenx.read_modality, tenx.samples)  # also of a folder, which has no suffix
TABLES = {f"{suffix}{compressed}": TABLE for suffix in (".csv", ".tsv", ".txt", ".tab") for compressed in ("", ".gz")}
READERS: dict[str, Reader] = {
    ".h5mu": Reader(elements.read_member, elements.member_annotations),
    ".h5ad": Reader(elements.read_anndata, elements.anndata_annotations),
    ".h5": TENX,
    ".mtx": TENX,
    ".mtx.gz": TENX,
    **TABLES,
}


def reader_of(path: Path) -> Reader | None:
    """The reader of a file or folder, which may be followed by the name of a modality; None if there is none."""
    file, _ = split_member(path)
    return TENX if is_matrix_folder(file) else READERS.get(plain_suffix(file))
