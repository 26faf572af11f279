from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mmvae_cli
from mmvae_cli.errors import DataError, UsageError
from tests.pipeline.helpers import QUICK, assert_same_weights, study, train, with_samples


def split_of(mdata: object, key: str = "mmvae") -> dict[str, str]:
    column = mdata.obs[f"{key}_split"]
    return dict(zip(mdata.obs_names, column.astype(object).where(column.notna(), ""), strict=True))


def run_split(run: object, replicate: int = 0) -> dict[str, str]:
    return dict(zip(run.samples, run.splits[replicate], strict=True))


def test_training_reuses_split_and_sets_of_select(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mdata = study()
    mmvae_cli.select(mdata, label="label", shared=3, other=2, seed=5)
    sets = {name: dict(adata.var["mmvae_set"].astype(str)) for name, adata in mdata.mod.items()}
    ranks = {name: list(adata.var["mmvae_rank"]) for name, adata in mdata.mod.items()}
    split = split_of(mdata)
    with caplog.at_level(logging.INFO, "mmvae_cli"):
        run = train(mdata, tmp_path / "run", seed=9)
    assert "split: read from obs['mmvae_split']" in caplog.text
    assert "selection read from var['mmvae_set']" in caplog.text
    assert run_split(run) == split
    for again in range(2):
        for record in run.modalities:
            own = sets[record.name]
            assert set(record.features) == {name for name, chosen in own.items() if chosen != "unused"}
            shared = record.feature_names(0)[record.shared_set[0]]
            assert set(shared) == {name for name, chosen in own.items() if chosen == "shared"}
        assert {name: list(adata.var["mmvae_rank"]) for name, adata in mdata.mod.items()} == ranks
        assert {name: dict(adata.var["mmvae_set"].astype(str)) for name, adata in mdata.mod.items()} == sets
        run = train(mdata, tmp_path / f"again{again}", seed=10)
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"), label="label")
    assert set(mmvae_cli.metrics(mdata)["r2"]["rna"]["cross"]) >= {"shared", "other", "all"}


def test_sets_selected_on_samples_that_are_held_out_now_are_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mdata = study()
    mmvae_cli.select(mdata, label="label", shared=3, other=2)
    mdata.obs["same"] = mdata.obs["mmvae_split"].astype(str)
    mdata.obs["other"] = ["test" if i < 10 else "train" for i in range(80)]
    for options, n_features in (({"split": "same"}, 5), ({"split": "other"}, 12), ({"splits": "own"}, 12)):
        caplog.clear()
        run = train(mdata.copy(), tmp_path / str(len(list(tmp_path.iterdir()))), **options)
        assert [len(record.features) for record in run.modalities] == [n_features] * 2
        assert ("selected on another split" in caplog.text) == (n_features == 12)


def test_another_key_draws_another_split(tmp_path: Path) -> None:
    mdata = study()
    train(mdata, tmp_path / "a", seed=1)
    train(mdata, tmp_path / "b", seed=2, key="second")
    assert split_of(mdata) != split_of(mdata, "second")
    assert {"X_mmvae", "X_second"} <= set(mdata.obsm)
    assert {"mmvae", "second"} <= set(mdata.uns)


@pytest.mark.parametrize("fractions", [(0.0, 0.1), (0.0, 0.0)])
def test_a_split_without_test_samples_is_read_back(tmp_path: Path, fractions: tuple[float, float]) -> None:
    mdata = study()
    options = {"test_fraction": fractions[0], "validation_fraction": fractions[1]}
    first = train(mdata, tmp_path / "a", **options)
    second = train(mdata, tmp_path / "b", **options)
    np.testing.assert_array_equal(first.splits, second.splits)
    assert "test" not in split_of(mdata).values()
    with pytest.raises(DataError, match="holds no samples out"):
        mmvae_cli.evaluate(mdata, run=str(tmp_path / "a"))


def test_the_users_split_is_taken_as_it_is(tmp_path: Path) -> None:
    mdata = study()
    parts = np.array(["train"] * 50 + ["Val"] * 10 + ["TEST"] * 15 + [None] * 5, dtype=object)
    mdata.obs["fold"] = pd.Categorical(parts)
    run = train(mdata, tmp_path / "run", split="fold")
    expected = {"train": "train", "Val": "validation", "TEST": "test", None: ""}
    assert run_split(run) == {name: expected[part] for name, part in zip(mdata.obs_names, parts, strict=True)}
    assert split_of(mdata) == run_split(run)
    assert np.isfinite(mdata.obsm["X_mmvae"]).all()
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
    assert mmvae_cli.metrics(mdata)["n_test"] == 15
    with pytest.raises(UsageError, match="exclude each other"):
        train(study(), tmp_path / "own", split="fold", splits="own")


@pytest.mark.parametrize("splits", ["same", "own"])
def test_groups_stay_together(tmp_path: Path, splits: str) -> None:
    mdata = study()
    mdata.obs["donor"] = [f"d{i % 20}" for i in range(80)]
    run = train(mdata, tmp_path / "run", group="donor", replicates=2, splits=splits)
    for replicate in range(2):
        split = pd.Series(run_split(run, replicate))
        parts = split.groupby(mdata.obs["donor"].reindex(split.index)).nunique()
        assert (parts == 1).all()
        assert set(split) == {"train", "validation", "test"}


@pytest.mark.parametrize("split", [None, "mmvae_split_copy"])
def test_a_split_made_elsewhere_that_parts_a_group_is_refused(tmp_path: Path, split: str | None) -> None:
    mdata = study()
    train(mdata, tmp_path / "first")
    mdata.obs["mmvae_split_copy"] = mdata.obs["mmvae_split"]
    mdata.obs["donor"] = ["even" if place % 2 else "odd" for place in range(mdata.n_obs)]
    with pytest.raises(DataError, match="parts 2 groups"):
        train(mdata, tmp_path / "second", group="donor", split=split)
    assert not (tmp_path / "second").exists()


def test_replicates_with_splits_of_their_own_are_what_single_runs_are(tmp_path: Path) -> None:
    options = {"splits": "own", "label": "label", "shared": 3, "other": 3, "validation_fraction": 0.0}
    mdata = study()
    together = train(mdata, tmp_path / "all", replicates=3, **options)
    summary = together.record["summary"]["replicates"]
    for replicate in range(3):
        alone = train(study(), tmp_path / str(replicate), seed=replicate, **options)
        assert run_split(together, replicate) == run_split(alone)
        for one, other in zip(together.modalities, alone.modalities, strict=True):
            assert list(one.feature_names(replicate)) == list(other.feature_names(0))
            assert np.array_equal(one.view(one.shared_set, replicate), other.shared_set[0])
            np.testing.assert_allclose(one.view(one.mean, replicate), other.mean[0], atol=1e-12)
            np.testing.assert_allclose(one.view(one.sd, replicate), other.sd[0], rtol=1e-12)
        assert_same_weights(together, replicate, alone, 0)
        score = alone.record["summary"]["replicates"][0]["score"]
        assert summary[replicate]["score"] == pytest.approx(score, rel=1e-5)
    assert len({tuple(split) for split in together.splits}) == 3
    # the replicate of median score is written
    order = sorted(range(3), key=lambda replicate: summary[replicate]["score"])
    assert together.replicate == order[1]
    assert split_of(mdata) == run_split(together, together.replicate)
    for record in together.modalities:
        var = mdata.mod[record.name].var
        features = record.feature_names(together.replicate)
        assert set(var.index[var["mmvae_set"] != "unused"]) == set(features)


def test_of_replicates_with_one_split_the_best_is_written(tmp_path: Path) -> None:
    mdata = study()
    run = train(mdata, tmp_path / "run", replicates=4)
    scores = [one["score"] for one in run.record["summary"]["replicates"]]
    assert run.replicate == int(np.argmax(scores))
    assert len(set(scores)) == 4
    mdata_again = study()  # with that split given: another seed would draw another one
    mdata_again.obs["fold"] = mdata.obs["mmvae_split"].astype(str)
    single = train(mdata_again, tmp_path / "given", seed=run.replicate, split="fold")
    np.testing.assert_array_equal(single.splits[0], run.splits[0])
    np.testing.assert_allclose(mdata.obsm["X_mmvae"], mdata_again.obsm["X_mmvae"], atol=1e-5)


def test_complete_only_and_labelled_only_limit_training_and_metrics_but_not_the_embedding(tmp_path: Path) -> None:
    mdata = with_samples(study(), {"rna": range(70)})
    mdata.obs["label"] = mdata.obs["label"].astype(object).where(np.arange(80) >= 8, None)
    complete = np.isin(mdata.obs_names, mdata.mod["rna"].obs_names)
    labelled = mdata.obs["label"].notna().to_numpy()
    limits = {"complete_only": complete, "labelled_only": labelled}
    for name, allowed in limits.items():
        data = mdata.copy()
        run = train(data, tmp_path / name, label="label", **{name: True})
        used = np.array([part != "" for part in split_of(data).values()])
        np.testing.assert_array_equal(used, allowed)
        assert np.isfinite(data.obsm["X_mmvae"]).all()
        mmvae_cli.evaluate(data, run=str(tmp_path / name))
        assert mmvae_cli.metrics(data)["n_test"] == (run.splits[0] == "test").sum()
        for record in run.modalities:  # scaled on the training samples alone
            adata = data.mod[record.name]
            trained = adata.obs_names.isin(run.samples[run.splits[0] == "train"])
            assert trained.sum() <= allowed.sum()
            np.testing.assert_allclose(record.mean[0], adata.X[trained].astype(np.float64).mean(0), atol=1e-6)


def test_samples_that_took_no_part_before_join_the_training_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mdata = with_samples(study(), {"rna": range(70)})
    train(mdata, tmp_path / "a", complete_only=True)
    first = split_of(mdata)
    train(mdata, tmp_path / "b")
    assert "10 samples without an entry in 'mmvae_split': used for training" in caplog.text
    assert split_of(mdata) == {name: part or "train" for name, part in first.items()}


def test_too_few_training_samples_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    mdata = study()
    mdata.obs["fold"] = ["train"] * 3 + ["test"] * 77
    with pytest.raises(DataError, match="3 training samples"):
        mmvae_cli.train(mdata, split="fold", run=str(tmp_path / "run"), **QUICK)
    assert not (tmp_path / "run").exists()
    assert "X_mmvae" not in mdata.obsm


def test_sets_ranked_for_another_label_are_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mdata = study()
    mdata.obs["other"] = ["a" if place % 3 else "b" for place in range(mdata.n_obs)]
    mmvae_cli.select(mdata, label="other", shared=3, other=2)
    run = train(mdata, tmp_path / "run", label="label")
    assert "ranked for 'other'" in caplog.text
    assert all(record.shared_set is None for record in run.modalities)
