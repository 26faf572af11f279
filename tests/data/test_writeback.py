from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import anndata
import h5py
import mudata
import numpy as np
import pandas as pd
import pytest

from mmvae_cli.data.writeback import apply, write_in_place, write_mudata, write_to
from mmvae_cli.errors import DataError
from tests.data.small_mudata import D_RNA, N_ALL, N_RNA, every_update, leftovers, small_mudata, snapshot

pytestmark = pytest.mark.filterwarnings("ignore:From 0.4 .update:FutureWarning")

SMALL = {"obsm/X_mmvae": np.ones((N_ALL, 2))}


plain_and_gzip = pytest.mark.parametrize("path", [{}, {"compression": "gzip"}], ids=["plain", "gzip"], indirect=True)


@pytest.fixture
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    mudata.write_h5mu(tmp_path / "data.h5mu", small_mudata(), **getattr(request, "param", {}))
    return tmp_path / "data.h5mu"


@plain_and_gzip
def test_everything_else_in_the_file_stays_as_it_was(path: Path) -> None:
    before = snapshot(path)
    write_in_place(path, every_update())
    after = snapshot(path)
    allowed_to_change = {f"{table}@" for table in ("obs", "mod/rna/var", "mod/atac/obs", "mod/protein/obs")}
    assert {key: after[key] for key in before if key not in allowed_to_change} == {
        key: value for key, value in before.items() if key not in allowed_to_change
    }
    for table in allowed_to_change:
        old, new = dict(before[table]), dict(after[table])
        assert new.pop("column-order")[: len(old["column-order"])] == old.pop("column-order")
        assert new == old
    assert not leftovers(path.parent)


def own_columns(mdata: mudata.MuData) -> pd.DataFrame:
    """Return ``obs`` without the copies of the modalities' columns, which mudata 0.3 makes."""
    return mdata.obs[[column for column in mdata.obs if ":" not in column]]


def elements(modality: anndata.AnnData, slot: str) -> dict[str, object]:
    """Return a slot without X, which anndata 0.13 lists among the layers."""
    return {key: value for key, value in getattr(modality, slot).items() if key is not None}


def assert_same(found: object, expected: object, where: str) -> None:
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected, obj=where)
    elif isinstance(expected, dict):
        assert sorted(found) == sorted(expected), where
        for key, value in expected.items():
            assert_same(found[key], value, f"{where}/{key}")
    else:
        assert type(found) is type(expected), where
        assert getattr(found, "dtype", None) == getattr(expected, "dtype", None), where
        np.testing.assert_array_equal(found, expected, err_msg=where)


@pytest.mark.parametrize("place", sorted(every_update()))
def test_file_and_object_give_the_same_result(path: Path, place: str) -> None:
    update = {place: every_update()[place]}
    write_in_place(path, update)
    found = mudata.read_h5mu(path)
    expected = small_mudata()
    apply(expected, update)

    assert found.obs_names.equals(expected.obs_names)
    assert list(found.mod) == list(expected.mod)
    assert_same(own_columns(found), own_columns(expected), "obs")
    for name, modality in expected.mod.items():
        assert_same(found.mod[name].obs, modality.obs, f"{name} obs")
        assert_same(found.mod[name].var, modality.var, f"{name} var")
        for slot in ("obsm", "varm", "layers", "uns"):
            assert_same(elements(found.mod[name], slot), elements(modality, slot), f"{name} {slot}")
    assert_same(dict(found.obsm), dict(expected.obsm), "obsm")
    assert_same(found.uns, dict(expected.uns), "uns")


@plain_and_gzip
def test_all_updates_together_read_back_as_given(path: Path) -> None:
    write_in_place(path, every_update())
    found = mudata.read_h5mu(path)
    given = every_update()
    np.testing.assert_array_equal(found.obsm["X_mmvae"], given["obsm/X_mmvae"])
    split = found.obs["mmvae_split"]
    assert list(split.cat.categories) == ["test", "train", "validation"]
    assert list(split.cat.codes) == [1, 0, -1, 1, 2, 1, 0]
    assert list(own_columns(found)) == ["diagnosis", "age", "mmvae_split", "mmvae_score", "mmvae_used"]
    assert found.uns["mmvae"]["metrics"] == '{"auc": 0.9}'
    assert found.uns["mmvae"]["features_rna"].tolist() == ["rna0", "rna1"]
    assert found.uns["dataset"]["source"] == "made up"
    assert found.mod["rna"].layers["mmvae_from_atac"].dtype == np.float32
    assert found.mod["rna"].var["mmvae_set"].tolist()[:2] == ["shared", "other"]
    assert found.mod["protein"].obs["mmvae_empty"].isna().all()


def test_the_whole_object_written_after_apply_reads_back_as_the_file(tmp_path: Path) -> None:
    mdata = small_mudata()
    apply(mdata, every_update())
    write_mudata(mdata, tmp_path / "whole.h5mu")
    write_mudata(small_mudata(), tmp_path / "file.h5mu")
    write_in_place(tmp_path / "file.h5mu", every_update())
    whole, file = snapshot(tmp_path / "whole.h5mu"), snapshot(tmp_path / "file.h5mu")
    for update in every_update():
        parts = [key for key in file if key.rstrip("@") == update or key.startswith(f"{update}/")]
        assert parts
        for part in parts:
            assert repr(whole[part]) == repr(file[part]), part  # nan is not nan


def test_a_second_write_replaces_and_keeps_the_order_of_columns(path: Path) -> None:
    write_in_place(path, every_update())
    again = every_update() | {"obs/mmvae_split": np.arange(N_ALL), "uns/mmvae/seed": "text now"}
    for _ in range(5):
        write_in_place(path, again)
    found = mudata.read_h5mu(path)
    assert list(own_columns(found)) == ["diagnosis", "age", "mmvae_split", "mmvae_score", "mmvae_used"]
    assert found.obs["mmvae_split"].tolist() == list(range(N_ALL))
    assert found.uns["mmvae"]["seed"] == "text now"


def test_writing_again_and_again_does_not_make_the_file_grow(path: Path) -> None:
    update = {"obsm/X_mmvae": np.random.default_rng(0).normal(size=(N_ALL, 20_000))}
    write_in_place(path, update)
    size = path.stat().st_size
    for _ in range(10):
        write_in_place(path, update)
    assert path.stat().st_size < size + update["obsm/X_mmvae"].nbytes / 10


def test_groups_that_old_files_lack_are_created(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        for group in ("obsm", "uns", "mod/rna/layers", "mod/rna/obsm", "mod/atac/varm", "mod/protein/uns"):
            del file[group]
    write_in_place(path, every_update())
    with h5py.File(path) as file:
        for group in ("obsm", "uns", "mod/rna/layers", "uns/mmvae", "mod/protein/uns/mmvae"):
            assert file[group].attrs["encoding-type"] == "dict"
    assert mudata.read_h5mu(path).mod["rna"].layers["mmvae_from_atac"].shape == (N_RNA, D_RNA)


def test_names_written_by_r_are_understood(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["obs"].attrs["column-order"] = np.bytes_("age")  # one column: a scalar of fixed length
        file["obs"].attrs["_index"] = np.bytes_("_index")
    write_in_place(path, {"obs/mmvae_split": ["train"] * N_ALL})
    with h5py.File(path) as file:
        assert list(file["obs"].attrs["column-order"]) == ["age", "mmvae_split"]


@pytest.mark.filterwarnings("ignore::anndata.OldFormatWarning")
def test_columns_can_be_added_to_tables_as_anndata_0_7_wrote_them(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        table = file["mod/rna/obs"]
        table.attrs["encoding-version"] = "0.1.0"
        codes, categories = table["batch/codes"][()], table["batch/categories"].asstr()[()]
        del table["batch"]
        table["batch"] = codes
        table["__categories/batch"] = categories
        table["batch"].attrs["categories"] = table["__categories/batch"].ref
        table["__categories/batch"].attrs["ordered"] = False
        index = small_mudata().mod["rna"].obs_names.to_numpy(dtype=object)
        del table["_index"]
        table["_index"] = index
    write_in_place(path, {"mod/rna/obs/mmvae_group": ["a", "b"] * 3})
    obs = mudata.read_h5mu(path).mod["rna"].obs
    assert obs["mmvae_group"].tolist() == ["a", "b"] * 3
    assert obs["batch"].tolist() == ["x", "y"] * 3


def test_tables_from_before_anndata_0_7_are_refused(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["mod/rna/obs"]
        file["mod/rna/obs"] = np.array([("a", 1)], dtype=[("index", "S1"), ("x", int)])
    with pytest.raises(DataError, match="mod/rna/obs") as caught:
        write_in_place(path, SMALL)
    assert "mudata.read_h5mu" in caught.value.hint


def test_what_is_in_the_place_of_a_nested_dict_is_not_lost(path: Path) -> None:
    for_file = {"uns/mmvae": "somebody's", "uns/table/x": 1}
    write_in_place(path, for_file)
    before = path.read_bytes()
    mdata = small_mudata()
    apply(mdata, for_file)
    with pytest.raises(DataError, match="mmvae"):
        write_in_place(path, {"uns/mmvae/seed": 1})
    with pytest.raises(DataError, match="mmvae"):
        apply(mdata, {"uns/mmvae/seed": 1})
    assert path.read_bytes() == before
    assert mdata.uns["mmvae"] == "somebody's"


def test_only_large_layers_are_compressed(tmp_path: Path) -> None:
    values = np.zeros((600, 500), dtype=np.float32)
    modalities = {"rna": anndata.AnnData(values), "atac": anndata.AnnData(values[:, :3])}
    for name, modality in modalities.items():
        modality.var_names = name + modality.var_names
    large = mudata.MuData(modalities)
    write_mudata(large, tmp_path / "data.h5mu")
    updates = {
        "mod/rna/layers/large": values,
        "mod/atac/layers/small": values[:, :3],
        "obsm/X_mmvae": np.zeros((600, 400)),
    }
    write_in_place(tmp_path / "data.h5mu", updates)
    with h5py.File(tmp_path / "data.h5mu") as file:
        assert [file[place].compression for place in updates] == ["gzip", None, None]
        np.testing.assert_array_equal(file["mod/rna/layers/large"], values)


def test_a_bug_in_the_updates_changes_nothing(path: Path) -> None:
    before = path.read_bytes()
    for bad in ({"obsm/rna": np.ones((N_ALL, 1))}, {"mod/rna/X": np.ones((N_RNA, D_RNA))}, {"uns/mmvae/x": None}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            write_in_place(path, SMALL | bad)
    assert path.read_bytes() == before
    assert not leftovers(path.parent)


@pytest.mark.filterwarnings("ignore:Cannot join columns:UserWarning")  # genes of the same name
@pytest.mark.filterwarnings("ignore:var_names are not unique:UserWarning")
def test_real_data_read_back_as_before(shared_data: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.h5mu"
    before = mudata.read_h5mu(shared_data / "acc_mini.h5mu")
    split = np.where(np.arange(before.n_obs) % 5, "train", "test")
    write_to(shared_data / "acc_mini.h5mu", output, {"obs/mmvae_split": split})
    after = mudata.read_h5mu(output)
    assert after.obs.pop("mmvae_split").tolist() == split.tolist()
    pd.testing.assert_frame_equal(after.obs, before.obs)


def test_writing_needs_no_torch() -> None:
    code = "import sys, mmvae_cli.data.writeback; print('torch' in sys.modules, 'mudata' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
