"""Feature-barcode matrices of 10x Genomics: the .h5 of Cell Ranger, and the files around a matrix.mtx.

Read here and not by scanpy, which (1.11) refuses folders whose files are not compressed as Cell Ranger does it, reads
all values where only names are asked for, and renames what is not unique by its place in the file.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from scipy import io, sparse

from mmvae_cli.data.choose import choose_layer
from mmvae_cli.data.convert import as_matrix
from mmvae_cli.data.dataset import Modality
from mmvae_cli.data.delimited import reading
from mmvae_cli.data.members import BARCODES, COMPRESSED, MATRIX, split_member
from mmvae_cli.data.stores import damaged, opened
from mmvae_cli.errors import DataError, InputNotFoundError, MmvaeError, did_you_mean, listed

# what a modality with features of a type is called
FEATURE_TYPES: dict[str, str] = {
    "Gene Expression": "rna",
    "Antibody Capture": "adt",
    "Peaks": "atac",
    "CRISPR Guide Capture": "guides",
    "Antigen Capture": "antigen",
    "Multiplexing Capture": "multiplexing",
    "Custom": "custom",
}
# tables of features, by name: the type of features of which the table says none
FEATURE_TABLES = {"features.tsv": "Gene Expression", "genes.tsv": "Gene Expression", "peaks.bed": "Peaks"}
BED = ".bed"


@dataclass(frozen=True)
class Features:
    """Features of a matrix in its order, one entry of each list per feature."""

    ids: list[str]
    names: list[str]
    types: list[str]


def modality_paths(path: Path) -> dict[str, Path]:
    """The modalities of a file or folder by name, one for each type of features, and how each is addressed.

    Raises
    ------
    InputNotFoundError, DataError
        If it cannot be read, or has features of a type without a name.
    """
    types = list(dict.fromkeys(_features(path).types))
    unknown = [kind for kind in types if kind not in FEATURE_TYPES]
    if unknown:
        raise DataError(
            f"{path} has features of a type that has no name here: {listed(unknown)}",
            hint=f"name each modality: new={path}/{unknown[0]!r}, and others likewise; known: {listed(FEATURE_TYPES)}",
        )
    return {FEATURE_TYPES[kind]: path / FEATURE_TYPES[kind] for kind in types}


def read_modality(path: Path, name: str, layer: str | None) -> Modality:
    """Read one type of features as the modality ``name``.

    Parameters
    ----------
    path
        An .h5 file, a folder with matrix.mtx, or the matrix itself; with ``/rna`` or ``/Gene Expression`` behind it
        where it has several types of features and ``name`` is none of them.

    Raises
    ------
    InputNotFoundError
        If there is no such file.
    DataError
        If a file is damaged or lacking, or the features do not say which are meant.
    """
    if layer is not None:
        choose_layer(name, layer, [])
    place, member = split_member(path)
    features, barcodes = _features(place), _barcodes(place)
    matrix = _values(place, (len(barcodes), len(features.ids)), f"the matrix of {place}")
    chosen = _chosen(features, place, name, member)
    var = pd.DataFrame(
        {"gene_ids": np.array(features.ids, dtype=object), "feature_types": np.array(features.types, dtype=object)},
        index=pd.Index(features.names, dtype=object),
    )[chosen]
    var.index = _told_apart(var)
    obs = pd.DataFrame(index=pd.Index(barcodes, dtype=object))
    return Modality(name, matrix if chosen.all() else matrix[:, np.flatnonzero(chosen)], obs, var)


def samples(path: Path, name: str) -> pd.DataFrame:
    """The cells as annotations without columns; no values are read."""
    return pd.DataFrame(index=pd.Index(_barcodes(split_member(path)[0]), dtype=object))


def matrix_files(path: Path) -> list[Path]:
    """Every file that a 10x file or folder stands for."""
    if _is_hdf5(path):
        return [path]
    return [_part(path, MATRIX), _part(path, *FEATURE_TABLES), _part(path, BARCODES)]


def _chosen(features: Features, path: Path, name: str, member: str) -> np.ndarray:
    """(n_features,) True for those of the modality."""
    types = np.array(features.types, dtype=object)
    there = {FEATURE_TYPES.get(kind, kind): kind for kind in dict.fromkeys(features.types)}
    wanted = member or name
    if wanted in there or wanted in there.values():
        return np.asarray(types == there.get(wanted, wanted))
    if member:
        hint = f"{did_you_mean(member, there)}it has {listed(there)}"
        raise DataError(f"{path} has no features of the type {member!r}", hint=hint)
    if len(there) == 1:
        return np.ones(len(types), dtype=bool)
    raise DataError(
        f"{path} has several types of features, and {name!r} is none of them",
        hint=f"say which: {name}={path}/{next(iter(there))}; it has {listed(there)}",
    )


def _told_apart(var: pd.DataFrame) -> pd.Index:
    """Names of features; with the identifier where several features have one name."""
    shared = var.index.duplicated(keep=False)
    pairs = zip(var.index, var["gene_ids"], shared, strict=True)
    return pd.Index([f"{name}_{identifier}" if twice else name for name, identifier, twice in pairs], dtype=object)


def _is_hdf5(path: Path) -> bool:
    return path.suffix.lower() == ".h5"


def _features(path: Path) -> Features:
    if not _is_hdf5(path):
        return _listed_features(_part(path, *FEATURE_TABLES))
    with opened(path) as file:
        group = _matrix_group(file, path)
        if "features" in group:
            return Features(*(_texts(group["features"][key]) for key in ("id", "name", "feature_type")))
        ids = _texts(group["genes"])  # before Cell Ranger 3
        return Features(ids, _texts(group["gene_names"]), ["Gene Expression"] * len(ids))


def _barcodes(path: Path) -> list[str]:
    if not _is_hdf5(path):
        return [row[0] for row in _lines(_part(path, BARCODES))]
    with opened(path) as file:
        return _texts(_matrix_group(file, path)["barcodes"])


def _values(path: Path, shape: tuple[int, int], where: str) -> Any:
    """(n_barcodes, n_features) as CSR; DataError unless it has the shape the names promise."""
    if _is_hdf5(path):
        with opened(path) as file:
            group = _matrix_group(file, path)
            found = tuple(int(size) for size in group["shape"][:2])
            _check_size(found, shape, where)
            parts = tuple(group[key][...] for key in ("data", "indices", "indptr"))
            return as_matrix(sparse.csr_matrix(parts, shape=shape), shape, where)
    file = _part(path, MATRIX)
    try:
        _check_size(io.mminfo(file)[:2], shape, where)
        matrix = io.mmread(file)
    except MmvaeError:
        raise
    except Exception as error:
        raise damaged(file, error) from error
    return as_matrix(sparse.csr_matrix(matrix.T, dtype=np.float32), shape, where)


def _check_size(found: Sequence[int], shape: tuple[int, int], where: str) -> None:
    if tuple(found) != shape[::-1]:
        raise DataError(
            f"{where} has {found[0]} features and {found[1]} cells, its names are of {shape[1]} features and "
            f"{shape[0]} cells",
            hint="the files do not belong together, or one is damaged: copy or download them again",
        )


def _matrix_group(file: h5py.File, path: Path) -> h5py.Group:
    """The group of the matrix: ``matrix``, or the name of the genome before Cell Ranger 3."""
    groups = [group for group in file.values() if isinstance(group, h5py.Group) and "barcodes" in group]
    if len(groups) > 1:
        raise DataError(
            f"{path} holds the matrices of several genomes: {listed(group.name.strip('/') for group in groups)}",
            hint="write one of them with scanpy: scanpy.read_10x_h5(path, genome).write_h5ad(path)",
        )
    if not groups:
        raise DataError(
            f"{path} is HDF5 but no feature-barcode matrix of 10x Genomics: no group has barcodes",
            hint="give filtered_feature_bc_matrix.h5; rename AnnData to .h5ad, MuData to .h5mu",
        )
    return groups[0]


def _texts(element: h5py.Dataset) -> list[str]:
    return [text.decode() if isinstance(text, bytes) else str(text) for text in element[...]]


def _part(path: Path, *names: str) -> Path:
    """The first of some files that is there: in a folder, or beside a matrix with its prefix."""
    folder, prefix = (path, "") if path.is_dir() else (path.parent, path.name.rpartition(MATRIX)[0])
    if path.is_file() and MATRIX not in path.name:
        raise DataError(
            f"{path} is not named like a matrix of 10x Genomics",
            hint=f"features and barcodes are looked for beside it: name it {MATRIX}, or with something before that",
        )
    for name in names:
        for end in COMPRESSED:
            if (folder / f"{prefix}{name}{end}").is_file():
                return folder / f"{prefix}{name}{end}"
    wanted = " or ".join(f"{prefix}{name}[.gz]" for name in names)
    raise InputNotFoundError(
        f"{folder} lacks {wanted}",
        hint=f"a 10x matrix is {MATRIX}, {' or '.join(FEATURE_TABLES)}, and {BARCODES}, each also with .gz",
    )


def _listed_features(file: Path) -> Features:
    """Features of a table: id, name and type; or chromosome, start and end of peaks."""
    rows = _lines(file)
    usual = next(kind for name, kind in FEATURE_TABLES.items() if name in file.name)
    if BED in file.suffixes:
        names = [f"{row[0]}:{'-'.join(row[1:3])}" for row in rows]
        return Features(names, names, [usual] * len(names))
    names = [row[1] if len(row) > 1 else row[0] for row in rows]
    return Features([row[0] for row in rows], names, [row[2] if len(row) > 2 else usual for row in rows])


def _lines(file: Path) -> list[list[str]]:
    with reading(file) as text:
        try:
            return [row for row in csv.reader(text, delimiter="\t", quoting=csv.QUOTE_NONE) if row]
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{file} is no table of names: {error}", hint="copy or download it again") from error
