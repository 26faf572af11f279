from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mmvae_cli.data import atomic
from mmvae_cli.data.atomic import beside, copy_bytes, write_file, writing_errors
from mmvae_cli.errors import CannotCreateError, CannotWriteError
from tests.data.small_mudata import leftovers


def gone_process() -> int:
    """Return the number of a process that has ended."""
    return int(subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True).stdout)


def test_bytes_and_functions_write_the_same_file(tmp_path: Path) -> None:
    write_file(tmp_path / "a.csv", b"x,y\n")
    write_file(str(tmp_path / "b.csv"), lambda path: path.write_text("x,y\n") and None)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes() == b"x,y\n"
    assert not leftovers(tmp_path)


def test_a_function_sees_the_suffix_and_a_file_that_is_no_other(tmp_path: Path) -> None:
    seen: list[Path] = []
    write_file(tmp_path / "a.csv.gz", lambda path: seen.append(path))
    assert seen[0].suffix == ".gz"
    assert seen[0].parent == tmp_path
    assert seen[0].name.startswith(".")


def test_a_new_file_has_the_mode_of_any_new_file_and_a_replaced_one_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_file(tmp_path / "new", b"1")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode
    (tmp_path / "new").chmod(0o640)
    old = (tmp_path / "new").stat()
    os.utime(tmp_path / "new", (0, 0))
    write_file(tmp_path / "new", b"2")
    new = (tmp_path / "new").stat()
    assert stat.S_IMODE(new.st_mode) == 0o640
    assert (new.st_uid, new.st_gid) == (old.st_uid, old.st_gid)
    assert time.time() - new.st_mtime < 100


def test_the_copy_of_a_private_file_is_private(tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    (tmp_path / "new").chmod(0o600)
    modes: list[int] = []
    write_file(tmp_path / "new", lambda path: modes.append(stat.S_IMODE(path.stat().st_mode)))
    assert modes == [0o600]


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    write_file(tmp_path / "link", b"1")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "file").read_bytes() == b"1"


def make_folder(path: Path) -> Path:
    path.mkdir()
    return path


def make_read_only_folder(path: Path) -> Path:
    path.mkdir(mode=0o555)
    return path / "x"


def make_read_only_file(path: Path) -> Path:
    path.touch(mode=0o444)
    return path


def make_pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def test_a_file_in_the_place_of_the_folder_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CannotCreateError, match="exists and is not a folder"):
        write_file(tmp_path / "file" / "x", b"1")


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (make_folder, "is not a file"),
        (make_pipe, "is not a file"),
        (make_read_only_file, "read-only"),
        (make_read_only_folder, "read-only"),
        (lambda path: path / "no" / "x", "there is no folder"),
        (lambda path: path.parent / ("x" * 300), "File name too long"),
    ],
)
def test_a_place_that_cannot_hold_the_file_is_refused(tmp_path: Path, make: Callable[[Path], Path], found: str) -> None:
    target = make(tmp_path / "place")
    with pytest.raises(CannotCreateError, match=found) as caught:
        write_file(target, b"1")
    assert caught.value.hint
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143), ValueError("bug"), CannotWriteError("no")])
def test_other_exceptions_pass_and_leave_nothing(tmp_path: Path, error: BaseException) -> None:
    def fail(path: Path) -> None:
        path.write_text("half")
        raise error

    (tmp_path / "x").write_text("old")
    with pytest.raises(type(error)) as caught:
        write_file(tmp_path / "x", fail)
    assert caught.value is error
    assert (tmp_path / "x").read_text() == "old"
    assert not leftovers(tmp_path)


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (OSError(errno.ENOSPC, "full"), CannotWriteError, "No space left on device"),
        (OSError(errno.EIO, "broken"), CannotWriteError, "Input/output error"),
        (OSError(errno.EDQUOT, "quota"), CannotWriteError, "quota"),
        (OSError(errno.EACCES, "no"), CannotCreateError, "Permission denied"),
        (OSError(errno.EROFS, "no"), CannotCreateError, "Read-only file system"),
        (OSError("Can't write (file write failed, errno = 28, error message = 'x')"), CannotWriteError, "No space"),
        (RuntimeError("Can't decrement id ref count (errno = 27, error message = 'x')"), CannotWriteError, "too large"),
        (OSError("something HDF5 says\nat length"), CannotWriteError, "something HDF5 says$"),
    ],
)
def test_what_the_system_or_hdf5_says_becomes_the_error_for_it(error: Exception, kind: type, reason: str) -> None:
    with pytest.raises(kind) as caught, writing_errors(Path("data.h5mu")):
        raise error
    message = caught.value.args[0]
    assert message.startswith("cannot write data.h5mu: ")
    assert re.search(reason, message)
    assert caught.value.hint


def test_the_reason_may_stand_in_the_exception_before() -> None:
    last = RuntimeError("Driver truncate request failed")  # seen from h5py
    last.__context__ = RuntimeError("flush failed, errno = 28, error message = 'No space'")
    with pytest.raises(CannotWriteError, match="No space left"), writing_errors(Path("x")):
        raise last


def test_other_runtime_errors_are_bugs() -> None:
    with pytest.raises(RuntimeError, match="bug"), writing_errors(Path("x")):
        raise RuntimeError("bug")


def test_what_killed_processes_left_is_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x.csv"
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", gone_process)
        dead = beside(target, ".tmp.csv")
        other_file = beside(tmp_path / "y.csv", ".tmp")
        patch.setattr(atomic, "_machine", lambda: "ffff0000")
        elsewhere = beside(target, ".tmp")
    running = beside(target, ".tmp")
    user = tmp_path / ".x.csv.mmvae-mine.tmp"
    for path in (dead, other_file, elsewhere, running, user):
        path.touch()
    write_file(target, b"1")
    assert not dead.exists()
    assert all(path.exists() for path in (other_file, elsewhere, running, user))

    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 2 * atomic.STALE_FILE)
    write_file(target, b"1")
    assert not elsewhere.exists()
    assert not running.exists()
    assert other_file.exists()
    assert user.exists()


@pytest.mark.parametrize("number", [errno.EXDEV, None])
def test_a_copy_is_complete_where_the_system_cannot_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int | None
) -> None:
    def refuse(reading: int, writing: int, count: int) -> int:
        if number is not None:
            raise OSError(number, "no")
        return 0  # some file systems claim to be done at once

    content = os.urandom(3_000_000)
    (tmp_path / "a").write_bytes(content)
    copy_bytes(tmp_path / "a", tmp_path / "b")
    monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)
    copy_bytes(tmp_path / "a", tmp_path / "c")
    assert (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes() == content
