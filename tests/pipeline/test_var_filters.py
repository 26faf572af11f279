"""``--use-var`` and ``--var-filter``: which features enter, and that training samples alone decide."""

from __future__ import annotations

from pathlib import Path

import mudata
import numpy as np
import pytest
from scipy import sparse

import mmvae_cli
from mmvae_cli.errors import DataError, UsageError
from tests.pipeline.helpers import assert_same_run, by_sample, permuted, study, train


@pytest.fixture
def mdata() -> mudata.MuData:
    mdata = study()
    mdata.mod["rna"].var["mine"] = np.arange(mdata.mod["rna"].n_vars) % 2 == 0
    return mdata


def most_variable(mdata: mudata.MuData, name: str, samples: np.ndarray, n_features: int) -> set[str]:
    adata = mdata.mod[name]
    strength = adata.X[np.isin(adata.obs_names, samples)].var(0)
    return set(adata.var_names[np.argsort(-strength)[:n_features]])


def test_a_column_of_var_chooses_the_features(mdata: mudata.MuData, tmp_path: Path) -> None:
    run = train(mdata, tmp_path / "run", use_var={"rna": "mine"}, model="mvae")
    assert list(run.modality("rna").features) == mdata.mod["rna"].var_names[mdata.mod["rna"].var["mine"]].tolist()
    assert len(run.modality("meth").features) == mdata.mod["meth"].n_vars
    summary = run.record["summary"]["modalities"]["rna"]
    assert (summary["features"], summary["left_out"], summary["of"]) == (6, 6, 12)


def test_the_most_variable_features_of_each_replicate_enter(mdata: mudata.MuData, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for adata in mdata.mod.values():
        adata.X *= random.uniform(0.95, 1.05, adata.n_vars)
    run = train(mdata, tmp_path / "run", var_filter="highly_variable:5", replicates=3, splits="own", model="mvae")
    chosen = []
    for replicate in range(3):
        training = run.samples[run.splits[replicate] == "train"]
        chosen.append(set(run.modality("rna").feature_names(replicate)))
        assert chosen[-1] == most_variable(mdata, "rna", training, 5)
    assert len(set(map(frozenset, chosen))) > 1


@pytest.mark.parametrize("values", ["counts", "binarize"])
def test_what_samples_that_are_held_out_hold_changes_nothing(values: str, tmp_path: Path, caplog) -> None:
    runs, mdata = [], study()
    rates = np.exp(0.5 * mdata.mod["rna"].X)
    counts = np.random.default_rng(1).poisson(rates).astype(np.float32)
    for number in range(2):
        mdata.mod["rna"].X = sparse.csr_matrix(counts)
        options = {"var_filter": {"rna": "highly_variable:4"}, "model": "mvae"}
        options |= {"transform": {"rna": "binarize"}} if values == "binarize" else {}
        with caplog.at_level("INFO", logger="mmvae_cli"):
            runs.append(train(mdata, tmp_path / str(number), **options))
        held = (mdata.obs["mmvae_split"] == "test").to_numpy()
        counts[held] = np.random.default_rng(2).poisson(9, counts[held].shape)
    assert runs[0].modality("rna").features == runs[1].modality("rna").features
    assert len(runs[0].modality("rna").features) == 4
    assert ("dispersion of the counts" in caplog.text) == (values == "counts")


def test_they_come_before_ranking_and_screening(mdata: mudata.MuData, tmp_path: Path) -> None:
    options = {"use_var": {"rna": "mine"}, "var_filter": {"rna": "highly_variable:4"}}
    run = train(mdata, tmp_path / "ranked", label="label", shared={"rna": 2}, other={"rna": 1}, **options)
    sets = mdata.mod["rna"].var["mmvae_set"]
    assert (sets[~mdata.mod["rna"].var["mine"]] == "unused").all()
    assert sets.isin(["shared", "other"]).sum() == 3 == len(run.modality("rna").features)
    screened = study()
    screened.mod["rna"].var["mine"] = mdata.mod["rna"].var["mine"]
    mmvae_cli.select(screened, by="screening", **options)
    roles = screened.mod["rna"].var["mmvae_role"]
    assert (roles != "unused").sum() == 4
    assert (roles[~screened.mod["rna"].var["mine"]] == "unused").all()


def test_roles_are_made_anew_where_features_enter_that_were_not_screened(
    mdata: mudata.MuData, tmp_path, caplog
) -> None:
    options = {"use_var": {"rna": "mine"}}
    mmvae_cli.select(mdata, by="screening", **options)
    again = mdata.copy()
    with caplog.at_level("INFO", logger="mmvae_cli"):
        train(mdata, tmp_path / "same", **options)
    assert "roles of the features: read" in caplog.text
    caplog.clear()
    with caplog.at_level("INFO", logger="mmvae_cli"):
        train(again, tmp_path / "more")
    assert "6 features of modality 'rna' had no part in it" in caplog.text
    assert "roles of the features: read" not in caplog.text


def test_what_the_label_ranking_left_is_read_back_and_filtered(mdata: mudata.MuData, tmp_path: Path) -> None:
    mmvae_cli.select(mdata, label="label", shared=4, other=4)
    chosen = mdata.mod["rna"].var["mmvae_set"].isin(["shared", "other"]) & mdata.mod["rna"].var["mine"]
    run = train(mdata, tmp_path / "run", use_var={"rna": "mine"})
    assert list(run.modality("rna").features) == mdata.mod["rna"].var_names[chosen].tolist()


def test_new_data_are_matched_by_name_whatever_else_they_hold(mdata: mudata.MuData, tmp_path: Path) -> None:
    train(mdata, tmp_path / "run", var_filter="highly_variable:5", epochs=10)
    new = permuted(mdata)[:20].copy()
    new = new[:, np.random.default_rng(1).permutation(new.n_vars)].copy()
    del new.mod["rna"].var["mine"]
    mmvae_cli.embed(new, run=str(tmp_path / "run"))
    known = by_sample(mdata, "X_mmvae").loc[sorted(new.obs_names)]
    np.testing.assert_allclose(by_sample(new, "X_mmvae"), known, atol=1e-5)


def test_the_order_of_samples_changes_nothing(mdata: mudata.MuData, tmp_path: Path) -> None:
    options = {"var_filter": "highly_variable:5", "use_var": {"rna": "mine"}}
    assert_same_run(*(train(one, tmp_path / str(k), **options) for k, one in enumerate((mdata, permuted(mdata)))))


@pytest.mark.parametrize(
    ("column", "values", "message", "hint"),
    [
        ("mien", None, "no column 'mien'", "did you mean 'mine'"),
        ("words", "yes", "is of type", "astype(bool)"),
        ("numbers", 1, "is of type int64", "astype(bool)"),
        ("none", False, "is True for no feature", "another column"),
    ],
)
def test_a_column_that_does_not_choose_is_refused_by_every_command(column, values, message, hint, mdata) -> None:
    if values is not None:
        mdata.mod["rna"].var[column] = values
    options = {"use_var": {"rna": column}}
    with pytest.raises(DataError, match=message) as caught:
        mmvae_cli.select(mdata, by="screening", **options)
    assert hint in caught.value.hint
    problems = mmvae_cli.check(mdata, **options)["problems"]
    assert any(message in problem["message"] for problem in problems)


@pytest.mark.parametrize("asked", ["highly_variable", "highly_variable:0", "highly_variable:x", "seurat:5", ":5"])
def test_a_filter_that_is_none_is_refused(asked: str, mdata: mudata.MuData) -> None:
    with pytest.raises(UsageError):
        mmvae_cli.check(mdata, var_filter={"rna": asked})


def test_a_modality_that_there_is_not_is_refused(mdata: mudata.MuData) -> None:
    problems = mmvae_cli.check(mdata, var_filter={"rnb": "highly_variable:5"})["problems"]
    assert any("rnb" in problem["message"] for problem in problems)


def test_counts_with_missing_entries_are_not_ranked(mdata: mudata.MuData, tmp_path: Path) -> None:
    counts = np.random.default_rng(0).poisson(3, mdata.mod["rna"].shape).astype(np.float32)
    counts[0, 0] = np.nan
    mdata.mod["rna"].X = counts
    with pytest.raises(DataError, match="needs whole samples of counts"):
        train(mdata, tmp_path / "run", var_filter={"rna": "highly_variable:5"})
