from __future__ import annotations

from pathlib import Path

import anndata
import mudata
import numpy as np
import pandas as pd
import pytest
import torch

import mmvae_cli
from mmvae_cli import api
from mmvae_cli.config import PredictConfig
from mmvae_cli.errors import DataError, UsageError
from mmvae_cli.pipeline.predict import prediction_table
from tests.pipeline.helpers import permuted, rebuilt, study, train, with_samples


def test_a_prediction_decodes_the_sources_shared_latents_with_the_private_block_at_zero(tmp_path: Path) -> None:
    mdata = study()
    run = train(mdata, tmp_path / "run", epochs=10, model="mmvaepp")
    mmvae_cli.predict(mdata, run=str(tmp_path / "run"), source="rna", target="meth")
    rna, meth = run.modality("rna"), run.modality("meth")
    names = [record.name for record in run.modalities]
    x = (mdata.mod["rna"].X - rna.mean[0]) / rna.sd[0]
    networks = {name: run.model.networks(names.index(name)) for name in names}
    with torch.no_grad():
        means, _ = networks["rna"].encoder(torch.from_numpy(x.astype(np.float32))[None])
        latents = torch.zeros_like(means)
        block = run.spec.layout.shared_block
        latents[..., block] = means[..., block]
        decoder = networks["meth"].decoder
        expected = decoder.head(decoder(latents))[0].double().numpy() * meth.sd[0] + meth.mean[0]
    np.testing.assert_allclose(mdata.mod["meth"].layers["mmvae_from_rna"], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("transform", "unit"), [("zscore", "input"), ("mvalue", "beta value"), ("lognorm", "log1p(counts per 10,000)")]
)
def test_predictions_come_in_the_unit_that_uns_names(tmp_path: Path, transform: str, unit: str) -> None:
    mdata = study(100, other=0, n_private_latents=0)
    meth, random = mdata.mod["meth"], np.random.default_rng(0)
    z = meth.X.copy()
    if transform == "zscore":
        meth.X = 1000 + 50 * z
        truth = meth.X
    elif transform == "mvalue":
        meth.X = (1 / (1 + np.exp(-1.5 * z))).astype(np.float32)
        truth = meth.X
    else:
        meth.X = random.poisson(np.exp(4 + 0.7 * z)).astype(np.float32)
        truth = np.log1p(meth.X / meth.X.sum(1, keepdims=True) * 1e4)
    run = train(
        mdata, tmp_path / "run", epochs=80, lr=1e-2, model="mmvae", transform={"meth": transform}, latent="1+2+1"
    )
    mmvae_cli.predict(mdata, run=str(tmp_path / "run"), source="rna", target="meth")
    predicted = meth.layers["mmvae_from_rna"]
    assert mdata.uns["mmvae"]["unit_meth"] == unit
    held = np.isin(mdata.obs_names, run.samples[run.splits[0] == "test"])
    slope = np.polyfit(predicted[held].ravel(), truth[held].ravel(), 1)[0]
    correlations = [np.corrcoef(predicted[held, i], truth[held, i])[0, 1] for i in range(meth.n_vars)]
    assert np.median(correlations) > 0.6
    assert slope == pytest.approx(1, abs=0.35)
    assert predicted[held].mean() == pytest.approx(truth[held].mean(), abs=0.5 * float(truth[held].std()))
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
    expected = 1 - ((truth[held] - predicted[held]) ** 2).sum(0) / ((truth[held] - truth[held].mean(0)) ** 2).sum(0)
    # beta values near 0 and 1 are clipped
    np.testing.assert_allclose(meth.var["mmvae_r2_cross"], expected, atol=2e-3)


def test_features_that_are_not_modelled_are_nan(tmp_path: Path) -> None:
    mdata = study()
    train(mdata, tmp_path / "run", label="label", shared=3, other=2)
    mmvae_cli.predict(mdata, run=str(tmp_path / "run"), source="rna", target="meth")
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
    meth = mdata.mod["meth"]
    unused = (meth.var["mmvae_set"] == "unused").to_numpy()
    assert unused.sum() == meth.n_vars - 5
    layer = meth.layers["mmvae_from_rna"]
    assert np.isnan(layer[:, unused]).all()
    assert np.isfinite(layer[:, ~unused]).all()
    np.testing.assert_array_equal(meth.var["mmvae_r2_cross"].isna(), unused)


def test_samples_that_lack_the_target_are_predicted_beside_the_source(tmp_path: Path) -> None:
    mdata = with_samples(study(), {"rna": range(70), "meth": range(25, 80)})
    full = study()
    train(mdata, tmp_path / "run", label="label", shared=3, other=2)
    arguments = {"run": str(tmp_path / "run"), "source": "rna", "target": "meth"}
    mmvae_cli.predict(mdata, **arguments)
    rna, meth = mdata.mod["rna"], mdata.mod["meth"]
    features = list(mdata.uns["mmvae"]["features_meth"])
    assert features == [name for name in meth.var_names if meth.var["mmvae_set"][name] != "unused"]
    beside = pd.DataFrame(rna.obsm["mmvae_meth"], rna.obs_names, features)
    assert beside.notna().all().all()
    layer = meth.to_df(layer="mmvae_from_rna")[features]
    without = ~meth.obs_names.isin(rna.obs_names)
    assert layer[without].isna().all().all()
    pd.testing.assert_frame_equal(layer[~without], beside.loc[meth.obs_names[~without]], check_exact=True)
    mmvae_cli.predict(full, **arguments)
    assert "mmvae_meth" not in full.mod["rna"].obsm  # the target has them all


def test_names_of_features_never_stand_beside_predictions_of_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mdata = with_samples(study(modalities=("rna", "meth", "cnv")), {"meth": range(40)})
    train(mdata, tmp_path / "run")
    arguments = {"run": str(tmp_path / "run"), "target": "meth"}
    mmvae_cli.predict(mdata, source="rna", **arguments)
    mmvae_cli.predict(mdata, source="cnv", **arguments)
    assert {"mmvae_meth"} <= set(mdata.mod["rna"].obsm) & set(mdata.mod["cnv"].obsm)
    some = list(mdata.mod["meth"].var_names[[2, 5]])
    mmvae_cli.predict(mdata, source="cnv", features=some, **arguments)
    assert list(mdata.uns["mmvae"]["features_meth"]) == some
    assert mdata.mod["cnv"].obsm["mmvae_meth"].shape == (80, 2)
    assert "mmvae_meth" not in mdata.mod["rna"].obsm
    assert "removed mod/rna/obsm/mmvae_meth" in caplog.text
    assert "mod/rna/obsm/mmvae_meth" not in mdata.uns["mmvae"]["written"]


def new_data(n_samples: int = 30) -> anndata.AnnData:
    adata = study(n_samples, seed=1).mod["rna"].copy()
    adata.obs_names = [f"new{i}" for i in range(n_samples)]
    return adata


def test_new_samples_of_the_source_alone_are_predicted_whatever_the_order_of_their_features(tmp_path: Path) -> None:
    mdata = study()
    run = train(mdata, tmp_path / "run")
    adata = new_data()
    table = adata.to_df()
    config = PredictConfig(run=str(tmp_path / "run"), source=("rna",), target=("meth",))
    tables = []
    for name, columns in (("a", table.columns), ("b", table.columns[::-1])):
        table[columns].to_csv(tmp_path / f"{name}.csv")
        from mmvae_cli.data.formats import parse_source

        tables.append(prediction_table(parse_source([f"rna={tmp_path / name}.csv"]), config)[0])
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert list(tables[0].index) == list(adata.obs_names)
    assert list(tables[0].columns) == list(run.modality("meth").feature_names(0))


@pytest.mark.parametrize("replicates", [1, 3])
def test_missing_features_get_the_training_mean_and_too_many_are_refused(
    tmp_path: Path, replicates: int, caplog: pytest.LogCaptureFixture
) -> None:
    mdata = study()
    run = train(mdata, tmp_path / "run", replicates=replicates, splits="own")
    adata = new_data()
    lacking = list(adata.var_names[[1, 7]])
    config = PredictConfig(run=str(tmp_path / "run"), source=("rna",), target=("meth",))

    def predicted(adata: anndata.AnnData) -> pd.DataFrame:
        return prediction_table(rebuilt({"rna": adata}, pd.DataFrame(index=adata.obs_names)), config)[0]

    found = predicted(adata[:, ~adata.var_names.isin(lacking)].copy())
    assert "2 of 12 features are missing and set to their training mean" in caplog.text
    rna = run.modality("rna")
    means = dict(zip(rna.feature_names(run.replicate), rna.view(rna.mean, run.replicate), strict=True))
    filled = adata.copy()
    for name in lacking:
        filled.X[:, list(filled.var_names).index(name)] = means[name]
    pd.testing.assert_frame_equal(found, predicted(filled), atol=1e-5, rtol=0)
    with pytest.raises(DataError, match="has 9 of the model's 12 features"):
        predicted(adata[:, :9].copy())


def test_what_is_missing_from_the_target_does_not_keep_it_from_being_predicted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mdata = study()
    train(mdata, tmp_path / "run")
    arguments = {"run": str(tmp_path / "run"), "source": "rna", "target": "meth"}
    mmvae_cli.predict(mdata, **arguments)
    part = rebuilt({"rna": mdata.mod["rna"], "meth": mdata.mod["meth"][:, :3]}, mdata.obs[["label"]])
    del part.mod["meth"].layers["mmvae_from_rna"]
    mmvae_cli.predict(part, **arguments)
    layers = [one.mod["meth"].layers["mmvae_from_rna"] for one in (mdata, part)]
    np.testing.assert_array_equal(layers[0][:, :3], layers[1])
    assert "missing" not in caplog.text
    with pytest.raises(DataError, match="3 of the model's 12 features"):
        mmvae_cli.predict(part, run=str(tmp_path / "run"), source="meth", target="rna")


@pytest.mark.parametrize("transform", ["lognorm", "clr", "zscore"])
def test_other_features_under_a_transform_of_whole_samples_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, transform: str
) -> None:
    mdata = study()
    mdata.mod["rna"].X = np.random.default_rng(0).poisson(5, (80, 12)).astype(np.float32)
    train(mdata, tmp_path / "run", label="label", shared={"rna": 2}, other={"rna": 2}, transform={"rna": transform})
    arguments = {"run": str(tmp_path / "run"), "source": "rna", "target": "meth"}
    mmvae_cli.predict(mdata, **arguments)
    assert "depends on all of them" not in caplog.text
    modelled = mdata.mod["rna"][:, mdata.mod["rna"].var["mmvae_set"] != "unused"]
    part = rebuilt({"rna": modelled, "meth": mdata.mod["meth"]}, mdata.obs[["label"]])
    mmvae_cli.predict(part, **arguments)
    assert ("has 4 features, in training it had 12" in caplog.text) == (transform != "zscore")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"source": "rma", "target": "meth"}, DataError, "rma"),
        ({"source": "rna", "target": "met"}, DataError, "met"),
        ({"source": "rna"}, UsageError, "--to"),
        ({"source": "rna", "target": "meth", "features": "nothing"}, DataError, "nothing"),
    ],
)
def test_what_cannot_be_predicted_is_said(
    tmp_path: Path, options: dict[str, object], error: type[Exception], message: str
) -> None:
    mdata = study()
    train(mdata, tmp_path / "run")
    with pytest.raises(error, match=message):
        mmvae_cli.predict(mdata, run=str(tmp_path / "run"), **options)


def test_embedding_new_data_gives_what_training_wrote(tmp_path: Path) -> None:
    mdata = with_samples(study(), {"rna": range(70)})
    train(mdata, tmp_path / "run", replicates=2, splits="own")
    again = permuted(with_samples(study(), {"rna": range(70)}), seed=3)
    mmvae_cli.embed(again, run=str(tmp_path / "run"))
    latents = [dict(zip(m.uns["mmvae"]["latents"], m.obsm["X_mmvae"].T, strict=True)) for m in (mdata, again)]
    place = [list(again.obs_names).index(name) for name in mdata.obs_names]
    for name, values in latents[0].items():
        order = place if len(values) == len(place) else slice(None)
        np.testing.assert_array_equal(values, latents[1][name][order])
    part = again[again.obs_names[:20]].copy()
    mmvae_cli.embed(part, run=str(tmp_path / "run"))
    np.testing.assert_allclose(part.obsm["X_mmvae_shared"], again.obsm["X_mmvae_shared"][:20], atol=1e-5)


def test_a_table_of_predictions_is_written_on_request(tmp_path: Path) -> None:
    mdata = study()
    train(mdata, tmp_path / "run")
    mdata.write(tmp_path / "data.h5mu")
    options = api.options_of("predict", {"run": str(tmp_path / "run"), "source": "rna", "target": "meth"})
    for suffix in ("csv", "tsv", "h5ad"):
        api.on_files("predict", [str(tmp_path / "data.h5mu")], options, output=str(tmp_path / f"out.{suffix}"))
    assert "layers" not in mudata.read_h5mu(tmp_path / "data.h5mu").mod["meth"].layers
    csv = pd.read_csv(tmp_path / "out.csv", index_col=0)
    tsv = pd.read_csv(tmp_path / "out.tsv", index_col=0, sep="\t")
    adata = anndata.read_h5ad(tmp_path / "out.h5ad")
    pd.testing.assert_frame_equal(csv, tsv)
    np.testing.assert_allclose(csv, adata.X, rtol=1e-5, atol=1e-6)
    assert adata.uns["unit"] == "input"
    mmvae_cli.predict(mdata, run=str(tmp_path / "run"), source="rna", target="meth")
    layer = mdata.mod["meth"].to_df(layer="mmvae_from_rna")
    np.testing.assert_allclose(csv.loc[layer.index, layer.columns], layer, rtol=1e-5, atol=1e-6)
