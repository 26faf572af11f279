from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import mudata
import numpy as np
import pytest
from scipy import sparse

import mmvae_cli
from mmvae_cli.errors import DataError, MmvaeError, UsageError
from mmvae_cli.training.run import load_run
from tests.pipeline.helpers import QUICK, assert_same_run, by_sample, permuted, rebuilt, study, train, with_samples


def shifted(n_samples: int = 80, size: float = 1.0, **options: object) -> mudata.MuData:
    """Data in which every feature of each modality is shifted by its batch."""
    mdata, random = study(n_samples, **options), np.random.default_rng(0)
    batch = random.integers(0, 3, n_samples)
    mdata.obs["batch"] = np.array(["a", "b", "c"])[batch]
    mdata.obs["age"] = np.round(random.uniform(20, 80, n_samples), 1)
    for adata in mdata.mod.values():
        adata.X = (np.asarray(adata.X) + size * random.standard_normal((3, adata.n_vars))[batch]).astype(np.float32)
    return mdata


def metrics(mdata: mudata.MuData) -> dict:
    return json.loads(mdata.uns["mmvae"]["metrics"])


def test_told_a_batch_the_shared_latents_do_without_it_and_keep_the_label(tmp_path: Path) -> None:
    areas = {}
    for covariate in ("", "batch"):
        mdata = shifted(300, shared=8, other=8)
        options = {"covariate": covariate} if covariate else {}
        train(mdata, tmp_path / f"run{covariate}", model="mmvaex", epochs=60, batch_size=64, label="label", **options)
        mmvae_cli.evaluate(mdata, run=str(tmp_path / f"run{covariate}"), batch="batch", baselines=False)
        found = metrics(mdata)
        areas[covariate] = found["mixing"]["batch"]["auc"]["shared"], found["label"]["auc"]["shared"]
    assert areas[""][0] > 0.95
    assert areas["batch"][0] < 0.7
    assert areas["batch"][1] > max(0.9, areas[""][1] - 0.05)


def test_screening_told_a_batch_calls_no_feature_that_only_the_batch_connects() -> None:
    mdata = shifted(120)
    for adata in mdata.mod.values():  # what is shared goes: every feature by itself within the batches
        random = np.random.default_rng(adata.n_vars)
        for batch in "abc":
            rows = np.flatnonzero(mdata.obs["batch"].reindex(adata.obs_names) == batch)
            adata.X[rows] = np.stack([column[random.permutation(rows)] for column in np.asarray(adata.X).T], axis=1)
    called = {}
    for covariate in ((), ("batch",)):
        mmvae_cli.select(mdata, by="screening", covariate=covariate)
        called[covariate] = sum((adata.var["mmvae_role"] == "shared").sum() for adata in mdata.mod.values())
    assert called[()] > 10
    assert called["batch",] == 0


@pytest.mark.parametrize("stored", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
def test_counts_of_batches_are_modelled_dense_or_sparse(tmp_path: Path, stored: Callable) -> None:
    mdata = shifted()
    for adata in mdata.mod.values():
        adata.X = stored(np.random.default_rng(0).poisson(np.exp(np.clip(np.asarray(adata.X), -3, 3))).astype("f4"))
    run = train(mdata, tmp_path / "run", model="mmvaex", covariate="batch", latent=None, screen_fdr=1.0)
    assert run.modalities[0].likelihood == "nb"
    assert np.isfinite(np.asarray(mdata.obsm["X_mmvae"])).all()
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
    assert metrics(mdata)["mixing"]["batch"]["auc"]["all"] is not None


def test_roles_screened_with_other_covariates_are_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mdata = shifted()
    caplog.set_level("INFO", "mmvae_cli")
    mmvae_cli.select(mdata, by="screening", covariate="batch")
    train(mdata, tmp_path / "one", covariate="batch")
    assert "roles of the features: read from var['mmvae_role']" in caplog.text
    train(mdata, tmp_path / "two")
    assert "var['mmvae_role'] is not used: --covariate asks for another screening" in caplog.text


@pytest.mark.parametrize("told", [False, True])
def test_a_run_keeps_what_it_learned_of_covariates(tmp_path: Path, told: bool) -> None:
    mdata = shifted()
    run = train(mdata, tmp_path / "run", covariate=["batch", "age"], condition_encoders=told, replicates=2)
    assert run.spec.n_covariates == 4
    assert [one.name for one in run.design] == ["batch", "age"]
    assert run.design[0].categories == ("a", "b", "c")
    split = mdata.obs["mmvae_split"]
    assert run.design[1].mean[0] == pytest.approx(mdata.obs["age"][split == "train"].mean())
    before = by_sample(mdata, "X_mmvae")
    mmvae_cli.embed(mdata, run=str(tmp_path / "run"))
    np.testing.assert_array_equal(by_sample(mdata, "X_mmvae"), before)
    mmvae_cli.predict(mdata, run=str(tmp_path / "run"), source="rna", target="meth")
    first = mdata.mod["meth"].layers["mmvae_from_rna"].copy()
    mdata.obs["batch"] = mdata.obs["batch"].map({"a": "b", "b": "c", "c": "a"})
    mmvae_cli.predict(mdata, run=str(tmp_path / "run"), source="rna", target="meth")
    assert not np.array_equal(first, mdata.mod["meth"].layers["mmvae_from_rna"], equal_nan=True)
    mmvae_cli.embed(mdata, run=str(tmp_path / "run"))
    assert np.array_equal(by_sample(mdata, "X_mmvae"), before) != told


def test_a_run_from_before_covariates_loads(tmp_path: Path) -> None:
    run = train(study(), tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    content = json.loads(path.read_text())
    for name in ("n_covariates", "condition_encoders"):
        del content["model"][name]
    del content["covariates"]
    path.write_text(json.dumps(content))
    assert_same_run(load_run(tmp_path / "run"), run)


def test_the_order_in_the_file_changes_nothing(tmp_path: Path) -> None:
    mdata = shifted()
    first = train(mdata.copy(), tmp_path / "first", covariate="batch,age")
    second = train(permuted(mdata), tmp_path / "second", covariate="batch,age")
    assert_same_run(first, second)


@pytest.mark.parametrize("command", ["predict", "evaluate", "embed"])
def test_new_categories_are_refused_or_told_the_average(tmp_path: Path, command: str) -> None:
    mdata = shifted()
    train(mdata, tmp_path / "run", covariate="batch", condition_encoders=True)
    mdata.obs["batch"] = mdata.obs["batch"].replace({"a": "A"})
    more = {"source": "rna", "target": "meth"} if command == "predict" else {}
    more |= {"baselines": False} if command == "evaluate" else {}
    with pytest.raises(DataError, match=r"'batch': no training sample has A.*samples") as error:
        getattr(mmvae_cli, command)(mdata, run=str(tmp_path / "run"), **more)
    assert "did you mean 'a'" in str(error.value.hint)
    assert "--unseen-covariate average" in str(error.value.hint)
    getattr(mmvae_cli, command)(mdata, run=str(tmp_path / "run"), unseen_covariate="average", **more)


def test_a_column_that_new_data_lack_is_refused_or_told_the_average(tmp_path: Path) -> None:
    mdata = shifted()
    train(mdata, tmp_path / "run", covariate="batch")
    del mdata.obs["batch"]
    options = {"run": str(tmp_path / "run"), "source": "rna", "target": "meth"}
    with pytest.raises(DataError, match="unknown covariate 'batch'"):
        mmvae_cli.predict(mdata, **options)
    mmvae_cli.predict(mdata, **options, unseen_covariate="average")
    assert np.isfinite(mdata.mod["meth"].layers["mmvae_from_rna"]).any()
    mmvae_cli.embed(mdata, run=str(tmp_path / "run"))  # its encoders are not told


def test_missing_values_are_refused_before_training(tmp_path: Path) -> None:
    mdata = shifted()
    mdata.obs.loc[mdata.obs_names[:5], "batch"] = None
    with pytest.raises(DataError, match="covariate 'batch' is missing in 5 samples, such as"):
        train(mdata, tmp_path / "run", covariate="batch")
    run = train(mdata, tmp_path / "run", covariate="batch", unseen_covariate="average")
    assert run.design[0].categories == ("a", "b", "c")
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"), baselines=False)  # as the training was allowed to


def test_a_category_that_is_held_out_altogether_is_refused(tmp_path: Path) -> None:
    mdata = shifted()
    mdata.obs["part"] = np.where(mdata.obs["batch"] == "c", "test", "train")
    with pytest.raises(DataError, match="no training sample has c"):
        train(mdata, tmp_path / "run", covariate="batch", split="part")
    run = train(mdata, tmp_path / "run", covariate="batch", split="part", unseen_covariate="average")
    assert run.design[0].categories == ("a", "b")


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"covariate": "label", "label": "label"}, UsageError, "'label' is the label"),
        ({"condition_encoders": True}, UsageError, "--condition-encoders needs a covariate"),
        ({"covariate": "bach"}, DataError, "unknown covariate 'bach'"),
        ({"covariate": "same"}, DataError, "covariate 'same' has one class only"),
        ({"covariate": "name"}, DataError, "covariate 'name' has 80 classes"),
    ],
)
def test_what_can_be_no_covariate_is_refused(
    tmp_path: Path, options: dict, kind: type[MmvaeError], message: str
) -> None:
    mdata = shifted()
    mdata.obs["same"], mdata.obs["name"] = "x", mdata.obs_names
    with pytest.raises(kind, match=message):
        train(mdata, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_a_category_without_a_modality_is_told_the_mean_of_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = shifted()
    keep = np.flatnonzero((whole.obs["batch"] != "c").to_numpy())
    mdata = with_samples(whole, {"meth": keep})
    mdata = rebuilt(dict(mdata.mod), whole.obs)
    run = train(mdata, tmp_path / "run", covariate="batch")
    assert "no training sample of c has the modality 'meth'" in caplog.text
    names = [record.name for record in run.modalities]
    assert run.design[0].trained[0, names.index("meth")].tolist() == [True, True, False]
    options = {"run": str(tmp_path / "run"), "source": "rna", "target": "meth"}
    mmvae_cli.predict(mdata, **options)
    of_c = mdata.mod["rna"].obsm["mmvae_meth"][(mdata.obs["batch"] == "c").to_numpy()].copy()
    mdata.obs["batch"] = "other"
    mmvae_cli.predict(mdata, **options, unseen_covariate="average")
    np.testing.assert_array_equal(mdata.mod["rna"].obsm["mmvae_meth"][(whole.obs["batch"] == "c").to_numpy()], of_c)


def test_check_shows_each_category_with_each_modality_and_how_far_the_label_goes_with_it() -> None:
    mdata = shifted()
    mdata.obs["site"] = mdata.obs["label"].map(lambda one: f"site of {one}")
    found = mmvae_cli.check(mdata, covariate=["batch", "site", "age"], label="label")
    assert found["problems"] == []
    batch, site, age = found["covariates"]
    counts = mdata.obs["batch"].value_counts()
    assert batch["categories"] == {name: {"rna": counts[name], "meth": counts[name]} for name in "abc"}
    assert (site["given_by_label"], site["gives_label"]) == (1.0, 1.0)
    assert batch["gives_label"] < 0.5
    assert age["kind"] == "continuous"
    found = mmvae_cli.check(mdata, covariate="label", label="label")
    assert found["problems"][0]["exit_code"] == 2


def test_a_covariate_that_goes_with_the_label_is_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mdata = shifted()
    mdata.obs["site"] = mdata.obs["label"].map(lambda one: f"site of {one}")
    train(mdata, tmp_path / "run", covariate="site", label="label")
    assert "covariate 'site' and label 'label' go together almost perfectly" in caplog.text


def test_evaluate_measures_covariates_of_the_run_or_the_columns_asked_for(tmp_path: Path) -> None:
    mdata = shifted()
    train(mdata, tmp_path / "run", covariate=["batch", "age"], label="label", splits="own", replicates=2)
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
    found = metrics(mdata)
    assert set(found["mixing"]) == {"batch", "age"}
    assert 0 <= found["mixing"]["batch"]["auc"]["shared"] <= 1
    assert set(found["mixing"]["age"]["r2"]) == {"shared", "private", "all"}
    assert found["over_replicates"]["mixing"]["batch"]["auc"]["shared"]["sd"] is not None
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"), batch="label", baselines=False)
    found = metrics(mdata)
    assert set(found["mixing"]) == {"label"}
    assert found["mixing"]["label"]["auc"] == found["label"]["auc"]


def test_a_benchmark_is_told_covariates_and_writes_their_mixing(tmp_path: Path) -> None:
    mdata = shifted()
    options = {name: value for name, value in QUICK.items() if name != "device"}
    mmvae_cli.benchmark(
        mdata, models="mvae,ridge", covariate="batch", replicates=1, jobs=1, out=str(tmp_path / "out"), **options
    )
    rows = (tmp_path / "out" / "results.csv").read_text().splitlines()
    assert any("batch_auc" in row and "shared" in row for row in rows)
