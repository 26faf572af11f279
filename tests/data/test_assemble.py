from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from pathlib import Path

import anndata
import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mmvae_cli.data.assemble import assemble, whole_mudata
from mmvae_cli.data.formats import Source, parse_source, read
from mmvae_cli.data.updates import REMOVE
from mmvae_cli.data.writeback import apply, write_mudata

FEATURES = ["geneB", "geneA", "geneC"]  # the same in every modality


def table(path: Path, samples: list[str]) -> str:
    """Write a table whose values say sample and modality; return it as an argument of a command."""
    rows = [
        [float(ord(sample[0])) + int(sample[1:]), len(path.stem), feature] for feature, sample in enumerate(samples)
    ]
    pd.DataFrame(rows, index=samples, columns=FEATURES).to_csv(path)
    return f"{path.stem}={path}"


@pytest.fixture
def overlapping(tmp_path: Path) -> Source:
    """Return three tables: partly overlapping samples, each in another order."""
    inputs = [
        table(tmp_path / "rna.csv", ["p3", "p1", "p9"]),
        table(tmp_path / "adt.tsv", ["p5", "p1", "p2", "p3"]),
        table(tmp_path / "long name.csv", ["p0", "p9", "p2"]),
    ]
    content = (tmp_path / "adt.tsv").read_text()
    (tmp_path / "adt.tsv").write_text(content.replace(",", "\t"))
    (tmp_path / "labels.csv").write_text("sample,diagnosis,age\np1,ill,3\np9,well,\nnobody,ill,4\np0,,7.5\n")
    return parse_source(inputs, tmp_path / "labels.csv")


@pytest.fixture(autouse=True)
def no_warning() -> Iterator[None]:
    """Turn even those warnings into errors that the tests' settings ignore, but for anndata's own with pandas 3.1."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="The 'future.infer_string' option is deprecated")
        yield


def test_tables_become_a_mudata_with_samples_in_the_order_in_which_they_are_read(overlapping: Source) -> None:
    mdata, dataset = whole_mudata(overlapping), read(overlapping)
    assert list(mdata.mod) == ["rna", "adt", "long name"]
    assert list(mdata.obs_names) == list(dataset.sample_names) == ["p3", "p1", "p9", "p5", "p2", "p0"]
    for name, modality in dataset.modalities.items():
        np.testing.assert_array_equal(mdata.mod[name].X, modality.values)
        assert list(mdata.mod[name].obs_names) == list(modality.obs.index)
        assert list(mdata.mod[name].var_names) == FEATURES
        np.testing.assert_array_equal(mdata.obsm[name].ravel(), np.isin(mdata.obs_names, modality.obs.index))


def test_labels_of_a_table_stand_in_obs(overlapping: Source) -> None:
    obs = whole_mudata(overlapping).obs
    assert list(obs) == ["diagnosis", "age"]
    assert obs["diagnosis"].dropna().to_dict() == {"p1": "ill", "p9": "well"}
    assert obs["age"].dropna().to_dict() == {"p1": 3.0, "p0": 7.5}


def test_it_takes_results_and_is_written_and_read_back(overlapping: Source, tmp_path: Path) -> None:
    mdata, dataset = whole_mudata(overlapping), read(overlapping)
    codes = np.array([[float(name[1:])] for name in dataset.sample_names])
    apply(mdata, {"obsm/X_mmvae": codes, "obs/mmvae_split": dataset.sample_names, "uns/mmvae/x": REMOVE})
    write_mudata(mdata, tmp_path / "result.h5mu")
    again = read(Source(tmp_path / "result.h5mu"))
    assert list(again.sample_names) == list(dataset.sample_names)
    assert again.obs["mmvae_split"].astype(str).tolist() == list(dataset.sample_names)
    for name, modality in dataset.modalities.items():
        np.testing.assert_array_equal(again.modalities[name].values, modality.values)
        assert list(again.modalities[name].obs.index) == list(modality.obs.index)


def test_any_overlap_of_samples_gives_the_order_of_the_reader(tmp_path: Path) -> None:
    draw = random.Random(0)
    for _ in range(25):
        orders = [draw.sample([f"p{i}" for i in range(9)], draw.randint(1, 9)) for _ in range(draw.randint(2, 4))]
        source = parse_source([table(tmp_path / f"m{number}.csv", order) for number, order in enumerate(orders)])
        assert list(whole_mudata(source).obs_names) == list(read(source).sample_names), orders


def test_an_h5ad_and_a_modality_of_an_h5mu_are_kept_whole(tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    rna = anndata.AnnData(
        sparse.csr_matrix(np.eye(3, 2, dtype=np.float32)),
        obs=pd.DataFrame({"batch": [1, 2, 3]}, index=names),
        var=pd.DataFrame({"symbol": ["x", "y"]}, index=["f1", "f2"]),
        obsm={"X_pca": np.ones((3, 2))},
        uns={"note": "kept"},
    )
    rna.layers["counts"] = rna.X * 2
    atac = rna[::-1].copy()
    del atac.X
    rna.write_h5ad(tmp_path / "rna.h5ad")
    write_mudata(assemble({"peaks": atac}), tmp_path / "other.h5mu")
    source = parse_source([f"rna={tmp_path}/rna.h5ad", f"atac={tmp_path}/other.h5mu/peaks"])
    mdata = whole_mudata(source)
    assert list(mdata.obs) == []  # what the modalities say of their samples stays there
    assert list(mdata.obs_names) == list(read(source, None, {"atac": "counts"}).sample_names) == names
    assert mdata.mod["rna"].uns["note"] == "kept"
    assert mdata.mod["rna"].obs["batch"].tolist() == [1, 2, 3]
    assert mdata.mod["atac"].X is None
    for name, order in (("rna", names), ("atac", names[::-1])):
        assert list(mdata.mod[name].obs_names) == order
        assert mdata.mod[name].layers["counts"].sum() == 4
        assert mdata.mod[name].obsm["X_pca"].shape == (3, 2)


def test_assembling_pulls_no_columns_and_changes_no_setting() -> None:
    members = {name: anndata.AnnData(np.ones((2, 1)), obs={"depth": [1, 2]}) for name in ("a", "b")}
    mdata = assemble(members)
    assert list(mdata.obs) == []
    assert mdata.mod["a"] is members["a"]
    if hasattr(mudata, "set_options"):
        assert mudata._core.config.OPTIONS["pull_on_update"] is None
