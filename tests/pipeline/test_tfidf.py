"""TF-IDF: the inverse document frequencies of the training samples travel with the run."""

from __future__ import annotations

from pathlib import Path

import mudata
import numpy as np
import pytest
import torch
from scipy import sparse

import mmvae_cli
from mmvae_cli.data.formats import read
from mmvae_cli.evaluation.metrics import r2_per_feature
from mmvae_cli.pipeline.apply import match
from mmvae_cli.training.run import Run
from tests.pipeline.helpers import by_sample, permuted, study, train

OPTIONS = {"transform": {"meth": "tfidf"}, "likelihood": {"rna": "gaussian"}}


@pytest.fixture
def mdata() -> mudata.MuData:
    random, mdata = np.random.default_rng(0), study(120)
    counts = random.poisson(0.4 * np.exp(mdata.mod["meth"].X))
    mdata.mod["meth"].X = sparse.csr_matrix(counts.astype(np.float32))
    return mdata


def tfidf(mdata: mudata.MuData, run: Run, replicate: int) -> np.ndarray:
    """Values of the modality as a replicate sees them, by hand."""
    counts, record = mdata.mod["meth"].X.toarray().astype(np.float64), run.modality("meth")
    training = np.isin(mdata.obs_names, run.samples[run.splits[replicate] == "train"])
    frequencies = 1e4 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    kept = mdata.mod["meth"].var_names.isin(record.feature_names(replicate))
    idf = training.sum() / (counts[training] > 0).sum(0)
    return np.log1p(frequencies * idf)[:, kept]


def test_each_replicate_has_the_idf_of_its_own_training_samples(mdata: mudata.MuData, tmp_path: Path) -> None:
    run = train(mdata, tmp_path / "run", replicates=2, splits="own", label="label", shared=4, other=4, **OPTIONS)
    record = run.modality("meth")
    for replicate in range(2):
        training = np.isin(mdata.obs_names, run.samples[run.splits[replicate] == "train"])
        seen = tfidf(mdata, run, replicate)
        np.testing.assert_allclose(record.mean[replicate], seen[training].mean(0), rtol=1e-5)
        np.testing.assert_allclose(record.sd[replicate], seen[training].std(0), rtol=1e-5)
    assert record.weights.shape == record.columns.shape
    assert not np.array_equal(record.weights[0], record.weights[1])


@pytest.mark.parametrize("options", [{}, {"replicates": 2, "splits": "own"}])
def test_new_data_get_the_idf_of_the_training_whatever_their_samples(
    options: dict[str, object], mdata: mudata.MuData, tmp_path: Path
) -> None:
    run = train(mdata, tmp_path / "run", epochs=20, **OPTIONS, **options)
    assert run.modality("meth").weights is not None
    few = permuted(mdata)[:30].copy()
    few = few[:, np.random.default_rng(1).permutation(few.n_vars)].copy()
    mmvae_cli.embed(few, run=str(tmp_path / "run"))
    known = by_sample(mdata, "X_mmvae").loc[sorted(few.obs_names)]
    np.testing.assert_allclose(by_sample(few, "X_mmvae"), known, atol=1e-5)


def test_metrics_and_predictions_are_in_the_unit_that_is_named(mdata: mudata.MuData, tmp_path: Path) -> None:
    run = train(mdata, tmp_path / "run", epochs=40, lr=1e-2, **OPTIONS)
    mmvae_cli.predict(mdata, run=str(tmp_path / "run"), source="rna", target="meth")
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
    assert mdata.uns["mmvae"]["unit_meth"] == "log1p(TF-IDF x 10,000)"
    held = (mdata.obs["mmvae_split"] == "test").to_numpy()
    kept = mdata.mod["meth"].var_names.isin(run.modality("meth").features)
    predicted = mdata.mod["meth"].layers["mmvae_from_rna"][:, kept]
    found = mdata.mod["meth"].var["mmvae_r2_cross"].to_numpy()[kept]
    expected = r2_per_feature(tfidf(mdata, run, run.replicate)[held], predicted[held])
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_feature_that_new_data_lack_gets_its_training_mean(mdata: mudata.MuData, tmp_path: Path) -> None:
    run = train(mdata, tmp_path / "run", epochs=20, model="mvae", **OPTIONS)
    record, lacking = run.modality("meth"), "meth_other_1"
    fewer = mdata[:, [name for name in mdata.var_names if name != lacking]].copy()
    place = record.features.index(lacking)
    data = match(run, read(fewer, None, {}), min_features=0.5).replicate(0).data
    x = data.batch(torch.arange(5)[None]).x[0][0]  # (samples, features) of meth, standardised
    np.testing.assert_allclose(x[:, place], 0.0, atol=1e-5)
