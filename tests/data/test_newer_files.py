"""Files as mudata 0.4 with anndata 0.13 and pandas 3 writes them, read and written by whatever is installed.

``scripts/check_mudata4.sh`` runs the other way round: all tests of the data with those releases.
"""

from __future__ import annotations

from pathlib import Path

import anndata
import h5py
import mudata
import numpy as np
import pandas as pd
import pytest

from mmvae_cli.data.formats import Source, read
from mmvae_cli.data.updates import REMOVE
from mmvae_cli.data.writeback import write_anndata, write_file, write_in_place, write_mudata, write_to
from tests.data.small_mudata import every_update, small_mudata, snapshot

pytestmark = pytest.mark.filterwarnings("ignore:From 0.4 .update:FutureWarning")


def make_nullable(table: h5py.Group) -> None:
    """Store the names of a table as anndata 0.13 does: with a mask."""
    index = table["_index"]
    if isinstance(index, h5py.Group):
        return
    names = index[()]
    del table["_index"]
    group = table.create_group("_index")
    group.attrs.update({"encoding-type": "nullable-string-array", "encoding-version": "0.1.0", "na-value": "NaN"})
    for part, values in (("values", names), ("mask", np.zeros(len(names), dtype=bool))):
        group[part] = values
        kind = {"values": "string-array", "mask": "array"}[part]
        group[part].attrs.update({"encoding-type": kind, "encoding-version": "0.2.0"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data.h5mu"
    write_mudata(small_mudata(), path)
    with h5py.File(path, "r+") as file:
        for owner in (file, *file["mod"].values()):
            make_nullable(owner["obs"])
            make_nullable(owner["var"])
            for table in (owner["obs"], owner["var"]):
                if len(table.attrs["column-order"]) == 0:
                    table.attrs["column-order"] = np.array([], dtype=np.float64)
    return path


def test_they_are_read_as_others_are(path: Path) -> None:
    found, expected = read(Source(path)), read(small_mudata())
    pd.testing.assert_index_equal(found.obs.index, expected.obs.index)
    for name, modality in expected.modalities.items():
        assert (found.modalities[name].values != modality.values).sum() == 0
        pd.testing.assert_index_equal(found.modalities[name].var.index, modality.var.index)
        np.testing.assert_array_equal(found.rows(name), expected.rows(name))


def test_results_are_written_into_them_and_removed_again(path: Path) -> None:
    before = snapshot(path)
    write_in_place(path, every_update())
    found = mudata.read_h5mu(path)
    assert list(found.obs_names) == list(small_mudata().obs_names)
    assert found.obs["mmvae_split"].astype(object).tolist()[:2] == ["train", "test"]
    assert found.mod["protein"].obs["mmvae_empty"].isna().all()
    assert found.uns["mmvae"]["metrics"] == '{"auc": 0.9}'
    np.testing.assert_array_equal(found.mod["rna"].var["mmvae_rank"], np.arange(4))
    with h5py.File(path) as file:
        assert file["obs/mmvae_split/categories"].attrs["encoding-type"] == "string-array"  # older readers know it
    write_to(path, path.with_name("copy.h5mu"), dict.fromkeys(every_update(), REMOVE))
    after = snapshot(path.with_name("copy.h5mu"))
    assert {
        key for key in before if repr(after[key]) != repr(before[key]) and not key.endswith(("obs@", "var@"))
    } == set()
    assert list(mudata.read_h5mu(path.with_name("copy.h5mu")).mod["protein"].obs) == []


def test_what_is_written_keeps_to_encodings_that_older_releases_read(tmp_path: Path) -> None:
    path = tmp_path / "data.h5mu"
    write_mudata(small_mudata(), path)
    before = set(snapshot(path))
    write_in_place(path, every_update())
    known = {"array", "string-array", "string", "numeric-scalar", "categorical", "dict", "dataframe"}
    with h5py.File(path) as file:
        new = {key[:-1] for key in snapshot(path) if key.endswith("@") and key not in before}
        assert {str(file[name].attrs["encoding-type"]) for name in new} <= known


@pytest.mark.parametrize("dtype", [object, "str"])
def test_a_prediction_alone_is_an_anndata_whatever_the_type_of_its_names(tmp_path: Path, dtype: object) -> None:
    index, columns = (pd.Index(names, dtype=dtype) for names in (["s1", "s2"], ["a", "b", "c"]))
    table = pd.DataFrame(np.arange(6.0).reshape(2, 3), index.rename("sample"), columns)
    write_file(tmp_path / "x.h5ad", lambda path: write_anndata(table, {"unit": "input"}, path))
    found = anndata.io.read_h5ad(tmp_path / "x.h5ad")
    np.testing.assert_array_equal(found.X, table)
    assert list(found.obs_names) == ["s1", "s2"]
    assert list(found.var_names) == ["a", "b", "c"]
    assert found.uns["unit"] == "input"
    assert found.X.dtype == np.float32
