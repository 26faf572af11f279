"""HDF5 files and zarr folders, opened alike: groups of groups and arrays, by name."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import h5py

from mmvae_cli.data.delimited import plain_suffix
from mmvae_cli.data.hdf5 import hdf5_file
from mmvae_cli.errors import DataError, InputNotFoundError, MmvaeError, UsageError

if TYPE_CHECKING:
    import zarr

ZARR = ".zarr"
ZARR_MARKS = ("zarr.json", ".zgroup")  # one of them is in every zarr folder, by version of the format
INDEX_PARTS = ("indices", "indptr")  # arrays of a sparse matrix that are nowhere 0 for long

KNOWN_FAILURES = {  # part of the message of h5py or zarr: what was found, what to do
    "truncated file": ("is truncated: its end is missing", "copy, download or write it again"),
    "signature not found": ("is not an HDF5 file", "give an .h5mu or .h5ad file, or name=table.csv per modality"),
    "unable to lock": ("is locked by another program", "close the program that has it open for writing"),
    "No group found": ("is not a zarr folder", "give one that MuData.write_zarr wrote, or an .h5mu file"),
}


def is_zarr(path: Path) -> bool:
    """Whether a path is named like a zarr folder."""
    return plain_suffix(path) == ZARR


def is_group(element: object) -> bool:
    """Whether an element is a group, of either kind."""
    return isinstance(element, h5py.Group) or _is_of_zarr(element, "Group")


def is_array(element: object) -> bool:
    """Whether an element is an array, of either kind."""
    return isinstance(element, h5py.Dataset) or _is_of_zarr(element, "Array")


def _is_of_zarr(element: object, kind: str) -> bool:
    """Whether an element is one of zarr's, which is not loaded for the question."""
    return any(base.__module__.startswith("zarr.") and base.__name__ == kind for base in type(element).__mro__)


def element_names(root: Any) -> list[str]:
    """Paths of all groups and arrays; their headers are read, their values are not."""
    names: list[str] = []
    if isinstance(root, h5py.Group):
        root.visit(names.append)
    else:
        names.extend(name for name, _ in root.members(max_depth=None))
    return names


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file or zarr folder; whatever the libraries raise on a damaged one becomes one error.

    Yields
    ------
    Its root group, of h5py or zarr.
    """
    try:
        with reading(path) as root:
            yield root
    except MmvaeError:
        raise
    except PermissionError as error:
        raise InputNotFoundError(f"no permission to read {path}", hint="ask its owner, or copy it") from error
    except Exception as error:
        if isinstance(error, FileNotFoundError | IsADirectoryError) and not (is_zarr(path) and path.is_dir()):
            raise InputNotFoundError(f"no such file: {path}", hint="check the path") from error
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> DataError:
    """What is said of a file that a library could not read."""
    text = " ".join(str(error).split())[:160] or type(error).__name__
    for part, (found, hint) in KNOWN_FAILURES.items():
        if part in text:
            return DataError(f"{path} {found}", hint=hint)
    return DataError(f"{path} cannot be read: {text}", hint="the file may be damaged: copy, download or write it again")


@contextmanager
def reading(path: Path) -> Iterator[Any]:
    """Open for reading; the libraries' own errors."""
    if is_zarr(path):
        yield _zarr_group(path, "r")
    else:
        # network file systems often cannot lock, and reading needs no lock
        with h5py.File(path, "r", locking="best-effort") as file:
            yield file


@contextmanager
def writing(path: Path) -> Iterator[Any]:
    """Open a temporary file or zarr folder to write elements into it: after a failure its content is worthless."""
    if not is_zarr(path):
        with hdf5_file(path) as file:
            yield file
        return
    with warnings.catch_warnings():
        # of defaults to come, and of metadata that older readers do not know
        warnings.filterwarnings("ignore", module="anndata|zarr|mmvae_cli")
        root = _zarr_group(path, "r+")
        yield root
        if _is_consolidated(path):  # else readers would go by the old list
            import zarr

            zarr.consolidate_metadata(root.store)


def check_stored(element: Any, where: str) -> None:
    """Raise DataError where a part of a sparse matrix is not there, which zarr would read as zeros."""
    if isinstance(element, h5py.Group) or not is_group(element):
        return
    for part in INDEX_PARTS:
        if part not in element:
            continue
        array = element[part]
        found, expected = array.nchunks_initialized, array.nchunks
        if array.size and found < expected:
            raise DataError(
                f"{where} is damaged: {expected - found} of {expected} chunks of its {part} are missing",
                hint="copy, download or write it again",
            )


def place_of(group: Any) -> str:
    """The file or folder that a group is in, for messages."""
    return str(group.file.filename if isinstance(group, h5py.Group) else group.store.root)


def zarr_files(folder: Path) -> list[Path]:
    """Every file of a zarr folder, in an order of their own that does not depend on the file system."""
    return sorted(Path(parent) / name for parent, _, names in os.walk(folder) for name in names)


def _zarr_group(path: Path, mode: Literal["r", "r+"]) -> zarr.Group:
    """The root of a zarr folder; what stands in it counts, not the list of it that the root may hold."""
    import zarr

    if int(zarr.__version__.partition(".")[0]) < 3:
        raise UsageError(f"zarr {zarr.__version__} is too old to read {path}", hint="pip install 'zarr>=3.1'")
    return zarr.open_group(path, mode=mode, use_consolidated=False)


def _is_consolidated(path: Path) -> bool:
    """Whether the root of a zarr folder holds a list of all elements."""
    if (path / ".zmetadata").is_file():
        return True
    root = path / "zarr.json"
    return root.is_file() and json.loads(root.read_text()).get("consolidated_metadata") is not None
