from __future__ import annotations

import errno
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from mmvae_cli.data.hdf5 import PAGE, SturdyStream, hdf5_file


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    path = tmp_path / "x.h5"
    path.touch()
    return path


def test_what_is_written_is_read_back_by_h5py(empty: Path) -> None:
    values = np.arange(100_000.0)
    with hdf5_file(empty, "w") as file:
        file["a"] = values
    with hdf5_file(empty) as file:
        file["b"] = values[:5]
    with h5py.File(empty) as file:
        np.testing.assert_array_equal(file["a"], values)
        np.testing.assert_array_equal(file["b"], values[:5])


@pytest.mark.parametrize("allowed", [0, 1, 2, 3])
def test_hdf5_closes_in_peace_and_the_first_failure_is_raised(
    empty: Path, monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    with hdf5_file(empty, "w") as file:
        file["old"] = np.arange(1000.0)
    written: list[int] = []
    real = os.write

    def full(descriptor: int, content: bytes) -> int:
        if len(written) >= allowed:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(len(content))
        return real(descriptor, content)

    opened: list[h5py.File] = []

    def write_five() -> None:
        with hdf5_file(empty) as file:
            opened.append(file)
            for name in "abcde":
                file[name] = np.arange(50_000.0)
                file.flush()
                np.testing.assert_array_equal(file[name], np.arange(50_000.0))  # HDF5 sees what it wrote
            np.testing.assert_array_equal(file["old"], np.arange(1000.0))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_five()
    assert caught.value.errno == errno.ENOSPC
    assert not opened[0]  # closed


def test_after_a_failure_the_stream_reads_what_disk_and_memory_hold(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = bytes(range(256)) * (PAGE // 128)  # two pages
    empty.write_bytes(start)
    stream = SturdyStream(empty)

    def full(descriptor: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "write", full)
    stream.seek(PAGE - 2)
    assert stream.write(b"over the edge") == 13
    stream.seek(-3, os.SEEK_END)
    stream.write(b"beyond the end")
    expected = bytearray(start)
    expected[PAGE - 2 : PAGE + 11] = b"over the edge"
    expected[-3:] = b"beyond the end"
    stream.seek(0)
    assert stream.read(len(expected) + 99) == bytes(expected) + bytes(99)
    stream.close()
    assert empty.read_bytes() == start
    assert isinstance(stream.failure, OSError)


@pytest.mark.parametrize("start", [0, 7, 10, 99])
def test_a_read_beyond_the_end_gives_all_the_bytes_asked_for(empty: Path, start: int) -> None:
    empty.write_bytes(b"0123456789")
    stream = SturdyStream(empty)
    stream.seek(start)
    assert stream.read(12) == (b"0123456789"[start:]).ljust(12, b"\0")  # h5py drops a shorter answer
    assert stream.tell() == start + 12
    stream.close()


def test_an_interrupt_while_hdf5_writes_is_raised_at_the_end(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def interrupted(descriptor: int, content: bytes) -> int:
        monkeypatch.setattr(os, "write", real)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt), hdf5_file(empty, "w") as file:
        file["a"] = np.arange(10)
