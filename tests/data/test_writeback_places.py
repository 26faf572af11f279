"""Which files are written, and which are left alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import mudata
import numpy as np
import pytest

from mmvae_cli.data import writeback
from mmvae_cli.data.writeback import check_in_place, file_state, write_in_place, write_to
from mmvae_cli.errors import CannotCreateError, InputNotFoundError
from tests.data.small_mudata import N_ALL, small_mudata

pytestmark = pytest.mark.filterwarnings("ignore:From 0.4 .update:FutureWarning")

SMALL = {"obsm/X_mmvae": np.ones((N_ALL, 2))}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    mudata.write_h5mu(tmp_path / "data.h5mu", small_mudata())
    return tmp_path / "data.h5mu"


def test_mode_is_kept_and_the_file_is_another_one(path: Path) -> None:
    path.chmod(0o640)
    before = file_state(path)
    write_in_place(path, SMALL, state=before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert file_state(path) != before


def link(path: Path) -> Path:
    (path.parent / "link.h5mu").symlink_to(path)
    return path.parent / "link.h5mu"


def hard_link(path: Path) -> Path:
    os.link(path, path.parent / "link.h5mu")
    return path


def read_only(path: Path) -> Path:
    path.chmod(0o444)
    return path


def in_read_only_folder(path: Path) -> Path:
    (path.parent / "closed").mkdir()
    target = path.rename(path.parent / "closed" / "data.h5mu")
    target.parent.chmod(0o555)
    return target


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (link, "symbolic link"),
        (hard_link, "hard links"),
        (read_only, "read-only"),
        (in_read_only_folder, "read-only"),
        (lambda path: path.parent, "not a file"),
    ],
)
def test_in_place_is_refused_with_the_way_out(path: Path, make: Callable[[Path], Path], found: str) -> None:
    before = path.read_bytes()
    target = make(path)
    for refuse in (lambda: check_in_place(target), lambda: write_in_place(target, SMALL)):  # before the work, and after
        with pytest.raises(CannotCreateError, match=found) as caught:
            refuse()
        assert "-o FILE" in caught.value.hint
    if target.is_file():
        assert target.read_bytes() == before
        output = path.parent / "new.h5mu"
        write_to(target, output, SMALL)  # the way out
        assert mudata.read_h5mu(output).obsm["X_mmvae"].shape == (N_ALL, 2)
        assert os.access(output, os.W_OK)
        assert output.stat().st_mode & 0o200


def test_an_ordinary_file_may_be_written_in_place(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()
    check_in_place(path)
    monkeypatch.chdir(path.parent)
    check_in_place(Path(path.name))
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_file_that_changed_since_it_was_read_is_left_alone(path: Path) -> None:
    state = file_state(path)
    os.utime(path, (1, 1))
    with pytest.raises(CannotCreateError, match="changed since it was read"):
        write_in_place(path, SMALL, state=state)
    assert "X_mmvae" not in mudata.read_h5mu(path).obsm


def test_a_file_that_changes_while_it_is_written_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = writeback.copy_bytes

    def slow_copy(source: Path, target: Path) -> None:
        real(source, target)
        os.utime(source, (1, source.stat().st_mtime - 1))

    monkeypatch.setattr(writeback, "copy_bytes", slow_copy)
    for write in (lambda: write_in_place(path, SMALL), lambda: write_to(path, path.parent / "o.h5mu", SMALL)):
        with pytest.raises(CannotCreateError, match="changed since it was read"):
            write()
    assert os.listdir(path.parent) == [path.name]


def test_no_such_file_is_said(tmp_path: Path) -> None:
    for write in (lambda path: write_in_place(path, SMALL), lambda path: write_to(path, tmp_path / "o", SMALL)):
        with pytest.raises(InputNotFoundError):
            write(tmp_path / "none.h5mu")
    assert not os.listdir(tmp_path)


def test_a_new_file_leaves_the_input_alone_and_may_replace_another(path: Path) -> None:
    before = path.read_bytes()
    output = path.parent / "new.h5mu"
    output.write_text("old")
    write_to(str(path), str(output), SMALL)
    assert path.read_bytes() == before
    assert "X_mmvae" in mudata.read_h5mu(output).obsm
    assert output.read_bytes()[:512] == before[:512]  # what stands before the HDF5 part


def test_the_input_as_output_is_writing_in_place(path: Path) -> None:
    write_to(path, path.parent / "." / path.name, SMALL)
    assert "X_mmvae" in mudata.read_h5mu(path).obsm
    with pytest.raises(CannotCreateError, match="symbolic link"):
        write_to(path, link(path), SMALL)


def test_the_output_folder_must_be_there(path: Path) -> None:
    with pytest.raises(CannotCreateError, match="there is no folder"):
        write_to(path, path.parent / "no" / "new.h5mu", SMALL)
