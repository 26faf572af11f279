"""Files that are whole or not there: written beside their place, synced to disk, then moved into it."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import re
import secrets
import shutil
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mmvae_cli.errors import CannotCreateError, CannotWriteError

STALE_FILE = 3600.0  # seconds after which a temporary file counts as left over, whoever wrote it

ELSEWHERE = "choose another place for it"
HINTS = {
    errno.ENOSPC: f"nothing was changed; free some space, or {ELSEWHERE}",
    errno.EDQUOT: f"nothing was changed; your quota is used up: free some space, or {ELSEWHERE}",
    errno.EFBIG: f"nothing was changed; see ulimit -f, or {ELSEWHERE}",
}
WRONG_PLACE = frozenset(
    getattr(errno, name)
    for name in (
        "EACCES",
        "EPERM",
        "EROFS",
        "ENOENT",
        "ENOTDIR",
        "EISDIR",
        "ENAMETOOLONG",
        "ELOOP",
        "EEXIST",
        "ENOTEMPTY",
    )
)
NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES})  # file systems without it


def write_file(path: Path | str, data: bytes | Callable[[Path], None]) -> None:
    """Write a file so that it is whole, or absent (or as it was) if anything fails.

    Parameters
    ----------
    path
        The file; one that exists is replaced.
    data
        The bytes, or a function that writes them into the (temporary, empty) file it is given; that file's
        name ends with the suffix of ``path``.

    Raises
    ------
    CannotCreateError
        If the folder is missing or read-only, or something else is in the place.
    CannotWriteError
        If writing failed on the way.
    """
    path = Path(path)
    with replacing(path, suffix=path.suffix) as temporary:
        if callable(data):
            data(temporary)
        else:
            temporary.write_bytes(data)


@contextmanager
def replacing(target: Path, *, suffix: str = "") -> Iterator[Path]:
    """Yield an empty file beside ``target`` that takes its place when the block ends well.

    Mode and owner of a file that is replaced are kept; a symbolic link is followed.

    Parameters
    ----------
    target
        The file to write.
    suffix
        How the temporary name shall end, for writers that look at it.

    Raises
    ------
    CannotCreateError, CannotWriteError
        As ``write_file``; the temporary file is gone then.
    """
    target = Path(os.path.realpath(target))
    with writing_errors(target):
        check_place(target)
        remove_stale(target)
        old = target.stat() if target.exists() else None
        temporary = beside(target, f".tmp{suffix}")
        try:
            # of a private file not even the copy may be open to others
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666 if old is None else 0o600))
            yield temporary
            if old is not None:
                keep_owner_and_mode(target, temporary)
                os.utime(temporary)  # not the time of the old content
            sync(temporary)
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    sync_place(target)


def check_place(target: Path) -> None:
    """Refuse a place where no file can be put: folder missing or read-only, or something else already there."""
    check_folder(target.parent)
    if not target.exists():
        return
    if not target.is_file():
        raise CannotCreateError(f"{target} exists and is not a file", hint=ELSEWHERE)
    if not is_writable(target):
        raise CannotCreateError(f"{target} is read-only", hint=f"make it writable, or {ELSEWHERE}")


def check_folder(folder: Path) -> None:
    """Refuse a folder that is not there or that nothing can be put into."""
    if folder.exists() and not folder.is_dir():
        raise CannotCreateError(f"{folder} exists and is not a folder", hint=ELSEWHERE)
    if not folder.is_dir():
        raise CannotCreateError(f"there is no folder {folder}", hint=f"create it first, or {ELSEWHERE}")
    if not is_writable(folder):
        raise CannotCreateError(f"the folder {folder} is read-only", hint=ELSEWHERE)


def is_writable(path: Path) -> bool:
    """Whether writing is allowed: by the system, and by the mode (which the system ignores for root)."""
    return os.access(path, os.W_OK) and bool(path.stat().st_mode & 0o222)


@contextmanager
def writing_errors(path: Path) -> Iterator[None]:
    """Turn what the system, or HDF5, says about a failed write into the error for it."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        number = _error_number(error)
        if number is None and not isinstance(error, OSError):
            raise
        reason = os.strerror(number) if number else str(error).splitlines()[0]
        kind = CannotCreateError if number in WRONG_PLACE else CannotWriteError
        hint = HINTS.get(number or 0, f"nothing was changed; check the disk, or {ELSEWHERE}")
        raise kind(f"cannot write {path}: {reason}", hint=hint) from error


def sync(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, are on the disk."""
    is_folder = path.is_dir()
    try:
        descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if not (is_folder and error.errno in NO_FOLDER_SYNC):
            raise


def sync_place(written: Path) -> None:
    """Wait until the name of what was just moved into place is on the disk."""
    try:
        sync(written.parent)
    except OSError as error:
        raise CannotWriteError(
            f"{written} was written, but its folder could not be synced: {error.strerror}",
            hint="it may be gone, or the old one back, after a power failure: check the disk, then run this again",
        ) from error


def beside(target: Path, ending: str) -> Path:
    """Return a new hidden name beside ``target`` that says which process of which machine uses it."""
    return target.with_name(f".{target.name}.mmvae-{_machine()}-{os.getpid()}-{secrets.token_hex(4)}{ending}")


def find_beside(target: Path, ending: str) -> list[Path]:
    """List what this tool left beside ``target`` under names that ``beside`` made, oldest first."""
    pattern = re.compile(rf"\.{re.escape(target.name)}\.mmvae-[0-9a-f]+-\d+-[0-9a-f]+{re.escape(ending)}(\.\w+)?")
    found = [Path(entry.path) for entry in os.scandir(target.parent) if pattern.fullmatch(entry.name)]
    return sorted(found, key=lambda path: path.lstat().st_ctime)


def is_stale(path: Path, target: Path, seconds: float) -> bool:
    """Whether a name that ``beside`` made is left over: its process is gone, or it is older than ``seconds``."""
    machine, process = path.name.removeprefix(f".{target.name}.mmvae-").split("-")[:2]
    gone = machine == _machine() and not _is_running(int(process))
    return gone or time.time() - path.lstat().st_ctime > seconds


def remove_stale(target: Path) -> None:
    """Remove the temporary files of ``target`` that killed processes left behind."""
    with contextlib.suppress(OSError):  # another process may be cleaning up as well
        for path in find_beside(target, ".tmp"):
            if path.is_file() and is_stale(path, target, STALE_FILE):
                path.unlink()


def copy_bytes(source: Path, target: Path) -> None:
    """Copy the content of a file, byte by byte: what stands before the HDF5 part of an .h5mu is kept."""
    with source.open("rb") as reading, target.open("wb") as writing:
        if not _copied_by_system(reading.fileno(), writing.fileno()):
            reading.seek(0)
            writing.truncate(0)
            writing.seek(0)
            shutil.copyfileobj(reading, writing, 1 << 20)


def _copied_by_system(reading: int, writing: int) -> bool:
    """Copy without passing through this process, where possible without copying at all (Btrfs, XFS)."""
    if not hasattr(os, "copy_file_range"):
        return False
    remaining = os.fstat(reading).st_size
    try:
        while remaining and (copied := os.copy_file_range(reading, writing, remaining)):
            remaining -= copied
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF):
            return False  # some file systems cannot
        raise
    return remaining == 0


def keep_owner_and_mode(old_path: Path, new_path: Path) -> None:
    """Give a file or folder the owner, mode and time of another."""
    old = old_path.stat()
    if hasattr(os, "chown"):
        with contextlib.suppress(OSError):  # only root may give a file away
            os.chown(new_path, old.st_uid, old.st_gid)
    shutil.copystat(old_path, new_path)
    os.chmod(new_path, stat.S_IMODE(old.st_mode))


def _error_number(error: BaseException | None) -> int | None:
    """Return the system's error number; h5py says it only in the text, and sometimes only in an earlier exception."""
    while error is not None:
        if isinstance(error, OSError) and error.errno:
            return error.errno
        if found := re.search(r"errno = (\d+)", str(error)):
            return int(found[1])
        error = error.__cause__ or error.__context__
    return None


def _machine() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _is_running(process: int) -> bool:
    if os.name == "nt":
        return True  # there, signal 0 would interrupt it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True
