"""Folders that are whole or not there: runs, and zarr folders (``replacing_folder``)."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mmvae_cli.data.atomic import beside, check_folder, find_beside, is_stale, sync, sync_place, writing_errors
from mmvae_cli.errors import CannotCreateError

log = logging.getLogger("mmvae_cli")

MARK = "run.json"  # only a folder that holds it is one of ours
STALE_FOLDER = 7 * 24 * 3600.0  # seconds; a run that is still training may not have written for long

TEMPORARY, ASIDE = ".tmp", ".old"


@contextmanager
def fresh_folder(path: Path | str, *, force: bool) -> Iterator[Path]:
    """Yield an empty folder that becomes the run folder ``path`` when the block ends well; see ``replacing_folder``.

    Parameters
    ----------
    path
        The run folder.
    force
        Replace a run folder that is there already.

    Raises
    ------
    CannotCreateError
        If ``path`` exists (without ``force``), is no run folder (with ``force``), or cannot be put where it is.
    CannotWriteError
        If writing failed on the way; what was there before is there again.
    """
    path = Path(os.path.abspath(path))
    check_folder(path.parent)
    with replacing_folder(path, (MARK,), lambda: _check(path, force)) as temporary:
        yield temporary


@contextmanager
def replacing_folder(
    path: Path, marks: Sequence[str], check: Callable[[], None], *, suffix: str = ""
) -> Iterator[Path]:
    """Yield an empty folder beside ``path`` that takes its place when the block ends well.

    An old folder is moved aside first and deleted last. If the process is killed between the two moves, ``recover``
    moves it back.

    Parameters
    ----------
    path
        The folder, absolute.
    marks
        Files of which every such folder holds one.
    check
        Refuses, before and after the block, to put anything into the place.
    suffix
        How the temporary name shall end.

    Raises
    ------
    CannotCreateError, CannotWriteError
        As ``fresh_folder``.
    """
    with writing_errors(path):
        recover(path, marks)
        check()
        temporary = beside(path, f"{TEMPORARY}{suffix}")
        try:
            temporary.mkdir()
            yield temporary
            _sync_tree(temporary)
            check()  # another process may have finished meanwhile
            aside = _swap(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    sync_place(path)
    if aside is not None:
        _discard(aside, marks)


def require_free(path: Path | str, *, force: bool) -> None:
    """Refuse now what ``fresh_folder`` would refuse, before work is done for nothing.

    Raises
    ------
    CannotCreateError
        As ``fresh_folder``.
    """
    path = Path(os.path.abspath(path))
    check_folder(path.parent)
    with writing_errors(path):
        recover(path, (MARK,))
        _check(path, force)


def _check(path: Path, force: bool) -> None:
    """Refuse to replace anything but a run folder, and that only with ``force``."""
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not path.is_dir():
        raise CannotCreateError(f"{path} exists and is not a folder", hint="name another folder with --run")
    if not force:
        raise CannotCreateError(f"the folder {path} exists", hint="name another with --run, or replace it with --force")
    if not (path / MARK).is_file():
        raise CannotCreateError(
            f"the folder {path} holds no {MARK}: it is no run folder, and --force would delete it",
            hint="name another folder with --run",
        )
    if Path.cwd().is_relative_to(path):
        raise CannotCreateError(f"--force would delete the folder you are in, {path}", hint="leave it first")


def _swap(temporary: Path, path: Path) -> Path | None:
    """Move the new folder into place; return where the old one is now, if there was one."""
    if not path.exists():
        os.rename(temporary, path)
        return None
    aside = beside(path, ASIDE)
    try:
        os.rename(path, aside)
        os.rename(temporary, path)
    except BaseException:
        if aside.exists() and not path.exists():
            os.rename(aside, path)
        raise
    return aside


def recover(path: Path, marks: Sequence[str]) -> None:
    """Put right what killed processes left behind beside a folder that holds one of the marks."""
    if not path.parent.is_dir():
        return
    for aside in reversed(find_beside(path, ASIDE)):  # newest first
        if not path.exists() and any((aside / mark).is_file() for mark in marks):
            os.rename(aside, path)
            log.warning("%s was restored: what was to replace it had been interrupted.", path)
        elif is_stale(aside, path, STALE_FOLDER):
            _discard(aside, marks)
    for temporary in find_beside(path, TEMPORARY):
        if temporary.is_dir() and is_stale(temporary, path, STALE_FOLDER):
            shutil.rmtree(temporary, ignore_errors=True)


def _discard(aside: Path, marks: Sequence[str]) -> None:
    """Delete a replaced folder; its marks first, so that a half deleted one is never taken for a whole one."""
    try:
        for mark in marks:
            (aside / mark).unlink(missing_ok=True)
        shutil.rmtree(aside)
    except OSError as error:
        log.warning("the replaced folder could not be deleted, it is in %s: %s.", aside, error.strerror)


def _sync_tree(folder: Path) -> None:
    """Wait until a folder and all that is in it are on the disk; files shared with an old folder are there already."""
    for parent, _, names in os.walk(folder):
        for name in names:
            if os.lstat(file := Path(parent) / name).st_nlink == 1:
                sync(file)
        sync(Path(parent))
