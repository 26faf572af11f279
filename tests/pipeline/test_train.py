from __future__ import annotations

import json
import logging
from pathlib import Path

import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import mmvae_cli
from mmvae_cli.data.updates import Removal
from mmvae_cli.errors import CannotCreateError, DataError, UsageError
from mmvae_cli.model.objectives import OBJECTIVES
from tests.pipeline.helpers import QUICK, assert_same_run, rebuilt, study, train, with_samples

NAMES = ("rna", "meth", "cnv")


@pytest.mark.parametrize("model", OBJECTIVES)
@pytest.mark.parametrize("supervised", [False, True])
def test_every_model_trains_on_three_modalities_with_missing_samples(
    tmp_path: Path, model: str, supervised: bool
) -> None:
    mdata = with_samples(study(modalities=NAMES), {"rna": range(60), "meth": range(10, 80), "cnv": range(30, 80)})
    run = train(mdata, tmp_path / "run", model=model, supervised=supervised, label="label")
    assert mdata.obsm["X_mmvae"].shape == (80, 8)
    assert np.isfinite(mdata.obsm["X_mmvae"]).all()
    assert (run.splits != "").all()
    names = list(mdata.uns["mmvae"]["latents"])
    for name in NAMES:
        adata = mdata.mod[name]
        assert adata.obsm["X_mmvae_private"].shape == (adata.n_obs, 2)
        absent = ~mdata.obs_names.isin(adata.obs_names)
        block = mdata.obsm["X_mmvae"][:, [names.index(f"{name}_1"), names.index(f"{name}_2")]]
        assert (block[absent] == 0).all()
        assert (block[~absent] != 0).all()
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
    assert all(np.isfinite(mdata.mod[name].var["mmvae_r2_cross"]).all() for name in NAMES)


def test_samples_that_lack_a_modality_are_used(tmp_path: Path) -> None:
    mdata = with_samples(study(), {"rna": range(60)})
    run = train(mdata, tmp_path / "all")
    incomplete = ~np.isin(run.samples, list(mdata.mod["rna"].obs_names))
    assert (run.splits[0][incomplete] == "train").any()
    changed = mdata.copy()
    meth = changed.mod["meth"]
    meth.X[meth.obs_names == run.samples[incomplete & (run.splits[0] == "train")][0]] += 1
    other = train(changed, tmp_path / "changed")
    assert not np.array_equal(run.modality("meth").mean, other.modality("meth").mean)
    assert np.array_equal(run.modality("rna").mean, other.modality("rna").mean)
    encoder = "modalities.1.encoder.hidden.weight"  # of rna: its names are sorted
    assert not np.array_equal(run.model.state_dict()[encoder], other.model.state_dict()[encoder])


def test_samples_without_a_modelled_modality_have_no_embedding_and_no_split(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mdata = with_samples(study(modalities=NAMES), {"rna": range(60), "meth": range(10, 70)})
    run = train(mdata, tmp_path / "run", modalities="rna,meth")
    without = ~mdata.obs_names.isin([*mdata.mod["rna"].obs_names, *mdata.mod["meth"].obs_names])
    assert without.sum() == 10
    assert np.isnan(mdata.obsm["X_mmvae"][without]).all()
    assert np.isnan(mdata.obsm["X_mmvae_shared"][without]).all()
    assert np.isfinite(mdata.obsm["X_mmvae"][~without]).all()
    np.testing.assert_array_equal(mdata.obs["mmvae_split"].isna(), without)
    assert "10 samples without a value in any modality: left out, the embedding is NaN: " in caplog.text
    assert (run.splits[0] == "").sum() == 10
    assert "X_mmvae_private" not in mdata.mod["cnv"].obsm
    mmvae_cli.embed(mdata, run=str(tmp_path / "run"))
    assert "10 samples without a value in the model's modalities: the embedding is NaN" in caplog.text
    mmvae_cli.predict(mdata, run=str(tmp_path / "run"), source="rna", target="meth")
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"), label="label")


def test_unlabelled_samples_train_an_unsupervised_model(tmp_path: Path) -> None:
    mdata = study()
    mdata.obs["label"] = mdata.obs["label"].astype(object).where(np.arange(80) >= 40, None)
    run = train(mdata, tmp_path / "run", label="label")
    trained = run.splits[0] == "train"
    unlabelled = np.isin(run.samples, mdata.obs_names[:40])
    assert (trained & unlabelled).sum() > 20
    rna = mdata.mod["rna"]
    rows = rna.obs_names.isin(run.samples[trained])
    np.testing.assert_allclose(run.modality("rna").mean[0], rna.X[rows].astype(float).mean(0), atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "likelihood", "n_classes"),
    [("two", "bernoulli", 2), ("three", "categorical", 3), ("number", "gaussian", 0)],
)
def test_a_supervised_model_learns_the_label(tmp_path: Path, kind: str, likelihood: str, n_classes: int) -> None:
    mdata = study(100)
    hidden = mdata.obsm["true_shared"][:, 0]
    labels = {
        "two": np.where(hidden > 0, "yes", "no"),
        "three": np.array(["low", "middle", "top"])[np.digitize(hidden, [-0.7, 0.7])],
        "number": 1000 + 30 * hidden,
    }
    mdata.obs["target"] = pd.Series(labels[kind], mdata.obs_names).astype(object).where(np.arange(100) % 7 > 0, None)
    options = {"label": "target", "epochs": 60, "lr": 1e-2, "patience": 0}
    plain = train(mdata.copy(), tmp_path / "plain", **options)
    run = train(mdata, tmp_path / "run", supervised=True, **options)
    assert plain.spec.label is None
    assert run.spec.label is not None
    assert (run.spec.label.likelihood, run.spec.label.n_classes) == (likelihood, n_classes)
    assert run.record["summary"]["title"].startswith("sup-")
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert history["log_likelihood_label"].iloc[-1] > history["log_likelihood_label"].iloc[0]
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
    label = mmvae_cli.metrics(mdata)["label"]
    score = label["auc" if n_classes else "r2"]["shared"]
    assert score > (0.8 if n_classes else 0.5)


def test_a_label_that_no_training_sample_has_cannot_be_learned(tmp_path: Path) -> None:
    mdata = study()
    mdata.obs["fold"] = ["train"] * 60 + ["test"] * 20
    mdata.obs["label"] = mdata.obs["label"].astype(object).where(np.arange(80) >= 60, None)
    with pytest.raises(DataError, match="no training sample has the label 'label'"):
        train(mdata, tmp_path / "run", supervised=True, label="label", split="fold")
    train(mdata, tmp_path / "run", label="label", split="fold")
    with pytest.raises(UsageError, match="--supervised needs a label"):
        train(mdata, tmp_path / "other", supervised=True)


def test_counts_and_binary_values_have_likelihoods_of_their_own(tmp_path: Path) -> None:
    mdata, random = study(100, other=0, n_private_latents=0), np.random.default_rng(0)
    signal = {name: adata.X.copy() for name, adata in mdata.mod.items()}
    mdata.mod["rna"].X = sparse.csr_matrix(random.poisson(np.exp(1 + 0.7 * signal["rna"])).astype(np.float32))
    mdata.mod["meth"].X = (signal["meth"] > 0).astype(np.float32)
    run = train(
        mdata, tmp_path / "run", likelihood={"rna": "poisson", "meth": "bernoulli"}, epochs=60, lr=1e-2, model="mmvae"
    )
    assert [(one.name, one.likelihood, one.transform, one.sd) for one in run.modalities] == [
        ("meth", "bernoulli", "none", None),
        ("rna", "poisson", "none", None),
    ]
    arguments = {"run": str(tmp_path / "run")}
    mmvae_cli.predict(mdata, source="rna", target="meth", **arguments)
    mmvae_cli.predict(mdata, source="meth", target="rna", **arguments)
    probability = mdata.mod["meth"].layers["mmvae_from_rna"]
    rate = mdata.mod["rna"].layers["mmvae_from_meth"]
    assert ((probability > 0) & (probability < 1)).all()
    assert (rate > 0).all()
    held = np.isin(mdata.obs_names, run.samples[run.splits[0] == "test"])
    assert np.corrcoef(probability[held].ravel(), mdata.mod["meth"].X[held].ravel())[0, 1] > 0.2
    assert np.corrcoef(rate[held].ravel(), np.exp(1 + 0.7 * signal["rna"][held]).ravel())[0, 1] > 0.2
    assert rate.mean() == pytest.approx(mdata.mod["rna"].X.mean(), rel=0.3)
    mmvae_cli.evaluate(mdata, **arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"likelihood": {"rna": "poisson"}}, "not whole counts: .* a poisson"),
        ({"likelihood": {"rna": "bernoulli"}}, "not 0 and 1 only: .* a bernoulli"),
        ({"transform": {"rna": "mvalue"}}, "outside 0..1"),
        ({"transform": {"rna": "lognorm"}}, "below 0"),
        ({"shared": 20, "label": "label"}, "features asked for"),
        ({"latent": "shared=2,protein=3"}, "protein"),
        ({"label": "lable"}, "lable"),
        ({"group": "donor"}, "donor"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    mdata = study()
    with pytest.raises(DataError, match=message):
        mmvae_cli.train(mdata, run=str(tmp_path / "run"), **{**QUICK, **options})
    assert list(tmp_path.iterdir()) == []
    assert "mmvae" not in mdata.uns


@pytest.mark.parametrize("name", ["rna", "meth"])
def test_a_loss_that_is_not_finite_names_modality_feature_and_epoch(tmp_path: Path, name: str) -> None:
    mdata = study()
    mdata.mod[name].X[:, 7] *= 1e30
    with pytest.raises(DataError, match=f"epoch 1: modality '{name}', feature '{mdata.mod[name].var_names[7]}'"):
        mmvae_cli.train(mdata, run=str(tmp_path / "run"), transform="none", **QUICK)
    assert list(tmp_path.iterdir()) == []
    assert "mmvae" not in mdata.uns
    assert "X_mmvae" not in mdata.obsm


def test_a_layer_is_read_instead_of_x_by_all_commands(tmp_path: Path) -> None:
    direct, layered = study(), study()
    for adata in layered.mod.values():
        adata.layers["values"] = adata.X.copy()
        adata.X = np.full(adata.shape, 7.0, dtype=np.float32)
    runs = [
        train(direct, tmp_path / "direct"),
        train(layered, tmp_path / "layered", layer="values"),
    ]
    assert_same_run(*runs)
    for mdata, name in ((direct, "direct"), (layered, "layered")):
        mmvae_cli.predict(mdata, run=str(tmp_path / name), source="rna", target="meth")
        mmvae_cli.evaluate(mdata, run=str(tmp_path / name))
    np.testing.assert_array_equal(*(mdata.mod["meth"].layers["mmvae_from_rna"] for mdata in (direct, layered)))
    assert mmvae_cli.metrics(direct)["r2"] == mmvae_cli.metrics(layered)["r2"]


def test_what_was_written_is_never_data(tmp_path: Path) -> None:
    mdata = study()
    first = train(mdata, tmp_path / "a", label="label")
    for source, target in (("rna", "meth"), ("meth", "rna")):
        mmvae_cli.predict(mdata, run=str(tmp_path / "a"), source=source, target=target)
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "a"))
    second = train(mdata, tmp_path / "b", label="label")
    assert_same_run(first, second)
    assert first.record["data"]["hash"] == second.record["data"]["hash"]


def test_a_feature_that_gives_the_label_away_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mdata = study()
    rna = mdata.mod["rna"]
    rna.X[:, 3] = (mdata.obs["label"] == "positive").to_numpy() * 2 - 1
    rna.var_names = ["LABEL" if i == 5 else name for i, name in enumerate(rna.var_names)]
    run = train(mdata, tmp_path / "run", label="label")
    assert not {"LABEL", rna.var_names[3]} & set(run.modality("rna").features)
    assert "left out" in caplog.text
    kept = train(study_of(mdata), tmp_path / "kept", label="label", keep_label_features=True)
    assert {"LABEL", rna.var_names[3]} <= set(kept.modality("rna").features)
    without = train(study_of(mdata), tmp_path / "without")
    assert len(without.modality("rna").features) == rna.n_vars


def study_of(mdata: mudata.MuData) -> mudata.MuData:
    """The data without anything that was written into them."""
    fresh = {}
    for name, adata in mdata.mod.items():
        fresh[name] = adata.copy()
        fresh[name].var = adata.var[["true_set"]]
        fresh[name].obsm.clear()
    return rebuilt(fresh, mdata.obs[["label"]])


def test_raw_counts_under_a_gaussian_get_a_warning_with_the_remedy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mdata = study()
    mdata.mod["rna"].X = np.random.default_rng(0).poisson(3, mdata.mod["rna"].shape).astype(np.float32)
    train(mdata, tmp_path / "run", likelihood={"rna": "gaussian"})
    assert "--transform rna=lognorm" in caplog.text


def test_a_run_folder_that_exists_is_kept_without_force(tmp_path: Path) -> None:
    mdata = study()
    first = train(mdata, tmp_path / "run")
    with pytest.raises(CannotCreateError):
        mmvae_cli.train(mdata, run=str(tmp_path / "run"), **QUICK, seed=3)
    second = train(mdata, tmp_path / "run", seed=3, force=True)
    assert (first.record["config"]["seed"], second.record["config"]["seed"]) == (0, 3)


def test_the_papers_recipe_is_what_the_preset_sets(tmp_path: Path) -> None:
    mdata = study(100)
    mdata.obs["label"] = mdata.obs["label"].astype(object).where(np.arange(100) >= 20, None)
    arguments = {"preset": "paper", "label": "label", "shared": 3, "other": 3, "epochs": 4, "replicates": 3}
    run = train(mdata, tmp_path / "run", **arguments)
    for replicate in range(3):
        assert [int((run.splits[replicate] == part).sum()) for part in ("train", "validation", "test", "")] == [
            64, 0, 16, 20,
        ]  # fmt: skip
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    betas = history.loc[history["replicate"] == 0, "beta"]
    np.testing.assert_allclose(betas, [1e-5 + (1 - 1e-5) * epoch / 3 for epoch in range(4)], rtol=1e-5)
    assert [one["best_epoch"] for one in run.record["summary"]["replicates"]] == [4] * 3
    labelled = mdata.obs["label"].notna().to_numpy()
    for record in run.modalities:
        assert len(record.mean) == len(record.columns) == 1  # fitted on all: the same for every replicate
        columns = list(record.feature_names(0))
        x = mdata.mod[record.name][labelled, columns].X.astype(float)
        np.testing.assert_allclose(record.mean[0], x.mean(0), atol=1e-6)
    assert run.spec.joint == "mean"


def test_progress_is_reported_and_the_summary_is_json(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[object] = []
    mdata = study()
    with caplog.at_level(logging.INFO, "mmvae_cli"):
        mmvae_cli.train(mdata, run=str(tmp_path / "run"), on_epoch=seen.append, **QUICK)
    assert [report.epoch for report in seen] == [1, 2, 3]
    assert "device: cpu" in caplog.text
    training = json.loads(mdata.uns["mmvae"]["training"])
    assert training["samples"] == {"train": 56, "validation": 8, "test": 16, "unused": 0, "all": 80}
    assert not any(isinstance(value, Removal) for value in mdata.uns["mmvae"].values())


def test_factors_of_the_joint_embedding_are_in_the_record_and_the_model(tmp_path: Path) -> None:
    mdata = study(200, shared=10, other=10)
    noise = np.random.default_rng(0).normal(size=mdata.mod["meth"].X.shape)
    mdata.mod["meth"].X = (mdata.mod["meth"].X + 4.0 * noise).astype(np.float32)
    run = train(mdata, tmp_path / "run", epochs=40, replicates=2, patience=0, validation_fraction=0.4, screen=False)
    said = {name: one["joint_weight"] for name, one in run.record["summary"]["modalities"].items()}
    assert said == {name: float(run.model.trust[place, run.replicate]) for place, name in enumerate(run.model.names)}
    assert run.spec.joint == "calibrated"
    assert max(run.model.trust[run.model.names.index("meth")].tolist()) < 1.0
    assert run.model.trust[run.model.names.index("rna")].tolist() == [1.0, 1.0]
