from __future__ import annotations

import json
from pathlib import Path

import h5py
import mudata
import numpy as np
import pandas as pd
import pytest

from mmvae_cli.data.updates import REMOVE, checked
from mmvae_cli.data.write_elements import write_elements
from mmvae_cli.data.writeback import apply, write_in_place
from mmvae_cli.errors import DataError
from tests.data.small_mudata import D_RNA, N_ALL, N_RNA, every_update, small_mudata, snapshot
from tests.data.test_updates import LAYOUT

pytestmark = pytest.mark.filterwarnings("ignore:From 0.4 .update:FutureWarning")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    mudata.write_h5mu(tmp_path / "data.h5mu", small_mudata())
    return tmp_path / "data.h5mu"


def columns(path: Path, table: str) -> list[str]:
    with h5py.File(path) as file:
        return [str(name) for name in file[table].attrs["column-order"]]


def test_what_was_written_and_removed_again_leaves_the_file_as_it_was(path: Path) -> None:
    before = snapshot(path)
    write_in_place(path, every_update())
    write_in_place(path, dict.fromkeys(every_update(), REMOVE))
    after = snapshot(path)
    created = {"uns/mmvae@", "mod/protein/uns/mmvae@"}  # empty now
    assert set(after) - set(before) == created
    assert {key: repr(after[key]) for key in before} == {key: repr(before[key]) for key in before}
    found, original = mudata.read_h5mu(path), small_mudata()
    assert list(found.mod["protein"].obs) == []
    pd.testing.assert_frame_equal(found.mod["rna"].var, original.mod["rna"].var)


def test_an_object_in_memory_is_as_it_was_too() -> None:
    mdata, original = small_mudata(), small_mudata()
    apply(mdata, every_update())
    apply(mdata, dict.fromkeys(every_update(), REMOVE))
    pd.testing.assert_frame_equal(mdata.obs, original.obs)
    for name, modality in original.mod.items():
        pd.testing.assert_frame_equal(mdata.mod[name].obs, modality.obs)
        pd.testing.assert_frame_equal(mdata.mod[name].var, modality.var)
        for slot in ("obsm", "varm", "layers"):
            assert list(getattr(mdata.mod[name], slot)) == list(getattr(modality, slot))
    assert list(mdata.obsm) == list(original.obsm)
    assert mdata.uns["mmvae"] == {}


@pytest.mark.parametrize("keys", [("x",), ("x", "y"), ("dataset", "y"), ("dataset", "source", "y")])
def test_removing_what_is_not_there_changes_nothing(path: Path, keys: tuple[str, ...]) -> None:
    slots = ["obs", "obsm", "mod/rna/obs", "mod/rna/var", "mod/rna/varm", "mod/atac/layers"]
    updates = {**{f"{slot}/none": REMOVE for slot in slots}, f"uns/{'/'.join(keys)}": REMOVE}
    before = snapshot(path)
    write_in_place(path, updates)
    assert repr(snapshot(path)) == repr(before)
    mdata, original = small_mudata(), small_mudata()
    apply(mdata, updates)
    assert repr(mdata) == repr(original)
    assert mdata.uns["dataset"]["source"] == original.uns["dataset"]["source"]


@pytest.mark.parametrize("slot", ["obsm", "uns", "mod/rna/layers"])
def test_removing_from_a_slot_that_is_not_there_makes_none(path: Path, slot: str) -> None:
    with h5py.File(path, "r+") as file:
        del file[slot]
    write_in_place(path, {f"{slot}/none": REMOVE})
    with h5py.File(path) as file:
        assert slot not in file


def test_a_column_that_is_removed_leaves_the_list_of_columns_and_the_last_one_too(path: Path) -> None:
    write_in_place(path, {"mod/protein/var/a": np.arange(2), "mod/protein/var/b": ["x", "y"], "obs/a": [1.0] * N_ALL})
    write_in_place(path, {"mod/protein/var/a": REMOVE, "obs/a": REMOVE})
    assert columns(path, "mod/protein/var") == ["b"]
    assert columns(path, "obs") == ["diagnosis", "age"]
    write_in_place(path, {"mod/protein/var/b": REMOVE})
    assert columns(path, "mod/protein/var") == []
    assert list(mudata.read_h5mu(path).mod["protein"].var) == []
    write_in_place(path, {"mod/protein/var/c": np.arange(2)})
    assert list(mudata.read_h5mu(path).mod["protein"].var) == ["c"]


@pytest.mark.parametrize("place", ["obs/_index", "obsm/rna", "mod/rna/X", "mod/rna", "uns", "mod/none/obs/x"])
def test_what_is_not_a_place_for_results_cannot_be_removed(path: Path, place: str) -> None:
    before = path.read_bytes()
    with pytest.raises(ValueError, match=place):
        write_in_place(path, {place: REMOVE})
    assert path.read_bytes() == before


def test_an_update_knows_its_path() -> None:
    for place in ("obs/a", "uns/a/b/c", "mod/rna/var/a", "mod/rna/uns/a/b"):
        (update,) = checked({place: REMOVE}, LAYOUT)
        assert update.path == place


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_texts_of_any_length_are_replaced_any_number_of_times(path: Path, seed: int) -> None:
    """A stream that gave HDF5 fewer bytes than it asked for made it take rubbish for the headers of objects."""
    random, expected = np.random.default_rng(seed), {}
    original = snapshot(path)
    for _ in range(60):
        chosen = [name for name in "abcd" if random.random() < 0.6]
        updates = {f"uns/mmvae/{name}": "x" * int(random.integers(0, 3000)) for name in chosen}
        write_elements(path, updates)
        expected |= updates
        with h5py.File(path) as file:
            assert {name: file[name].asstr()[()] for name in expected} == expected
    after = snapshot(path)  # reads every value and attribute with h5py alone
    assert [key for key in original if repr(after[key]) != repr(original[key])] == []


def realistic(turn: int, random: np.random.Generator) -> dict[str, object]:
    """Return what all commands write, of lengths that vary; every third time some of it is removed."""
    updates: dict[str, object] = {
        "obsm/X_mmvae": random.normal(size=(N_ALL, 6)).astype(np.float32),
        "mod/rna/obsm/X_mmvae_private": random.normal(size=(N_RNA, 2)).astype(np.float32),
        "obs/mmvae_split": random.choice(["train", "test", ""], N_ALL),
        "uns/mmvae/latents": np.array([f"rna_{i}" for i in range(turn)], dtype=object),
        "uns/mmvae/command_line": "x" * int(random.integers(0, 200)),
        "mod/rna/layers/mmvae_from_atac": random.normal(size=(N_RNA, D_RNA)).astype(np.float32),
        **{f"mod/rna/var/mmvae_r2_{kind}": random.normal(size=D_RNA) for kind in ("cross", "self", "joint")},
        "uns/mmvae/metrics": json.dumps([random.random() for _ in range(int(random.integers(50, 4000)))]),
        "uns/mmvae/written": json.dumps({f"mod/rna/var/{i}": "evaluate" for i in range(20 + turn % 3)}),
    }
    gone = list(updates)[turn % len(updates) :] if turn % 3 == 2 else []
    return updates | dict.fromkeys(gone, REMOVE)


def test_what_all_commands_write_is_replaced_and_removed_any_number_of_times(path: Path) -> None:
    random = np.random.default_rng(0)
    original = snapshot(path)
    tables = ("obs@", "mod/rna/var@")  # their lists of columns grow
    for turn in range(14):
        updates = realistic(turn, random)
        write_in_place(path, updates)
        after = snapshot(path)
        assert [key for key in original if key not in tables and repr(after[key]) != repr(original[key])] == []
        found = mudata.read_h5mu(path)
        for place, value in updates.items():
            assert (f"{place}@" in after) == (value is not REMOVE), place
            if isinstance(value, str):
                assert found.uns["mmvae"][place.rpartition("/")[2]] == value


def test_a_record_of_somebody_else_is_not_removed_from(path: Path) -> None:
    write_in_place(path, {"uns/mmvae": "somebody's"})
    before = path.read_bytes()
    with pytest.raises(DataError, match="mmvae"):
        write_in_place(path, {"uns/mmvae/x": 1})
    assert path.read_bytes() == before
