"""Zarr folders that are whole or not there: a copy beside the old one, which takes its place.

The copy that shall replace a folder shares the files of its chunks by hard links, so that it takes neither time nor
room; they are written once and never changed. What describes them is copied, and elements are replaced by new files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mmvae_cli.data.atomic import ELSEWHERE, check_folder, copy_bytes, is_writable, keep_owner_and_mode
from mmvae_cli.data.folders import replacing_folder
from mmvae_cli.data.stores import ZARR, ZARR_MARKS
from mmvae_cli.errors import CannotCreateError

DESCRIPTIONS = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")  # files that zarr may write anew in place


@contextmanager
def replacing_zarr(target: Path, check: Callable[[], None]) -> Iterator[Path]:
    """Yield an empty folder beside ``target`` that takes its place when the block ends well.

    Raises
    ------
    CannotCreateError, CannotWriteError
        As ``folders.replacing_folder``; ``check`` is called before and after the block.
    """
    target = Path(os.path.abspath(target))
    check_folder(target.parent)
    with replacing_folder(target, ZARR_MARKS, check, suffix=ZARR) as temporary:
        yield temporary


def copy_zarr(source: Path, target: Path, *, linked: bool) -> None:
    """Copy the content of a zarr folder into an empty one, owner and mode too.

    Parameters
    ----------
    linked
        Share the files of the chunks where the file system can; only for a copy that replaces ``source``.
    """
    for parent, folders, names in os.walk(source):
        there = target / os.path.relpath(parent, source)
        for name in folders:
            (there / name).mkdir()
        for name in names:
            _copy_file(Path(parent) / name, there / name, linked=linked and name not in DESCRIPTIONS)
        keep_owner_and_mode(Path(parent), there)


def _copy_file(source: Path, target: Path, *, linked: bool) -> None:
    if linked:
        try:
            os.link(source, target)
            return
        except OSError:  # a file system without links, or somebody else's file: copying will say what is wrong
            pass
    copy_bytes(source, target)
    keep_owner_and_mode(source, target)


def check_zarr_place(target: Path) -> None:
    """Refuse a place where no zarr folder can be put: something else is there, or it cannot be written."""
    check_folder(target.absolute().parent)
    if not os.path.lexists(target):
        return
    if target.is_symlink() or not target.is_dir() or not any((target / mark).is_file() for mark in ZARR_MARKS):
        raise CannotCreateError(f"{target} exists and is not a zarr folder", hint=ELSEWHERE)
    if not is_writable(target):
        raise CannotCreateError(f"{target} is read-only", hint=f"make it writable, or {ELSEWHERE}")
