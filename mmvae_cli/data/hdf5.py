"""HDF5 files that are written through Python, so that a full disk ends in an exception and not in a crash.

When the system refuses a write while HDF5 flushes or closes a file, the library cannot close the file any more
and tries again when the process ends: h5py 3.16 with HDF5 1.14 then dies of a segmentation fault, and the exit
code is lost. So HDF5 never hears of the failure: from then on it reads and writes memory, closes its file in
peace, and only then is the failure raised. The file is worthless by then; callers write a temporary one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

PAGE = 1 << 16  # bytes kept in memory together after a failure


class SturdyStream:
    """A file for h5py whose writes never fail; the first failure is kept instead.

    Parameters
    ----------
    path
        An existing file, opened for reading and writing.

    Attributes
    ----------
    failure
        What the system said to the first write that failed; None while all is well.
    """

    def __init__(self, path: Path) -> None:
        self.failure: BaseException | None = None
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        self._size = os.fstat(self._descriptor).st_size
        self._position = 0
        self._pages: dict[int, bytearray] = {}  # by number; only after a failure

    def __fspath__(self) -> str:
        return os.fspath(self._path)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a byte, counted from the start or from the end."""
        self._position = offset + (self._size if whence == os.SEEK_END else 0)
        return self._position

    def tell(self) -> int:
        """Where the next byte is read or written."""
        return self._position

    def read(self, size: int) -> bytes:
        """Read exactly ``size`` bytes, zeros beyond the end: HDF5 reads ahead, and h5py drops a shorter answer."""
        if self.failure is not None:
            content = b"".join(bytes(page[cut]) for page, cut, _ in self._spread(size))
        else:
            content = self._read_disk(self._position, size).ljust(size, b"\0")
        self._position += size
        return content

    def write(self, content: bytes | bytearray | memoryview) -> int:
        """Write all bytes: to the disk, or to memory once the disk has refused one."""
        view = memoryview(content).cast("B")
        if self.failure is None:
            try:
                self._write_disk(view)
            except BaseException as failure:  # noqa: BLE001 - an interrupt would break HDF5's state as well
                self.failure = failure
        if self.failure is not None:
            for page, cut, part in self._spread(len(view)):
                page[cut] = view[part]
        self._position += len(view)
        self._size = max(self._size, self._position)
        return len(view)

    def truncate(self, size: int) -> int:
        """Set the length of the file."""
        if self.failure is None:
            try:
                os.ftruncate(self._descriptor, size)
            except BaseException as failure:  # noqa: BLE001 - as in write
                self.failure = failure
        self._size = size
        return size

    def flush(self) -> None:
        """Nothing to do: what was written is with the system already."""

    def close(self) -> None:
        """Give the file back; ``failure`` stays."""
        os.close(self._descriptor)
        self._pages.clear()

    def _write_disk(self, view: memoryview) -> None:
        """Write at the position; the system may take a part at a time."""
        os.lseek(self._descriptor, self._position, os.SEEK_SET)
        while len(view):
            view = view[os.write(self._descriptor, view) :]

    def _read_disk(self, start: int, size: int) -> bytes:
        """Read from the disk, less at its end; the system may give a part at a time."""
        os.lseek(self._descriptor, start, os.SEEK_SET)
        parts: list[bytes] = []
        while size and (part := os.read(self._descriptor, size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _spread(self, size: int) -> Iterator[tuple[bytearray, slice, slice]]:
        """Yield the pages that hold the next ``size`` bytes: page, the bytes in it, the same bytes in the whole."""
        done = 0
        while done < size:
            number, start = divmod(self._position + done, PAGE)
            if number not in self._pages:
                self._pages[number] = bytearray(self._read_disk(number * PAGE, PAGE).ljust(PAGE, b"\0"))
            count = min(PAGE - start, size - done)
            yield self._pages[number], slice(start, start + count), slice(done, done + count)
            done += count


@contextmanager
def sturdy_stream(path: Path) -> Iterator[SturdyStream]:
    """Open a file for h5py, and raise at the end what the system said to the first write that failed."""
    stream = SturdyStream(path)
    try:
        yield stream
    finally:
        stream.close()
        if stream.failure is not None:
            raise stream.failure


@contextmanager
def hdf5_file(path: Path, mode: str = "r+") -> Iterator[h5py.File]:
    """Open an existing (for mode ``"w"``: an empty) file as HDF5, for writing.

    Parameters
    ----------
    path
        A temporary file: after a failure its content is worthless.
    mode
        ``"r+"`` or ``"w"``.

    Raises
    ------
    OSError
        When the block ends, if any write failed.
    """
    with sturdy_stream(path) as stream, h5py.File(stream, mode) as file:
        yield file
