"""What may be written into a MuData, where, and in which form: one table for files and for objects in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmvae_cli.errors import DataError

Updates = Mapping[str, object]


class Removal:
    """The type of ``REMOVE``, the value of a place that shall be empty."""

    def __repr__(self) -> str:
        return "REMOVE"


REMOVE = Removal()

RESERVED = frozenset({"_index", "__categories"})  # names that the format itself uses among the columns


@dataclass(frozen=True)
class Slot:
    """One kind of place for results.

    Attributes
    ----------
    axes
        The tables whose lengths are the shape of a value: ``("obs", "var")`` for a matrix of cells and features.
    is_column
        The value is a column of a table.
    is_free
        The value is a scalar, an array of any shape, or a mapping of such, and the place may be nested.
    is_global
        The place is there for the whole file; all places are there for each modality.
    """

    axes: tuple[str, ...] = ()
    is_column: bool = False
    is_free: bool = False
    is_global: bool = False


SLOTS = {
    "obs": Slot(axes=("obs",), is_column=True, is_global=True),
    "obsm": Slot(axes=("obs",), is_global=True),
    "uns": Slot(is_free=True, is_global=True),
    "var": Slot(axes=("var",), is_column=True),
    "varm": Slot(axes=("var",)),
    "layers": Slot(axes=("obs", "var")),
}


@dataclass(frozen=True)
class Layout:
    """What must be known of a MuData to check updates.

    Attributes
    ----------
    modalities
        The names of all modalities.
    tables
        Of ``obs`` and of each ``mod/<m>/obs`` and ``mod/<m>/var``: the number of rows and the name of the index.
    """

    modalities: tuple[str, ...]
    tables: Mapping[str, tuple[int, str | None]]


@dataclass(frozen=True)
class Update:
    """One value in the form in which it is stored, and its place.

    Attributes
    ----------
    modality
        None for the whole file.
    slot
        A name in ``SLOTS``.
    keys
        The key in the slot; several where ``uns`` is nested.
    value
        ``REMOVE``, an array, a categorical, a scalar, a string, or (in ``uns``) a dict of such.
    """

    modality: str | None
    slot: str
    keys: tuple[str, ...]
    value: object

    @property
    def path(self) -> str:
        """Where it stands in the file."""
        owner = () if self.modality is None else ("mod", self.modality)
        return "/".join((*owner, self.slot, *self.keys))


def not_nested(keys: Sequence[str]) -> DataError:
    """Return the error for a place that should hold other values, and holds one itself."""
    return DataError(
        f"{'/'.join(keys)} holds something that is not from this tool", hint="choose another name with --key NAME"
    )


def checked(updates: Updates, layout: Layout) -> list[Update]:
    """Check all updates against a MuData and bring them into the form in which they are stored.

    Parameters
    ----------
    updates
        Values by path in the file; rows in the order of the file.
    layout
        Of the file or the object they are for.

    Raises
    ------
    ValueError
        If a place is not one for results, or a value does not fit its place: a bug, not the user's doing.
    """
    return [_checked(path, value, layout) for path, value in updates.items()]


def _checked(path: str, value: object, layout: Layout) -> Update:
    modality, slot_name, keys = _parsed(path, layout)
    slot = SLOTS[slot_name]
    tables = [axis if modality is None else f"mod/{modality}/{axis}" for axis in slot.axes]
    _check_name(path, keys[0], slot, [layout.tables[table] for table in tables], layout.modalities)
    if value is REMOVE:
        return Update(modality, slot_name, keys, REMOVE)
    if slot.is_free:
        return Update(modality, slot_name, keys, _free(path, value))
    shape = tuple(layout.tables[table][0] for table in tables)
    if slot.is_column:
        column = _column(path, value)
        return Update(modality, slot_name, keys, _of_shape(path, column, shape, dimensions=1))
    matrix = np.asarray(value)
    if matrix.dtype.kind not in "biuf":
        raise ValueError(f"{path}: numbers are needed, this is {matrix.dtype}")
    return Update(modality, slot_name, keys, _of_shape(path, matrix, shape, dimensions=2))


def _check_name(
    path: str, name: str, slot: Slot, tables: Sequence[tuple[int, str | None]], modalities: Sequence[str]
) -> None:
    """Refuse the names that the format itself uses."""
    if slot.is_column and (name in RESERVED or name == tables[0][1]):
        raise ValueError(f"{path}: {name!r} is the name of the index")
    if not slot.is_column and not slot.is_free and name in modalities:
        raise ValueError(f"{path}: MuData keeps its own masks under the names of modalities")


def _parsed(path: str, layout: Layout) -> tuple[str | None, str, tuple[str, ...]]:
    """Split a path into modality, slot and keys."""
    parts = path.split("/")
    modality = parts[1] if parts[0] == "mod" and len(parts) > 1 else None
    if modality is not None and modality not in layout.modalities:
        raise ValueError(f"{path}: there is no modality {modality!r}")
    slot_name, *keys = parts if modality is None else (parts[2:] or [""])
    slot = SLOTS.get(slot_name)
    if slot is None or (modality is None and not slot.is_global):
        raise ValueError(f"{path}: no place for results")
    if not keys or not all(keys) or (len(keys) > 1 and not slot.is_free):
        raise ValueError(f"{path}: {slot_name} needs {'a key' if slot.is_free else 'exactly one key'}")
    return modality, slot_name, tuple(keys)


def _of_shape(path: str, value: object, shape: tuple[int, ...], dimensions: int) -> object:
    """Return the value if its first axes have the lengths of the tables."""
    found = tuple(value.shape)  # type: ignore[attr-defined]
    if len(found) != dimensions or found[: len(shape)] != shape:
        raise ValueError(f"{path}: shape {found} does not fit {shape}")
    return value


def _column(path: str, value: object) -> object:
    """Return numbers as an array, and text as a categorical whose missing values are the empty ones."""
    if isinstance(value, pd.Series | pd.Index):
        value = value.array if isinstance(value.dtype, pd.api.extensions.ExtensionDtype) else value.to_numpy()
    if isinstance(value, pd.Categorical):
        return value.remove_categories([""]) if "" in value.categories else value
    is_text = isinstance(getattr(value, "dtype", None), pd.StringDtype)
    if isinstance(value, pd.api.extensions.ExtensionArray) and not is_text:
        return value
    array = np.asarray(value, dtype=object if is_text else None)
    if array.dtype.kind in "biuf":
        return array
    text = np.where(pd.isna(array), "", array.astype(object))
    if array.dtype.kind not in "OU" or text.ndim != 1 or not _all_text(text):
        raise ValueError(f"{path}: a column holds either numbers or text, this is {array.dtype}")
    categories = pd.Index(sorted({*text} - {""}))  # of the type that pandas gives to text: the one that is read back
    return pd.Categorical.from_codes(categories.get_indexer(text), categories=categories)  # -1 where missing


def _free(path: str, value: object) -> object:
    """Return a value of ``uns`` as it will be read back: plain scalars, arrays of numbers or of text."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) and key and "/" not in key for key in value):
            raise ValueError(f"{path}: keys must be text without '/'")
        return {key: _free(f"{path}/{key}", part) for key, part in value.items()}
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, tuple | set | bytes):
        raise ValueError(f"{path}: an .h5mu file cannot hold {type(value).__name__}")
    array = np.asarray(value)
    if array.dtype.kind in "biuf":
        return array if array.ndim else array.item()
    if array.ndim and array.dtype.kind in "OU" and _all_text(array.ravel()):
        return array.astype(object)
    raise ValueError(f"{path}: an .h5mu file cannot hold this {type(value).__name__} ({array.dtype})")


def _all_text(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)
