from __future__ import annotations

import os
import signal
import traceback
from pathlib import Path

import anndata
import h5py
import mudata
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy import sparse

from mmvae_cli.data import elements
from mmvae_cli.data.formats import Source, modality_names, parse_source, read
from mmvae_cli.data.memory import read_memory
from mmvae_cli.data.validate import validate
from mmvae_cli.errors import DataError, InputNotFoundError, MmvaeError, UsageError
from tests.data.objects import SAMPLES, small_modality, small_mudata, value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.h5mu"
    small_mudata().write_h5mu(path)
    return path


@pytest.fixture(params=["file", "zarr", "memory"])
def source(request: pytest.FixtureRequest, file: Path, tmp_path: Path) -> object:
    if request.param == "zarr":
        small_mudata().write_zarr(tmp_path / "small.zarr")
        return Source(tmp_path / "small.zarr")
    return Source(file) if request.param == "file" else small_mudata()


def test_every_value_stands_at_its_sample_whatever_the_order(source):
    dataset = read(source)
    validate(dataset)
    assert sorted(dataset.sample_names) == ["s1", "s2", "s3", "s4", "s5"]
    for name, modality in dataset.modalities.items():
        rows = dataset.rows(name)
        assert [sample for sample, row in zip(dataset.sample_names, rows, strict=True) if row < 0] == [
            sample for sample in dataset.sample_names if sample not in SAMPLES[name]
        ]
        for sample, row in zip(dataset.sample_names, rows, strict=True):
            if row >= 0:
                assert modality.values[row].tolist() == pytest.approx([value(sample, feature) for feature in range(3)])
        assert modality.values.dtype == np.float32
        assert list(modality.var.columns) == ["symbol"]
    assert (dataset.obs["label"] == [f"label of {sample}" for sample in dataset.sample_names]).all()


def test_only_the_modalities_asked_for_are_read_in_the_order_asked(source):
    dataset = read(source, ["atac", "rna"])
    assert list(dataset.modalities) == ["atac", "rna"]
    assert len(dataset.obs) == 5
    assert list(dataset.annotations) == list(SAMPLES), "a label may stand in the obs of any modality"


def test_the_file_s_order_of_modalities_is_kept(source):
    assert modality_names(source) == ["rna", "atac", "adt"]  # not the alphabet, which HDF5 goes by


def test_a_layer_replaces_x(source):
    dataset = read(source, ["rna"], {"rna": "counts", "atac": "counts"})
    assert dataset.modalities["rna"].layer == "counts"
    np.testing.assert_array_equal(dataset.modalities["rna"].values, small_modality("rna").layers["counts"])


@pytest.mark.parametrize(
    ("modalities", "layers", "error", "said"),
    [
        (["rma"], None, DataError, "unknown modality 'rma'\ndid you mean 'rna'"),
        (["rna", "rna"], None, UsageError, "'rna' is named twice"),
        (None, {"rma": "counts"}, DataError, "did you mean 'rna'"),
        (None, {"rna": "count"}, DataError, "unknown layer 'count' in modality 'rna'\ndid you mean 'counts'"),
    ],
)
def test_unknown_names_suggest_the_nearest(source, modalities, layers, error, said):
    with pytest.raises(error) as caught:
        read(source, modalities, layers)
    assert said in str(caught.value)


def test_matrices_nobody_asked_for_may_be_damaged(file):
    with h5py.File(file, "r+") as handle:
        del handle["mod/adt/X"], handle["mod/rna/layers/counts"]
        handle["mod/rna/obsm"].create_dataset("X_pca", data=b"no matrix")
        handle["uns"].create_dataset("odd", data=b"x").attrs["encoding-type"] = "unheard of"
    assert list(read(Source(file), ["rna", "atac"]).modalities) == ["rna", "atac"]


@pytest.mark.parametrize("as_file", [True, False])
def test_own_records_and_nothing_else_come_from_uns(tmp_path, as_file):
    mdata = small_mudata()
    mdata.uns = {"mmvae": {"mmvae_version": "0.1", "seed": 3}, "other": {"seed": 4}, "text": "x"}
    if as_file:
        mdata.write_h5mu(tmp_path / "a.h5mu")
    dataset = read(Source(tmp_path / "a.h5mu") if as_file else mdata)
    assert {key: dict(record) for key, record in dataset.uns.items()} == {"mmvae": {"mmvae_version": "0.1", "seed": 3}}


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
@pytest.mark.parametrize("as_file", [True, False])
def test_sparse_values_stay_sparse_by_rows(tmp_path, make, as_file):
    dense = np.array([[0, 2, 0], [1, 0, 0], [0, 0, 0], [0, 3, 4]])
    mdata = mudata.MuData({"rna": anndata.AnnData(make(dense), obs=small_modality("rna").obs)})
    if as_file:
        mdata.write_h5mu(tmp_path / "a.h5mu")
    values = read(Source(tmp_path / "a.h5mu") if as_file else mdata).modalities["rna"].values
    assert isinstance(values, sparse.csr_matrix)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values.toarray(), dense)


@pytest.mark.parametrize("dtype", [bool, np.int64, np.uint8, np.float64, np.float16])
def test_numbers_of_every_type_become_float32(dtype):
    mdata = mudata.MuData({"rna": anndata.AnnData(np.eye(4, 2).astype(dtype), obs=small_modality("rna").obs)})
    values = read(mdata).modalities["rna"].values
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, np.eye(4, 2))


def test_values_that_are_no_numbers_are_refused(file):
    with h5py.File(file, "r+") as handle:
        del handle["mod/rna/X"]
        anndata.io.write_elem(handle["mod/rna"], "X", np.full((4, 3), "high", dtype=object))
    with pytest.raises(DataError, match="X of modality 'rna' holds object values, not numbers"):
        read(Source(file))


def test_a_matrix_that_does_not_fit_its_annotations_is_refused(file):
    with h5py.File(file, "r+") as handle:
        del handle["mod/rna/X"]
        anndata.io.write_elem(handle["mod/rna"], "X", np.zeros((4, 2)))
    with pytest.raises(DataError, match=r"shape \(4, 2\), its annotations have 4 samples and 3 features"):
        read(Source(file))


def test_sparse_indices_out_of_range_are_refused(file):
    with h5py.File(file, "r+") as handle:
        del handle["mod/rna/X"]
        anndata.io.write_elem(handle["mod/rna"], "X", sparse.csc_matrix(np.eye(4, 3)))
        handle["mod/rna/X/indices"][0] = 1_000_000
    with pytest.raises(DataError):
        read(Source(file))


def test_without_x_the_layers_are_named(tmp_path):
    adata = small_modality("rna")
    adata.X = None
    mdata = mudata.MuData({"rna": adata, "atac": small_modality("atac")})
    mdata.write_h5mu(tmp_path / "a.h5mu")
    for source in (mdata, Source(tmp_path / "a.h5mu")):
        with pytest.raises(DataError, match=r"modality 'rna' has no X\n.*--layer rna=counts"):
            read(source)
        assert read(source, layers={"rna": "counts"}).modalities["rna"].n_features == 3


def test_samples_the_whole_does_not_know_are_refused():
    mdata = small_mudata()
    mdata.mod["rna"].obs_names = ["s3", "s1", "s4", "s9"]
    with pytest.raises(DataError, match=r"not in the obs of the whole: 1 sample of modality 'rna': s9"):
        read(mdata)


@pytest.mark.filterwarnings("ignore:Cannot join columns")  # mudata, at axis=1
@pytest.mark.filterwarnings("ignore:obs_names are not unique")
@pytest.mark.parametrize("axis", [1, -1])
def test_modalities_that_share_features_are_refused(tmp_path, axis):
    mdata = mudata.MuData({"a": small_modality("rna"), "b": small_modality("rna")}, axis=axis)
    mdata.write_h5mu(tmp_path / "a.h5mu")
    for source in (mdata, Source(tmp_path / "a.h5mu")):
        with pytest.raises(DataError, match="axis=0"):
            read(source)


def test_an_object_in_memory_stays_as_it_is_and_is_not_copied():
    mdata = small_mudata()
    before = {name: adata.X.copy() for name, adata in mdata.mod.items()}
    columns = list(mdata.obs.columns)
    dataset = read_memory(mdata, None, None)
    dataset.obs["new"] = 1
    assert list(mdata.obs.columns) == columns
    for name, adata in mdata.mod.items():
        np.testing.assert_array_equal(adata.X, before[name])
        assert np.shares_memory(adata.X, dataset.modalities[name].values)


def test_views_and_backed_objects_read_alike(file):
    view = small_mudata()[["s1", "s2"]]
    assert read(view).modalities["rna"].values.tolist() == [
        [pytest.approx(value(s, f)) for f in range(3)] for s in view["rna"].obs_names
    ]
    backed = mudata.read_h5mu(file, backed="r")
    np.testing.assert_array_equal(read(backed).modalities["atac"].values, small_modality("atac").X)
    backed.file.close()


def test_names_in_another_type_become_text(tmp_path):
    names = pd.Index(["s1", "s2"], dtype="string")
    adata = anndata.AnnData(np.eye(2, dtype=np.float32), obs=pd.DataFrame(index=names))
    dataset = read(mudata.MuData({"rna": adata, "atac": small_modality("atac")}))
    assert dataset.modalities["rna"].obs.index.dtype == object
    assert {type(name) for name in dataset.sample_names} == {str}


def test_h5ad_and_members_of_h5mu_are_modalities(tmp_path, file):
    small_modality("rna").write_h5ad(tmp_path / "a.h5ad")
    dataset = read(parse_source([f"expression={tmp_path / 'a.h5ad'}", f"second={file}/atac"]))
    assert list(dataset.modalities) == ["expression", "second"]
    assert list(dataset.sample_names) == ["s3", "s1", "s4", "s2", "s5"], "order of first appearance"
    np.testing.assert_array_equal(dataset.modalities["expression"].values, small_modality("rna").X)
    np.testing.assert_array_equal(dataset.modalities["second"].values, small_modality("atac").X)
    assert "depth" in dataset.annotations["second"]
    assert list(read(parse_source([f"a={tmp_path / 'a.h5ad'}", f"b={file}/atac"]), ["b"]).annotations) == ["a", "b"]
    with pytest.raises(DataError, match="unknown modality 'atacc'\ndid you mean 'atac'"):
        read(parse_source([f"b={file}/atacc"]))


def refused(path: Path, reader=elements.modality_names) -> str:
    with pytest.raises(DataError) as caught:
        reader(path)
    assert caught.value.hint
    return str(caught.value)


def test_files_that_are_something_else_are_named_with_the_remedy(tmp_path, file):
    (tmp_path / "text.h5mu").write_text("sample,a\ns1,1\n")
    assert "is not an HDF5 file" in refused(tmp_path / "text.h5mu")
    (tmp_path / "empty.h5mu").write_bytes(b"")
    refused(tmp_path / "empty.h5mu")
    small_modality("rna").write_h5ad(tmp_path / "one.h5ad")
    os.rename(tmp_path / "one.h5ad", tmp_path / "one.h5mu")
    assert "rename it to .h5ad and name its modality: rna=one.h5ad" in refused(tmp_path / "one.h5mu")
    with h5py.File(tmp_path / "bare.h5mu", "w") as handle:
        handle["x"] = 1
    assert "no group 'mod'" in refused(tmp_path / "bare.h5mu")
    assert "several modalities" in refused(file, lambda path: elements.read_anndata(path, "rna", None))
    assert "not AnnData" in refused(tmp_path / "bare.h5mu", lambda path: elements.read_anndata(path, "rna", None))


def test_a_truncated_file_is_called_truncated(file):
    file.write_bytes(file.read_bytes()[:-100])
    assert f"{file} is truncated" in refused(file)


def test_a_missing_file_and_one_without_permission_are_not_found(tmp_path, file, monkeypatch):
    with pytest.raises(InputNotFoundError, match="no such file"):
        elements.modality_names(tmp_path / "none.h5mu")

    def forbidden(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(h5py, "File", forbidden)
    with pytest.raises(InputNotFoundError, match="no permission"):
        elements.modality_names(file)


@pytest.fixture(scope="module")
def valid_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("fuzz") / "valid.h5mu"
    small_mudata().write_h5mu(path)
    return path.read_bytes()


def exit_of_child(path: Path) -> int:
    """Read the file in a process of its own: its exit code, or minus the signal that ended it.

    HDF5 itself (1.14) ends in a segmentation fault or never returns on about 1 in 1000 of such files.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(10)
        validate(read(Source(path)))
        code = 0
    except MmvaeError as error:
        code = error.exit_code
    finally:
        if code == 1:
            traceback.print_exc()
        os._exit(code)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore")  # anndata warns of formats it takes damaged files for
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_files_end_in_success_or_one_error(tmp_path, valid_bytes, data):
    damaged = bytearray(valid_bytes)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.one_of(st.none(), st.integers(0, len(damaged))))
    path = tmp_path / "damaged.h5mu"
    path.write_bytes(damaged[:end])
    code = exit_of_child(path)
    assume(code >= 0)
    assert code in (0, 65)
