"""Small files as Cell Ranger writes them."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from scipy import io, sparse

Feature = tuple[str, str, str]  # identifier, name, type

FEATURES: list[Feature] = [
    ("ENSG1", "CD3E", "Gene Expression"),
    ("ENSG2", "TBCE", "Gene Expression"),
    ("ENSG3", "TBCE", "Gene Expression"),
    ("CD3", "CD3_TotalSeqB", "Antibody Capture"),
    ("chr1:10-20", "chr1:10-20", "Peaks"),
]
CELLS = ["AAAC-1", "AAAG-1", "AAAT-1", "AACA-1"]


def counts(n_cells: int = len(CELLS), n_features: int = len(FEATURES)) -> np.ndarray:
    """(n_cells, n_features) counts, about half of them 0."""
    return np.random.default_rng(0).poisson(0.7, (n_cells, n_features)).astype(np.int32)


def write_h5(
    path: Path,
    features: Sequence[Feature] = FEATURES,
    cells: Sequence[str] = CELLS,
    values: np.ndarray | None = None,
) -> Path:
    """A file of Cell Ranger 3 or later."""
    values = counts(len(cells), len(features)) if values is None else values
    matrix = sparse.csr_matrix(values)  # cells × features by rows is what 10x calls features × cells by columns
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        for key, content in (("data", matrix.data), ("indices", matrix.indices), ("indptr", matrix.indptr)):
            group[key] = content
        group["shape"] = np.array(values.shape[::-1], dtype=np.int32)
        group["barcodes"] = np.array(cells, dtype="S")
        table = group.create_group("features")
        for key, column in zip(("id", "name", "feature_type"), zip(*features, strict=True), strict=True):
            table[key] = np.array(column, dtype="S")
        table["genome"] = np.array(["GRCh38"] * len(features), dtype="S")
    return path


def write_old_h5(path: Path, genomes: Sequence[str] = ("GRCh38",)) -> Path:
    """A file of Cell Ranger 2: genes only, a group for each genome."""
    matrix = sparse.csr_matrix(counts())
    with h5py.File(path, "w") as file:
        for genome in genomes:
            group = file.create_group(genome)
            group["data"], group["indices"], group["indptr"] = matrix.data, matrix.indices, matrix.indptr
            group["shape"] = np.array(matrix.shape[::-1], dtype=np.int32)
            group["barcodes"] = np.array(CELLS, dtype="S")
            group["genes"] = np.array([feature[0] for feature in FEATURES], dtype="S")
            group["gene_names"] = np.array([feature[1] for feature in FEATURES], dtype="S")
    return path


def write_folder(
    folder: Path,
    features: Sequence[Feature] = FEATURES,
    cells: Sequence[str] = CELLS,
    *,
    compressed: bool = True,
    prefix: str = "",
) -> Path:
    """A folder of Cell Ranger 3 or later; not compressed as STARsolo leaves it."""
    folder.mkdir(exist_ok=True)
    end = ".gz" if compressed else ""
    plain = folder / "plain.mtx"
    io.mmwrite(plain, sparse.csc_matrix(counts(len(cells), len(features)).T))
    content = plain.read_bytes()
    plain.unlink()
    put(folder / f"{prefix}matrix.mtx{end}", content)
    put(folder / f"{prefix}features.tsv{end}", "".join("\t".join(feature) + "\n" for feature in features).encode())
    put(folder / f"{prefix}barcodes.tsv{end}", "".join(f"{cell}\n" for cell in cells).encode())
    return folder


def put(path: Path, content: bytes) -> None:
    """Write bytes, compressed where the name says so."""
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
