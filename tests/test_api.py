from __future__ import annotations

import warnings
from pathlib import Path

import mudata
import numpy as np
import pytest

import mmvae_cli
from mmvae_cli.errors import DataError, UsageError
from tests.pipeline.helpers import QUICK, study


def neighbours(mdata: mudata.MuData) -> None:
    import anndata
    import scanpy

    adata = anndata.AnnData(obs=mdata.obs.copy(), obsm={"X_mmvae_shared": mdata.obsm["X_mmvae_shared"]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scanpy's own libraries
        scanpy.pp.neighbors(mdata.mod["rna"], use_rep="X_mmvae_private", n_neighbors=5)
        scanpy.pp.neighbors(adata, use_rep="X_mmvae_shared", n_neighbors=5)
    assert mdata.mod["rna"].obsp["connectivities"].nnz > 0
    assert adata.obsp["connectivities"].shape == (mdata.n_obs, mdata.n_obs)


def test_every_command_works_on_an_object_and_returns_it(tmp_path: Path) -> None:
    mdata = study()
    run = str(tmp_path / "run")
    assert mmvae_cli.check(mdata, label="label")["problems"] == []
    assert mmvae_cli.select(mdata, label="label", shared=4, other={"rna": 3, "meth": 2}) is mdata
    assert mmvae_cli.train(mdata, label="label", run=run, **QUICK) is mdata
    assert mmvae_cli.embed(mdata, run=run) is mdata
    assert mmvae_cli.predict(mdata, run=run, **{"from": "rna", "to": "meth"}) is mdata
    assert mmvae_cli.evaluate(mdata, run=run) is mdata
    assert {"X_mmvae", "X_mmvae_shared"} <= set(mdata.obsm)
    assert set(mdata.obs["mmvae_split"]) == {"train", "validation", "test"}
    for name, adata in mdata.mod.items():
        assert "X_mmvae_private" in adata.obsm
        assert {"mmvae_set", "mmvae_rank", "mmvae_r2_cross", "mmvae_r2_self", "mmvae_r2_joint"} <= set(adata.var)
        assert adata.var["mmvae_set"].value_counts().to_dict()["shared"] == 4
        assert adata.n_obs == 80, name
    assert "mmvae_from_rna" in mdata.mod["meth"].layers
    assert list(mdata.uns["mmvae"]["latents"]) == [
        f"{block}_{i}" for block in ("rna", "meth", "shared") for i in (1, 2)
    ]
    assert mmvae_cli.metrics(mdata)["label"]["column"] == "label"
    neighbours(mdata)


def test_what_is_in_the_object_is_in_the_file_too(tmp_path: Path) -> None:
    mdata = study()
    run = str(tmp_path / "run")
    mmvae_cli.train(mdata, label="label", shared=4, other=2, run=run, **QUICK)
    mmvae_cli.predict(mdata, run=run, source="meth", target="rna")
    mmvae_cli.evaluate(mdata, run=run)
    mdata.write(tmp_path / "data.h5mu")
    read = mudata.read_h5mu(tmp_path / "data.h5mu")
    for key in ("X_mmvae", "X_mmvae_shared"):
        np.testing.assert_array_equal(read.obsm[key], mdata.obsm[key])
    np.testing.assert_array_equal(read.mod["rna"].layers["mmvae_from_meth"], mdata.mod["rna"].layers["mmvae_from_meth"])
    assert list(read.obs["mmvae_split"]) == list(mdata.obs["mmvae_split"])
    assert mmvae_cli.metrics(read) == mmvae_cli.metrics(mdata)
    neighbours(read)


def test_the_data_themselves_are_left_as_they_are(tmp_path: Path) -> None:
    mdata, original = study(), study()
    for transform in ("zscore", "none"):
        mmvae_cli.train(mdata, run=str(tmp_path / transform), transform=transform, **QUICK)
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "none"), label="label")
    for name, adata in mdata.mod.items():
        np.testing.assert_array_equal(adata.X, original.mod[name].X)
        assert list(adata.var_names) == list(original.mod[name].var_names)
    assert list(mdata.obs_names) == list(original.obs_names)


def test_a_second_key_leaves_the_first_result_alone(tmp_path: Path) -> None:
    mdata = study()
    mmvae_cli.train(mdata, run=str(tmp_path / "a"), **QUICK)
    before = mdata.obsm["X_mmvae"].copy()
    mmvae_cli.train(mdata, run=str(tmp_path / "b"), key="second", seed=4, **QUICK)
    mmvae_cli.predict(mdata, run=str(tmp_path / "b"), source="rna", target="meth")
    np.testing.assert_array_equal(mdata.obsm["X_mmvae"], before)
    assert not np.array_equal(mdata.obsm["X_second"], before)
    assert "second_from_rna" in mdata.mod["meth"].layers


def test_simulated_data_can_be_trained_on(tmp_path: Path) -> None:
    mdata = mmvae_cli.simulate(samples=60, shared=5, other={"a": 6, "b": 7, "c": 8}, modalities="a,b,c", seed=2)
    assert {name: adata.n_vars for name, adata in mdata.mod.items()} == {"a": 11, "b": 12, "c": 13}
    mmvae_cli.train(mdata, run=str(tmp_path / "run"), **{**QUICK, "latent": "shared=2,a=1,b=2,c=0"})
    assert mdata.obsm["X_mmvae"].shape == (60, 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modle": "mvae"}, "modle"),
        ({"model": "mvea"}, "mvea"),
        ({"device": "gpu"}, "gpu"),
        ({"epochs": 0}, "epochs"),
        ({"preset": "papr"}, "papr"),
        ({"shared": 3}, "rank features by a label"),
    ],
)
def test_options_are_checked_as_on_the_command_line(tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        mmvae_cli.train(study(), run=str(tmp_path / "run"), **options)
    assert list(tmp_path.iterdir()) == []


def test_an_object_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a MuData is needed, this is a AnnData"):
        mmvae_cli.train(study().mod["rna"], run=str(tmp_path / "run"))
    with pytest.raises(UsageError, match="a MuData is needed"):
        mmvae_cli.check(study().mod["rna"])
    with pytest.raises(DataError, match="no metrics"):
        mmvae_cli.metrics(study())


def test_a_yaml_file_of_options_stands_under_those_given(tmp_path: Path) -> None:
    (tmp_path / "options.yaml").write_text("epochs: 2\nlatent: 1+1+1\nseed: 5\n")
    mdata = study()
    mmvae_cli.train(mdata, config=tmp_path / "options.yaml", run=str(tmp_path / "run"), seed=6, threads=1)
    assert mdata.obsm["X_mmvae"].shape == (80, 3)
    assert mdata.uns["mmvae"]["seed"] == 6
