"""New elements into an .h5mu file or zarr folder that nobody else uses, and the proof that they can be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anndata.io
import h5py
import numpy as np

from mmvae_cli.data.readback import check_elements, object_names
from mmvae_cli.data.stores import is_group, writing
from mmvae_cli.data.updates import REMOVE, SLOTS, Layout, Update, Updates, checked, not_nested
from mmvae_cli.errors import DataError

LARGE = 1 << 20  # bytes; smaller layers are not worth compressing
COMPRESSED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def write_elements(temporary: Path, updates: Updates) -> None:
    """Write all updates, then read them back.

    Parameters
    ----------
    temporary
        An .h5mu file or zarr folder; after an error its content is worthless.
    updates
        Values by path in the file, rows in the order of the file.

    Raises
    ------
    OSError
        If writing failed, or what was written cannot be read.
    DataError
        If the file was damaged before.
    """
    before = _objects(temporary)
    with writing(temporary) as file:
        found = checked(updates, _layout_of_file(file))
        for update in found:
            if update.value is REMOVE:
                _remove(file, update)
            else:
                _write(file, update)
    check_elements(temporary, {update.path: update.value for update in found}, before)


def _objects(path: Path) -> frozenset[str]:
    try:
        return object_names(path)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise DataError(
            f"the file is damaged, nothing is written into it: {reason}", hint="copy, download or write it again"
        ) from error


def _write(file: Any, update: Update) -> None:
    owner = file if update.modality is None else file["mod"][update.modality]
    is_column = SLOTS[update.slot].is_column
    group = owner[update.slot] if is_column else _nested(owner, (update.slot,))
    group = _nested(group, update.keys[:-1])
    # zarr compresses everything by itself
    is_large = isinstance(group, h5py.Group) and update.slot == "layers" and np.asarray(update.value).nbytes >= LARGE
    anndata.io.write_elem(group, update.keys[-1], update.value, dataset_kwargs=COMPRESSED if is_large else {})
    if is_column:
        _list_column(group, update.keys[-1])


def _nested(group: Any, keys: Sequence[str]) -> Any:
    """Return the dict at the end of the keys; those that are missing are created."""
    for depth, key in enumerate(keys, start=1):
        if key not in group:
            anndata.io.write_elem(group, key, {})
        group = group[key]
        if not is_group(group) or group.attrs.get("encoding-type", "dict") != "dict":
            raise not_nested(keys[:depth])
    return group


def _columns(table: Any) -> list[str]:
    return [_text(column) for column in np.atleast_1d(table.attrs["column-order"])]


def _set_columns(table: Any, names: Sequence[str]) -> None:
    if not isinstance(table, h5py.Group):
        table.attrs["column-order"] = list(names)
        return
    # the type is said, because h5py cannot guess it where the last column has gone
    table.attrs.create("column-order", np.array(names, dtype=object), dtype=h5py.string_dtype())


def _list_column(table: Any, name: str) -> None:
    """Add a column to the list without which no reader sees it; one that is listed keeps its place."""
    order = _columns(table)
    if name not in order:
        _set_columns(table, [*order, name])


def _remove(file: Any, update: Update) -> None:
    """Delete an element, which may be gone already; a column from the list of columns, too."""
    if update.path in file:
        del file[update.path]
    if SLOTS[update.slot].is_column:
        table, name = file[update.path.rpartition("/")[0]], update.keys[-1]
        order = _columns(table)
        if name in order:
            _set_columns(table, [column for column in order if column != name])


def _layout_of_file(file: Any) -> Layout:
    modalities = tuple(file["mod"])
    paths = ["obs", *(f"mod/{name}/{axis}" for name in modalities for axis in ("obs", "var"))]
    return Layout(modalities, {path: _table_of_file(file, path) for path in paths})


def _table_of_file(file: Any, path: str) -> tuple[int, str]:
    """Return the number of rows and the name of the index of a table."""
    table = file.get(path)
    if not is_group(table) or "column-order" not in table.attrs:
        raise DataError(
            f"{path} is in a format from before anndata 0.7",
            hint="convert the file once: mudata.read_h5mu(file).write(new_file)",
        )
    index = _text(table.attrs["_index"])
    names = table[index]
    values = names["values"] if is_group(names) else names  # a group since anndata 0.13
    return int(values.shape[0]), index


def _text(name: str | bytes) -> str:
    """Return a name from an attribute; R writes them as bytes."""
    return name.decode() if isinstance(name, bytes) else str(name)
