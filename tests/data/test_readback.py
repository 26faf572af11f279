from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import h5py
import mudata
import numpy as np
import pytest

from mmvae_cli.data import write_elements, writeback
from mmvae_cli.data.readback import check_all, check_elements, object_names
from mmvae_cli.data.updates import REMOVE
from mmvae_cli.data.writeback import write_in_place, write_mudata, write_to
from mmvae_cli.errors import CannotWriteError, DataError
from tests.data.small_mudata import every_update, leftovers, small_mudata

pytestmark = pytest.mark.filterwarnings("ignore:From 0.4 .update:FutureWarning")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    mudata.write_h5mu(tmp_path / "data.h5mu", small_mudata())
    return tmp_path / "data.h5mu"


def written(path: Path) -> tuple[dict[str, object], frozenset[str]]:
    """Write every update and one removal; return what to check."""
    before = object_names(path)
    updates = {**every_update(), "mod/rna/layers/counts": REMOVE, "uns/never/there": REMOVE}
    write_in_place(path, updates)
    return updates, before


def test_what_was_written_well_passes(path: Path) -> None:
    check_elements(path, *written(path))
    check_all(path)
    with h5py.File(path) as file:
        assert "mod/rna/layers/counts" not in file
        assert "uns/never" not in file


def break_header(path: Path, name: str) -> None:
    """Overwrite the header of an object, as a writer does that takes its place for free."""
    with h5py.File(path) as file:
        address = h5py.h5o.get_info(file[name].id).addr + file.userblock_size
    with path.open("r+b") as raw:
        raw.seek(address)
        raw.write(b"\xff" * 8)


def delete(path: Path, name: str) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]


def change_last(path: Path, name: str) -> None:
    with h5py.File(path, "r+") as file:
        file[name][-1] = 99


def reshape(path: Path, name: str) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = np.zeros((2, 2))


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (break_header, "uns/mmvae/metrics"),
        (break_header, "obs/mmvae_split/codes"),
        (break_header, "mod/atac/X/data"),  # the user's
        (delete, "uns/mmvae/features_rna"),
        (delete, "uns/dataset/sizes"),  # the user's
        (delete, "mod/protein"),
        (change_last, "obsm/X_mmvae"),
        (change_last, "mod/rna/var/mmvae_rank"),
        (reshape, "mod/rna/layers/mmvae_from_atac"),
    ],
)
def test_a_damaged_element_is_found(path: Path, damage: Callable[[Path, str], None], name: str) -> None:
    updates, before = written(path)
    damage(path, name)
    with pytest.raises(OSError, match="cannot be read back"):
        check_elements(path, updates, before)


def test_what_should_be_gone_and_is_there_is_found(path: Path) -> None:
    updates, before = written(path)
    with h5py.File(path, "r+") as file:
        file["mod/rna/layers/counts"] = 1
    with pytest.raises(OSError, match="mod/rna/layers/counts"):
        check_elements(path, updates, before)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_file_that_cannot_be_read_back_does_not_replace_the_user_s(
    path: Path, monkeypatch: pytest.MonkeyPatch, in_place: bool
) -> None:
    before = path.read_bytes()
    real = write_elements.check_elements

    def damaged(temporary: Path, *arguments: object) -> None:
        break_header(temporary, "uns/mmvae/metrics")
        real(temporary, *arguments)

    monkeypatch.setattr(write_elements, "check_elements", damaged)
    output = path if in_place else path.with_name("new.h5mu")
    with pytest.raises(CannotWriteError, match=rf"{output.name}: what was written cannot be read back") as caught:
        write_in_place(path, every_update()) if in_place else write_to(path, output, every_update())
    assert caught.value.hint.startswith("nothing was changed")
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_file_that_was_damaged_before_is_not_written_into(path: Path) -> None:
    break_header(path, "uns/dataset/sizes")
    before = path.read_bytes()
    with pytest.raises(DataError, match="damaged"):
        write_in_place(path, every_update())
    assert path.read_bytes() == before
    assert not leftovers(path.parent)


def test_a_whole_file_that_cannot_be_read_back_does_not_replace_another(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    real = writeback.check_all

    def damaged(temporary: Path) -> None:
        break_header(temporary, "mod/rna/X")
        real(temporary)

    monkeypatch.setattr(writeback, "check_all", damaged)
    with pytest.raises(CannotWriteError, match="cannot be read back"):
        write_mudata(small_mudata(), path)
    assert path.read_bytes() == before
    assert not leftovers(path.parent)


def truncated(path: Path) -> None:
    with path.open("r+b") as raw:
        raw.truncate(path.stat().st_size - 200)


def test_a_truncated_file_is_found(path: Path) -> None:
    updates, before = written(path)
    truncated(path)
    with pytest.raises(OSError, match="cannot be read back"):
        check_elements(path, updates, before)
