"""Whether a file that was just written can be read; asked before it takes the place of the user's.

HDF5 and zarr do not read what they write: a damaged file is noticed when it is opened the next time, which may be
months later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mmvae_cli.data.stores import element_names, is_group, reading
from mmvae_cli.data.updates import REMOVE


def object_names(path: Path) -> frozenset[str]:
    """Paths of all groups and arrays of a file or zarr folder; their headers are read, their values are not."""
    with reading(path) as root:
        return frozenset(element_names(root))


def check_elements(path: Path, values: Mapping[str, object], before: frozenset[str]) -> None:
    """Check that elements can be read back, and that nothing else is gone.

    Parameters
    ----------
    path
        A file that was just written.
    values
        What was written, by path in the file; ``REMOVE`` for what must be gone.
    before
        The objects of the file before that.

    Raises
    ------
    OSError
        If that is not so.
    """
    with _reading_back(path) as file:
        for name, value in values.items():
            _require((name in file) == (value is not REMOVE), name)
            if value is not REMOVE:
                _check_value(file[name], value)
    with _reading_back(path):
        lost = before - object_names(path)
    _require(all(_is_in(name, values) for name in lost), *sorted(lost)[:1])


def check_all(path: Path) -> None:
    """Check that all elements of a file can be read.

    Raises
    ------
    OSError
        If that is not so.
    """
    with _reading_back(path) as file:
        _read_ends(file)


@contextmanager
def _reading_back(path: Path) -> Iterator[Any]:
    """Open a file or zarr folder; whatever the library raises means that it was not written as it should."""
    try:
        with reading(path) as root:
            yield root
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise _unreadable(" ".join(str(error).split())[:160]) from error


def _check_value(element: Any, value: object) -> None:
    """Read the ends of an element; of an array they must be what was given."""
    _read_ends(element)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        _require(element.shape == value.shape, element.name)
        if value.size and value.ndim:
            for end in (0, -1):
                row = value.shape[0] - 1 if end else 0  # h5py does not count from the end in more than one dimension
                _require(np.array_equal(element[row], value[row], equal_nan=value.dtype.kind == "f"), element.name)


def _read_ends(element: Any) -> None:
    """Read the first and the last value of each data set."""
    if is_group(element):
        for part in element:
            _read_ends(element[part])
    elif element.shape == ():
        element[()]
    elif element.size:
        element[(0,) * element.ndim]
        element[tuple(length - 1 for length in element.shape)]


def _is_in(name: str, values: Mapping[str, object]) -> bool:
    """Whether an object is one of the elements, or a part of one."""
    parts = name.split("/")
    return any("/".join(parts[:depth]) in values for depth in range(1, len(parts) + 1))


def _require(holds: bool, *where: str) -> None:
    if not holds:
        raise _unreadable(f"not as it was written: {', '.join(where)}")


def _unreadable(reason: str) -> OSError:
    return OSError(f"what was written cannot be read back ({reason})")
