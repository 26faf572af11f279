"""Results back into the user's data: into the file, a copy of it, or a MuData in memory.

A file is never opened for writing in its place: HDF5 has no journal, and a killed process would leave it damaged.
It is copied beside itself, only the new elements are written into the copy, and the copy takes its place.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anndata.io
import h5py
import numpy as np

from mmvae_cli.data.atomic import copy_bytes, is_writable, replacing, write_file
from mmvae_cli.data.folders import fresh_folder
from mmvae_cli.data.hdf5 import hdf5_file, sturdy_stream
from mmvae_cli.data.updates import REMOVE, SLOTS, Layout, Updates, checked
from mmvae_cli.errors import CannotCreateError, DataError, InputNotFoundError

if TYPE_CHECKING:
    import mudata

__all__ = [
    "FileState",
    "Updates",
    "apply",
    "file_state",
    "fresh_folder",
    "write_file",
    "write_in_place",
    "write_mudata",
    "write_to",
]

NEW_FILE = "write a new file with -o FILE"
LARGE = 1 << 20  # bytes; smaller layers are not worth compressing
COMPRESSED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


@dataclass(frozen=True)
class FileState:
    """What tells whether a file has changed.

    Attributes
    ----------
    size
        Bytes.
    mtime_ns
        Time of the last change of the content, nanoseconds.
    inode
        Which file it is: another one after a replacement.
    """

    size: int
    mtime_ns: int
    inode: int


def file_state(path: Path | str) -> FileState:
    """Return the state of a file, to be taken when it is read.

    Raises
    ------
    InputNotFoundError
        If there is no such file.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError as error:
        raise InputNotFoundError(f"there is no file {path}", hint="check the name") from error
    return FileState(found.st_size, found.st_mtime_ns, found.st_ino)


def write_in_place(path: Path | str, updates: Updates, *, state: FileState | None = None) -> None:
    """Write results into an .h5mu file; at every moment it is unchanged or complete.

    Parameters
    ----------
    path
        The file.
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
    with replacing(path) as temporary:
        copy_bytes(path, temporary)
        _write_elements(temporary, updates)
        _check_unchanged(path, state)


def write_to(path: Path | str, output: Path | str, updates: Updates) -> None:
    """Write a copy of an .h5mu file with results in it; the file itself is left alone.

    Parameters
    ----------
    path
        The file the results belong to.
    output
        The new file; one that exists is replaced. If it is ``path`` itself, this is ``write_in_place``.
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
    with replacing(output) as temporary:
        copy_bytes(path, temporary)
        _check_unchanged(path, state)
        _write_elements(temporary, updates)


def write_mudata(mdata: mudata.MuData, output: Path | str) -> None:
    """Write a whole MuData as a new .h5mu file.

    Parameters
    ----------
    mdata
        The object; like ``mdata.write``, this turns its text columns into categoricals.
    output
        The new file; one that exists is replaced.

    Raises
    ------
    CannotCreateError, CannotWriteError
        As ``write_to``.
    """
    import mudata

    # h5py takes the stream for a file, mudata takes it for a path
    with replacing(Path(output)) as temporary, sturdy_stream(temporary) as stream:
        mudata.write_h5mu(stream, mdata)


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
        target: Any = getattr(owner, update.slot)
        for depth, key in enumerate(update.keys[:-1], start=1):
            target = target.setdefault(key, {})
            if not isinstance(target, dict):
                raise _not_nested(update.keys[:depth])
        if update.value is not REMOVE:
            target[update.keys[-1]] = update.value
        elif update.keys[-1] in target:
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
    if not path.is_file():
        raise CannotCreateError(f"{path} is not a file", hint=NEW_FILE)
    if path.stat().st_nlink > 1:
        raise CannotCreateError(f"{path} has other names (hard links), which would keep the old data", hint=NEW_FILE)
    for place in (path, path.absolute().parent):
        if not is_writable(place):
            raise CannotCreateError(f"{place} is read-only", hint=f"make it writable, or {NEW_FILE}")


def _check_unchanged(path: Path, state: FileState) -> None:
    if not path.exists() or file_state(path) != state:
        raise CannotCreateError(f"{path} has changed since it was read", hint=f"run this again, or {NEW_FILE}")


def _write_elements(temporary: Path, updates: Updates) -> None:
    """Write all updates into an .h5mu file that nobody else uses."""
    with hdf5_file(temporary) as file:
        for update in checked(updates, _layout_of_file(file)):
            owner = file if update.modality is None else file["mod"][update.modality]
            group = owner[update.slot] if SLOTS[update.slot].is_column else _nested(owner, (update.slot,))
            group = _nested(group, update.keys[:-1])
            if update.value is REMOVE:
                _remove(group, update.keys[-1], is_column=SLOTS[update.slot].is_column)
                continue
            is_large = update.slot == "layers" and np.asarray(update.value).nbytes >= LARGE
            anndata.io.write_elem(group, update.keys[-1], update.value, dataset_kwargs=COMPRESSED if is_large else {})
            if SLOTS[update.slot].is_column:
                _list_column(group, update.keys[-1])


def _nested(group: h5py.Group, keys: Sequence[str]) -> h5py.Group:
    """Return the dict at the end of the keys; those that are missing are created."""
    for depth, key in enumerate(keys, start=1):
        if key not in group:
            anndata.io.write_elem(group, key, {})
        group = group[key]
        if not isinstance(group, h5py.Group) or group.attrs.get("encoding-type", "dict") != "dict":
            raise _not_nested(keys[:depth])
    return group


def _list_column(table: h5py.Group, name: str) -> None:
    """Add a column to the list without which no reader sees it; one that is listed keeps its place."""
    order = [_text(column) for column in np.atleast_1d(table.attrs["column-order"])]
    if name not in order:
        table.attrs["column-order"] = np.array([*order, name], dtype=object)


def _remove(group: h5py.Group, name: str, *, is_column: bool) -> None:
    """Delete an element, which may be gone already; a column from the list of columns, too."""
    if name in group:
        del group[name]
    if is_column:
        order = [_text(column) for column in np.atleast_1d(group.attrs["column-order"])]
        group.attrs["column-order"] = np.array([column for column in order if column != name], dtype=object)


def _not_nested(keys: Sequence[str]) -> DataError:
    return DataError(
        f"{'/'.join(keys)} holds something that is not from this tool", hint="choose another name with --key NAME"
    )


def _layout_of_object(mdata: mudata.MuData) -> Layout:
    tables = {"obs": mdata.obs}
    for name, modality in mdata.mod.items():
        tables |= {f"mod/{name}/obs": modality.obs, f"mod/{name}/var": modality.var}
    return Layout(tuple(mdata.mod), {path: (len(table), table.index.name) for path, table in tables.items()})


def _layout_of_file(file: h5py.File) -> Layout:
    modalities = tuple(file["mod"])
    paths = ["obs", *(f"mod/{name}/{axis}" for name in modalities for axis in ("obs", "var"))]
    return Layout(modalities, {path: _table_of_file(file, path) for path in paths})


def _table_of_file(file: h5py.File, path: str) -> tuple[int, str]:
    """Return the number of rows and the name of the index of a table."""
    table = file.get(path)
    if not isinstance(table, h5py.Group) or "column-order" not in table.attrs:
        raise DataError(
            f"{path} is in a format from before anndata 0.7",
            hint="convert the file once: mudata.read_h5mu(file).write(new_file)",
        )
    index = _text(table.attrs["_index"])
    return int(table[index].shape[0]), index


def _text(name: str | bytes) -> str:
    """Return a name from an attribute; R writes them as bytes."""
    return name.decode() if isinstance(name, bytes) else str(name)
