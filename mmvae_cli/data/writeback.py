"""Results back into the user's data: into the file, a copy of it, or a MuData in memory.

A file is never opened for writing in its place: HDF5 has no journal, and a killed process would leave it damaged.
It is copied beside itself, only the new elements are written into the copy, and the copy takes its place. So is a zarr
folder, whose chunks the copy shares.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmvae_cli.data.atomic import copy_bytes, is_writable, replacing, write_file
from mmvae_cli.data.folders import fresh_folder
from mmvae_cli.data.hdf5 import hdf5_file, sturdy_stream
from mmvae_cli.data.quiet import quiet_mudata
from mmvae_cli.data.readback import check_all
from mmvae_cli.data.stores import is_zarr, zarr_files
from mmvae_cli.data.updates import REMOVE, Layout, Update, Updates, checked, not_nested
from mmvae_cli.data.write_elements import write_elements
from mmvae_cli.data.zarr_folders import check_zarr_place, copy_zarr, replacing_zarr
from mmvae_cli.errors import CannotCreateError, InputNotFoundError

if TYPE_CHECKING:
    import mudata
    import pandas as pd

__all__ = [
    "FileState",
    "Updates",
    "apply",
    "file_state",
    "fresh_folder",
    "write_anndata",
    "write_file",
    "write_in_place",
    "write_mudata",
    "write_to",
]

NEW_FILE = "write a new file with -o FILE"


@dataclass(frozen=True)
class FileState:
    """What tells whether a file or zarr folder has changed.

    Attributes
    ----------
    size
        Bytes, of all files together.
    mtime_ns
        Time of the last change of the content, nanoseconds.
    inode
        Which file it is: another one after a replacement.
    """

    size: int
    mtime_ns: int
    inode: int


def file_state(path: Path | str) -> FileState:
    """Return the state of a file or zarr folder, to be taken when it is read.

    Raises
    ------
    InputNotFoundError
        If there is no such file.
    """
    try:
        found = os.stat(path)
        parts = [os.stat(part) for part in zarr_files(Path(path))] if is_zarr(Path(path)) else [found]
    except FileNotFoundError as error:
        raise InputNotFoundError(f"there is no file {path}", hint="check the name") from error
    latest = max((part.st_mtime_ns for part in parts), default=0)
    return FileState(sum(part.st_size for part in parts), latest, found.st_ino)


def write_in_place(path: Path | str, updates: Updates, *, state: FileState | None = None) -> None:
    """Write results into an .h5mu file or zarr folder; at every moment it is unchanged or complete.

    A zarr folder is not there for an instant; see ``folders.replacing_folder``.

    Parameters
    ----------
    path
        The file or folder.
    updates
        Values by path in the file, rows in the order of the file.
    state
        The file's state when it was read; None if that does not matter.

    Raises
    ------
    CannotCreateError
        If the file is a link, is read-only, or has changed since it was read.
    CannotWriteError
        If writing failed on the way; the file is unchanged then.
    """
    path = Path(path)
    current = file_state(path)
    state = state or current
    check_in_place(path)
    _check_unchanged(path, state)
    if is_zarr(path):
        with replacing_zarr(path, lambda: _check_unchanged(path, state)) as temporary:
            copy_zarr(path, temporary, linked=True)
            write_elements(temporary, updates)
        return
    with replacing(path) as temporary:
        copy_bytes(path, temporary)
        write_elements(temporary, updates)
        _check_unchanged(path, state)


def write_to(path: Path | str, output: Path | str, updates: Updates) -> None:
    """Write a copy of an .h5mu file or zarr folder with results in it; the file itself is left alone.

    Parameters
    ----------
    path
        The file the results belong to.
    output
        The new file, of the same kind; one that exists is replaced. If it is ``path`` itself, this is
        ``write_in_place``.
    updates
        Values by path in the file, rows in the order of the file.

    Raises
    ------
    CannotCreateError
        If the folder of ``output`` is missing or read-only, or something else is in the place.
    CannotWriteError
        If writing failed on the way; nothing is left behind then.
    """
    path, output = Path(path), Path(output)
    state = file_state(path)
    if output.exists() and output.samefile(path):
        write_in_place(output, updates, state=state)
        return
    if is_zarr(path):
        with replacing_zarr(output, lambda: check_zarr_place(output)) as temporary:
            copy_zarr(path, temporary, linked=False)
            _check_unchanged(path, state)
            write_elements(temporary, updates)
        return
    with replacing(output) as temporary:
        copy_bytes(path, temporary)
        _check_unchanged(path, state)
        write_elements(temporary, updates)


def write_mudata(mdata: mudata.MuData, output: Path | str) -> None:
    """Write a whole MuData as a new .h5mu file or zarr folder.

    Parameters
    ----------
    mdata
        The object; like ``mdata.write``, this turns its text columns into categoricals. Columns of the modalities are
        not copied into the global tables.
    output
        The new file; one that exists is replaced.

    Raises
    ------
    CannotCreateError, CannotWriteError
        As ``write_to``.
    """
    import mudata

    if is_zarr(output := Path(output)):
        with replacing_zarr(output, lambda: check_zarr_place(output)) as temporary:
            with quiet_mudata():
                mdata.write_zarr(temporary)
            check_all(temporary)
        return
    with replacing(output) as temporary:
        with quiet_mudata(), sturdy_stream(temporary) as stream:
            mudata.write_h5mu(stream, mdata)  # h5py takes the stream for a file, mudata takes it for a path
        check_all(temporary)


def write_anndata(table: pd.DataFrame, uns: Mapping[str, str], path: Path) -> None:
    """Write a table of numbers as an AnnData into an existing, empty file."""
    from anndata import AnnData
    from anndata.io import write_elem

    with hdf5_file(path, "w") as file:
        write_elem(file, "/", AnnData(table.astype("float32"), uns=dict(uns)))


def apply(mdata: mudata.MuData, updates: Updates) -> None:
    """Write results into a MuData in memory, as ``write_in_place`` writes them into a file.

    Parameters
    ----------
    mdata
        The object; changed.
    updates
        Values by path in the file, rows in the order of the object.
    """
    for update in checked(updates, _layout_of_object(mdata)):
        owner = mdata if update.modality is None else mdata.mod[update.modality]
        if update.value is REMOVE:
            _remove(getattr(owner, update.slot), update)
            continue
        target: Any = getattr(owner, update.slot)
        for depth, key in enumerate(update.keys[:-1], start=1):
            target = target.setdefault(key, {})
            if not isinstance(target, dict):
                raise not_nested(update.keys[:depth])
        target[update.keys[-1]] = update.value


def _remove(target: Any, update: Update) -> None:
    """Delete an element, which may be gone already."""
    for key in update.keys[:-1]:
        target = target.get(key) if isinstance(target, Mapping) else None
    if target is not None and update.keys[-1] in target:
        del target[update.keys[-1]]


def check_in_place(path: Path) -> None:
    """Refuse to replace a file that is more than this one name, or that its owner has protected.

    Raises
    ------
    CannotCreateError
        If it is a link, has other names, or is read-only.
    """
    if path.is_symlink():
        raise CannotCreateError(f"{path} is a symbolic link", hint=f"name the file it points to, or {NEW_FILE}")
    if is_zarr(path):
        check_zarr_place(path)
    elif not path.is_file():
        raise CannotCreateError(f"{path} is not a file", hint=NEW_FILE)
    elif path.stat().st_nlink > 1:
        raise CannotCreateError(f"{path} has other names (hard links), which would keep the old data", hint=NEW_FILE)
    for place in (path, path.absolute().parent):
        if not is_writable(place):
            raise CannotCreateError(f"{place} is read-only", hint=f"make it writable, or {NEW_FILE}")


def _check_unchanged(path: Path, state: FileState) -> None:
    if not path.exists() or file_state(path) != state:
        raise CannotCreateError(f"{path} has changed since it was read", hint=f"run this again, or {NEW_FILE}")


def _layout_of_object(mdata: mudata.MuData) -> Layout:
    tables = {"obs": mdata.obs}
    for name, modality in mdata.mod.items():
        tables |= {f"mod/{name}/obs": modality.obs, f"mod/{name}/var": modality.var}
    return Layout(tuple(mdata.mod), {path: (len(table), table.index.name) for path, table in tables.items()})
