"""Likelihoods by the values, and counts from the file to the prediction: depth is known, and is no signal."""

from __future__ import annotations

from pathlib import Path

import anndata
import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import mmvae_cli
from mmvae_cli.evaluation.metrics import r2_per_feature
from mmvae_cli.pipeline import tensors
from tests.pipeline.helpers import assert_same_run, permuted, study, train


def counted(depth: bool = True, n_samples: int = 160) -> mudata.MuData:
    """Two modalities of counts with a common factor, and a depth of each sample that both share."""
    random = np.random.default_rng(0)
    mdata = study(n_samples)
    deep = np.exp(random.normal(0, 1.0, (n_samples, 1))) if depth else 1.0
    for adata in mdata.mod.values():
        rates = np.exp(1.0 + 0.8 * adata.X)
        counts = random.poisson(deep * rates / rates.sum(1, keepdims=True) * 60)
        adata.X = sparse.csr_matrix(counts.astype(np.float32))
    return mdata


@pytest.mark.parametrize("likelihood", ["nb", "zinb", "poisson"])
def test_counts_go_from_training_to_metrics(likelihood: str, tmp_path: Path) -> None:
    mdata = counted()
    run = train(mdata, tmp_path / "run", likelihood=likelihood, epochs=60, patience=0, lr=1e-2)
    mmvae_cli.predict(mdata, run=str(tmp_path / "run"), source="meth", target="rna", intervals=0.9)
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
    rna = mdata.mod["rna"]
    total = np.asarray(rna.X.sum(1)).reshape(-1)
    training = (mdata.obs["mmvae_split"] == "train").to_numpy()
    library = run.modality("rna").median_size
    assert library == pytest.approx([np.median(total[training])])
    held = (mdata.obs["mmvae_split"] == "test").to_numpy()
    x = rna.X.toarray() / total[:, None] * library  # at the median library size, whatever the sample's own
    predicted = rna.layers["mmvae_from_meth"]
    np.testing.assert_allclose(rna.var["mmvae_r2_cross"], r2_per_feature(x[held], predicted[held]), atol=1e-4)
    assert predicted.min() >= 0
    lower, upper = (rna.layers[f"mmvae_from_meth_{end}"] for end in ("lower", "upper"))
    known = ~np.isnan(lower)
    inside = (x[held] >= lower[held] - 0.5) & (x[held] <= upper[held] + 0.5)
    assert inside[known[held]].mean() > 0.75


@pytest.mark.parametrize("model", ["mvae", "mmvaex"])
def test_cells_that_differ_in_depth_alone_get_the_same_embedding(model: str, tmp_path: Path) -> None:
    mdata = counted()
    train(mdata, tmp_path / "run", model=model)
    deeper = counted()
    for adata in deeper.mod.values():
        adata.X = adata.X * 7
    mmvae_cli.embed(deeper, run=str(tmp_path / "run"))
    np.testing.assert_allclose(deeper.obsm["X_mmvae"], mdata.obsm["X_mmvae"], atol=1e-4)


def test_depth_that_modalities_share_is_no_shared_signal(tmp_path: Path) -> None:
    """Rates that have nothing in common, in samples whose depth both modalities have in common."""
    random = np.random.default_rng(3)
    mdata = study(200)
    deep = np.exp(random.normal(0, 1.0, (200, 1)))
    for adata in mdata.mod.values():
        adata.X = random.poisson(deep * np.exp(random.normal(1, 0.5, adata.shape[1]))).astype(np.float32)
    by_counts = train(mdata, tmp_path / "nb", latent=None)
    assert by_counts.spec.n_shared == 0
    by_values = train(mdata, tmp_path / "gaussian", latent=None, likelihood="gaussian")
    assert by_values.spec.n_shared > 0, "without library sizes depth would be taken for signal"


def present(n_samples: int = 240, signal: bool = True) -> mudata.MuData:
    """Two modalities of rare counts, with a depth that both share, and a common factor."""
    random = np.random.default_rng(5)
    deep, factor = np.exp(random.normal(0, 0.8, (n_samples, 1))), random.normal(size=(n_samples, 1))
    modalities = {}
    for name, n_features in (("rna", 150), ("atac", 400)):
        loadings = random.normal(0, 1.0, n_features) * signal
        rates = 0.05 * np.exp(random.normal(0, 0.5, n_features) + factor * loadings)
        names = {axis: [f"{axis}{k}" for k in range(n)] for axis, n in (("cell", n_samples), (name, n_features))}
        modalities[name] = anndata.AnnData(
            sparse.csr_matrix(random.poisson(deep * rates).astype(np.float32)),
            obs=pd.DataFrame(index=names["cell"]),
            var=pd.DataFrame(index=names[name]),
        )
    return mudata.MuData(modalities)


def thinned(mdata: mudata.MuData, keep: float) -> mudata.MuData:
    """The same cells with a share of their counts."""
    random, mdata = np.random.default_rng(6), mdata.copy()
    for adata in mdata.mod.values():
        adata.X.data = random.binomial(adata.X.data.astype(int), keep).astype(np.float32)
        adata.X.eliminate_zeros()
    return mdata


def as_presence(mdata: mudata.MuData) -> mudata.MuData:
    mdata = mdata.copy()
    for adata in mdata.mod.values():
        adata.X = (adata.X > 0).astype(np.float32)
    return mdata


def test_cells_that_differ_in_depth_alone_are_near_each_other_when_binarised(tmp_path: Path) -> None:
    mdata, moved = present(), {}
    for transform in ("binarize", "none"):
        seen = as_presence(mdata)
        train(seen, tmp_path / transform, model="mvae", transform=transform, epochs=30, patience=0, lr=1e-2)
        lower = as_presence(thinned(mdata, 0.4))
        mmvae_cli.embed(lower, run=str(tmp_path / transform))
        shift = lower.obsm["X_mmvae"] - seen.obsm["X_mmvae"]
        moved[transform] = np.linalg.norm(shift.mean(0) / seen.obsm["X_mmvae"].std(0))
    assert moved["binarize"] < 0.4 * moved["none"], "the embedding depends on the depth"


def test_depth_that_binarised_modalities_share_is_no_shared_signal(tmp_path: Path) -> None:
    mdata = present(signal=False)
    assert train(mdata, tmp_path / "binarised", latent=None, transform="binarize").spec.n_shared == 0
    as_they_are = train(as_presence(mdata), tmp_path / "as_they_are", latent=None)
    assert as_they_are.modality("atac").likelihood == "bernoulli"
    assert as_they_are.spec.n_shared > 0, "0/1 values alone do not say that their number is depth"


def test_binarised_counts_go_from_training_to_metrics(tmp_path: Path) -> None:
    mdata = present()
    mdata.mod["atac"].layers["counts"] = mdata.mod["atac"].X
    mdata.mod["atac"].X = sparse.csr_matrix(np.log1p(mdata.mod["atac"].X.toarray()))
    options = {"layer": {"atac": "counts"}, "likelihood": {"atac": "bernoulli"}}
    run = train(mdata, tmp_path / "run", epochs=30, patience=0, lr=1e-2, **options)
    record = run.modality("atac")
    assert (record.transform, record.likelihood, record.layer) == ("binarize", "bernoulli", "counts")
    open_ = np.asarray((mdata.mod["atac"].layers["counts"] > 0).sum(1)).reshape(-1)
    training = (mdata.obs["mmvae_split"] == "train").to_numpy()
    assert record.median_size == pytest.approx([np.median(open_[training])])
    mmvae_cli.predict(mdata, run=str(tmp_path / "run"), source="rna", target="atac", intervals=0.9)
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
    predicted = mdata.mod["atac"].layers["mmvae_from_rna"]
    assert 0 < predicted.min() < predicted.max() < 1
    assert mdata.uns["mmvae"]["unit_atac"].startswith("probability of a value above 0")
    held = (mdata.obs["mmvae_split"] == "test").to_numpy()
    x = (mdata.mod["atac"].layers["counts"].toarray()[held] > 0).astype(float)
    kept = mdata.mod["atac"].var_names.isin(record.features)
    expected = np.where(kept, r2_per_feature(x, predicted[held]), np.nan)
    np.testing.assert_allclose(mdata.mod["atac"].var["mmvae_r2_cross"], expected, atol=1e-4)


def test_decoders_start_at_the_training_means(tmp_path: Path) -> None:
    mdata = counted(depth=False)
    mdata.mod["meth"].X = (mdata.mod["meth"].X > 3).astype(np.float32)
    run = train(mdata, tmp_path / "run", epochs=1, lr=1e-9, patience=0, model="mmvae")
    for index, record in enumerate(run.modalities):
        networks = run.model.networks(index)
        start = networks.likelihood.mean(networks.decoder.head.bias.detach(), dict(networks.feature))
        np.testing.assert_allclose(start[0, 0].detach().numpy(), record.mean[0], rtol=1e-3)


def test_the_order_of_samples_changes_nothing(tmp_path: Path) -> None:
    first = counted()
    second = permuted(first)
    assert_same_run(*(train(one, tmp_path / str(k)) for k, one in enumerate((first, second))))


def test_replicates_have_their_own_library_size(tmp_path: Path) -> None:
    run = train(counted(), tmp_path / "run", replicates=3, splits="own", label="label", shared=3, other=3)
    assert len(set(run.modality("rna").median_size.tolist())) > 1


def test_counts_of_other_features_are_warned_about(tmp_path: Path, caplog) -> None:
    mdata = counted()
    train(mdata, tmp_path / "run")
    fewer = mdata[:, [name for name in mdata.var_names if name != "rna_shared_1"]].copy()
    mmvae_cli.embed(fewer, run=str(tmp_path / "run"))
    assert "totals of samples depend on them all" in caplog.text


@pytest.mark.parametrize("likelihood", ["nb", "gaussian"])
def test_sparse_values_give_the_run_and_the_results_of_dense_ones(
    likelihood: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mdata, runs, embedded = counted(), [], []
    for sparse_tables in (True, False):
        monkeypatch.setattr(tensors, "saves_memory", lambda _, chosen=sparse_tables: chosen)
        path = tmp_path / str(sparse_tables)
        runs.append(train(mdata, path, likelihood=likelihood, transform="none" if likelihood == "nb" else "lognorm"))
        fewer = mdata.copy()
        fewer.mod["rna"] = mdata.mod["rna"][:, 1:].copy()
        mmvae_cli.embed(fewer, run=str(path), min_features=0.5)
        embedded.append(fewer.obsm["X_mmvae"])
    assert_same_run(*runs)
    np.testing.assert_array_equal(*embedded)
