"""Metrics against a recomputation, with scikit-learn, from what was written into the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

import mmvae_cli
from mmvae_cli.errors import DataError, InputNotFoundError
from tests.pipeline.helpers import study, train, with_samples

NAMES = ("rna", "meth", "cnv")


@pytest.fixture(scope="module", params=["mmvaepp", "mmvaex"])
def evaluated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    """Three modalities, each of two lacking samples of its own; predictions and metrics written."""
    folder = tmp_path_factory.mktemp("run") / "run"
    mdata = with_samples(study(100, NAMES), {"rna": range(90), "cnv": range(20, 100)})
    mdata.obs["label"] = mdata.obs["label"].astype(object).where(np.arange(100) % 9 > 0, None)
    run = train(mdata, folder, label="label", epochs=80, lr=3e-3, replicates=2, model=request.param)
    for target in NAMES:
        others = [name for name in NAMES if name != target]
        mmvae_cli.predict(mdata, run=str(folder), source=others, target=target)
        mmvae_cli.predict(mdata, run=str(folder), source=[target], target=target)
        mmvae_cli.predict(mdata, run=str(folder), source=NAMES, target=target)
    mmvae_cli.predict(mdata, run=str(folder), source="cnv", target="meth")
    mmvae_cli.evaluate(mdata, run=str(folder))
    return mdata, run, mmvae_cli.metrics(mdata)


def test_pairs_equal_a_recomputation_from_the_predictions_of_one_modality(evaluated: tuple) -> None:
    mdata, run, metrics = evaluated
    adata, held = mdata.mod["meth"], run.samples[run.splits[run.replicate] == "test"]
    rows = adata.obs_names.isin(held) & adata.obs_names.isin(mdata.mod["cnv"].obs_names)
    x, predicted = adata.X[rows].astype(float), adata.layers["mmvae_from_cnv"][rows].astype(float)
    found, shared = metrics["pairs"]["meth"]["cnv"], (adata.var["true_set"] == "shared").to_numpy()
    r2 = r2_score(x, predicted, multioutput="raw_values")
    r = [np.corrcoef(x[:, j], predicted[:, j])[0, 1] if np.ptp(predicted[:, j]) else 0.0 for j in range(x.shape[1])]
    assert found["n"] == rows.sum() < len(held)
    assert found["r2"]["shared"]["median"] == pytest.approx(np.median(r2[shared]), abs=1e-5)
    assert found["pearson"]["shared"]["median"] == pytest.approx(np.median(np.array(r)[shared]), abs=1e-4)
    assert set(metrics["pairs"]) == set(NAMES)
    assert all(set(sources) == set(NAMES) - {name} for name, sources in metrics["pairs"].items())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["cross", "self", "joint"])
def test_r2_equals_a_recomputation_from_the_written_predictions(evaluated: tuple, name: str, kind: str) -> None:
    mdata, run, metrics = evaluated
    adata = mdata.mod[name]
    sources = {"cross": [n for n in NAMES if n != name], "self": [name], "joint": list(NAMES)}[kind]
    held = adata.obs_names.isin(run.samples[run.splits[run.replicate] == "test"])
    with_source = np.any([adata.obs_names.isin(mdata.mod[source].obs_names) for source in sources], axis=0)
    rows = held & with_source
    x, predicted = adata.X[rows], adata.layers[f"mmvae_from_{'+'.join(sources)}"][rows]
    assert np.isfinite(predicted).all()
    expected = r2_score(x.astype(float), predicted.astype(float), multioutput="raw_values")
    np.testing.assert_allclose(adata.var[f"mmvae_r2_{kind}"], expected, atol=1e-5)
    found = metrics["r2"][name][kind]
    assert found["n"] == rows.sum()
    for chosen, members in (
        ("all", slice(None)),
        ("shared", (adata.var["true_set"] == "shared").to_numpy()),
        ("other", (adata.var["true_set"] == "other").to_numpy()),
    ):
        assert found[chosen]["mean"] == pytest.approx(expected[members].mean(), abs=1e-5)
        assert found[chosen]["median"] == pytest.approx(np.median(expected[members]), abs=1e-5)
    trained = adata.obs_names.isin(run.samples[run.splits[run.replicate] == "train"])
    mean = np.broadcast_to(adata.X[trained].astype(float).mean(0), x.shape)
    baseline = np.median(r2_score(x.astype(float), mean, multioutput="raw_values"))
    assert found["baseline_mean"] == pytest.approx(baseline, abs=1e-5)
    assert found["baseline_mean"] <= 0


def test_label_separation_equals_scikit_learn_on_the_written_embedding(evaluated: tuple) -> None:
    mdata, run, metrics = evaluated
    split = dict(zip(run.samples, run.splits[run.replicate], strict=True))
    part = np.array([split[name] for name in mdata.obs_names])
    labelled = mdata.obs["label"].notna().to_numpy()
    y = (mdata.obs["label"] == "positive").to_numpy()
    train_rows, test_rows = (part == "train") & labelled, (part == "test") & labelled
    assert labelled.sum() < len(labelled)
    z = mdata.obsm["X_mmvae"].astype(float)
    names = list(mdata.uns["mmvae"]["latents"])
    blocks = {"shared": "shared_", "all": "", **{name: f"{name}_" for name in NAMES}}
    found = metrics["label"]
    assert found["column"] == "label"
    for block, prefix in blocks.items():
        columns = [i for i, latent in enumerate(names) if latent.startswith(prefix)]
        scaler = StandardScaler().fit(z[train_rows][:, columns])
        model = LogisticRegression(C=1e6, max_iter=10_000).fit(
            scaler.transform(z[train_rows][:, columns]), y[train_rows]
        )
        test = scaler.transform(z[test_rows][:, columns])
        auc = roc_auc_score(y[test_rows], model.decision_function(test))
        accuracy = accuracy_score(y[test_rows], model.predict(test))
        values = {m: found[m]["private"][block] if block in NAMES else found[m][block] for m in ("auc", "accuracy")}
        assert values == {"auc": pytest.approx(auc, abs=1e-9), "accuracy": pytest.approx(accuracy, abs=1e-9)}


def test_the_written_replicate_is_the_one_at_the_top_and_all_are_listed(evaluated: tuple) -> None:
    _, run, metrics = evaluated
    assert len(metrics["replicates"]) == 2
    chosen = metrics["replicates"][run.replicate]
    assert {key: metrics[key] for key in ("n_test", "r2", "pairs", "label", "mixing")} == chosen
    values = [one["r2"]["meth"]["cross"]["shared"]["mean"] for one in metrics["replicates"]]
    assert values[0] != values[1]
    over = metrics["over_replicates"]["r2"]["meth"]["cross"]["shared"]["mean"]
    assert over["median"] == pytest.approx(np.median(values))
    assert over["sd"] == pytest.approx(np.std(values, ddof=1))


def test_shared_features_are_predicted_across_and_others_are_not(evaluated: tuple) -> None:
    metrics = evaluated[2]["r2"]["meth"]
    assert metrics["cross"]["shared"]["median"] > 0.2
    assert metrics["cross"]["shared"]["median"] > metrics["cross"]["other"]["median"] + 0.2
    assert metrics["self"]["other"]["median"] > metrics["cross"]["other"]["median"] + 0.2


def test_another_label_can_be_asked_for(tmp_path: Path) -> None:
    mdata = study()
    random = np.random.default_rng(0)
    mdata.obs["age"] = mdata.obsm["true_shared"][:, 0] * 10 + 50
    mdata.obs["site"] = random.choice(["a", "b", "c"], 80)
    run = train(mdata, tmp_path / "run", epochs=20, lr=3e-3)
    arguments = {"run": str(tmp_path / "run")}
    mmvae_cli.evaluate(mdata, **arguments)
    assert mmvae_cli.metrics(mdata)["label"] is None
    mmvae_cli.evaluate(mdata, label="age", **arguments)
    label = mmvae_cli.metrics(mdata)["label"]
    assert (label["kind"], set(label) & {"auc", "r2"}) == ("continuous", {"r2"})
    split = np.array([run.splits[0][list(run.samples).index(name)] for name in mdata.obs_names])
    z, y = mdata.obsm["X_mmvae_shared"].astype(float), mdata.obs["age"].to_numpy()
    model = LinearRegression().fit(z[split == "train"], y[split == "train"])
    expected = r2_score(y[split == "test"], model.predict(z[split == "test"]))
    assert label["r2"]["shared"] == pytest.approx(expected, abs=1e-6)
    mmvae_cli.evaluate(mdata, label="site", **arguments)
    site = mmvae_cli.metrics(mdata)["label"]
    assert site["classes"] == ["a", "b", "c"]
    z = StandardScaler().fit(z[split == "train"]).transform(z)
    y = mdata.obs["site"].to_numpy()
    logits = LogisticRegression(C=1e6, max_iter=10_000).fit(z[split == "train"], y[split == "train"])
    probabilities = logits.predict_proba(z[split == "test"])
    one_vs_rest = [roc_auc_score(y[split == "test"] == name, p) for name, p in zip("abc", probabilities.T, strict=True)]
    assert site["auc"]["shared"] == pytest.approx(np.mean(one_vs_rest), abs=1e-9)


def test_data_without_the_held_out_samples_are_refused(tmp_path: Path) -> None:
    mdata = study()
    run = train(mdata, tmp_path / "run")
    held = run.samples[run.splits[0] == "test"]
    with pytest.raises(DataError, match="1 of 16 held-out samples are not in the data"):
        mmvae_cli.evaluate(mdata[mdata.obs_names != held[0]].copy(), run=str(tmp_path / "run"))
    with pytest.raises(InputNotFoundError, match="no trained model"):
        mmvae_cli.evaluate(mdata, run=str(tmp_path / "another"))


def test_a_new_training_voids_what_was_said_of_the_old_model(tmp_path: Path) -> None:
    mdata = study()
    train(mdata, tmp_path / "a")
    mmvae_cli.predict(mdata, run=str(tmp_path / "a"), source="rna", target="meth")
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "a"))
    train(mdata, tmp_path / "b", seed=3)
    assert "mmvae_from_rna" not in mdata.mod["meth"].layers
    assert not [name for name in mdata.mod["meth"].var if name.startswith("mmvae_r2")]
    with pytest.raises(DataError, match="no metrics"):
        mmvae_cli.metrics(mdata)
