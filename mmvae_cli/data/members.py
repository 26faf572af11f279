"""Modalities that share a file or folder are addressed below it: ``file.h5mu/rna``, ``data.zarr/rna``."""

from __future__ import annotations

import os
from pathlib import Path

from mmvae_cli.data.delimited import plain_suffix

HOLD_SEVERAL = (".h5mu", ".h5", ".mtx", ".mtx.gz")
COMPRESSED = ("", ".gz")
MATRIX, BARCODES = "matrix.mtx", "barcodes.tsv"


def is_matrix_folder(folder: Path) -> bool:
    """Whether a folder holds a 10x matrix, or a part of one."""
    return any(os.path.isfile(folder / f"{name}{end}") for name in (MATRIX, BARCODES) for end in COMPRESSED)


def split_member(path: Path) -> tuple[Path, str]:
    """``file.h5mu/itsname`` as the file (or folder) and the name; the name is empty where none is given."""
    for parent in path.parents:
        is_store = plain_suffix(parent) == ".zarr"
        if is_store or (plain_suffix(parent) in HOLD_SEVERAL and not os.path.isdir(parent)):
            return parent, str(path.relative_to(parent))
    if not path.suffix and not os.path.exists(path) and is_matrix_folder(path.parent):
        return path.parent, path.name
    return path, ""
