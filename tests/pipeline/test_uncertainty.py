"""What ``mmvae evaluate`` says of the trust that predictions deserve."""

from __future__ import annotations

from pathlib import Path

import mudata
import numpy as np
import pytest
from scipy.stats import pearsonr

import mmvae_cli
from mmvae_cli.data.false_discovery import benjamini_hochberg
from tests.pipeline.helpers import permuted, rebuilt, study, train

NAMES = ("rna", "meth")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple:
    folder = tmp_path_factory.mktemp("run") / "run"
    mdata = study(300)
    run = train(mdata, folder, epochs=40, lr=3e-3, replicates=3, model="mmvaepp")
    mmvae_cli.predict(mdata, run=str(folder), source="rna", target="meth", intervals=0.9)
    mmvae_cli.evaluate(mdata, run=str(folder))
    return mdata, run, mmvae_cli.metrics(mdata)["uncertainty"], str(folder)


def test_features_with_shared_signal_are_predicted_significantly_and_others_are_not(evaluated: tuple) -> None:
    mdata, _, found, _ = evaluated
    for name in NAMES:
        var = mdata.mod[name].var
        shared, significant = (var["true_set"] == "shared").to_numpy(), (var["mmvae_q_cross"] < 0.05).to_numpy()
        assert significant[shared].mean() > 0.6
        assert significant[~shared].sum() <= 1
        assert (found["cross"][name]["significant"], found["cross"][name]["tested"]) == (significant.sum(), len(var))
        np.testing.assert_allclose(var["mmvae_q_cross"], benjamini_hochberg(var["mmvae_p_cross"].to_numpy()))


def test_p_is_near_that_of_pearsons_r_of_what_was_written(evaluated: tuple) -> None:
    mdata, run, found, _ = evaluated
    meth = mdata.mod["meth"]
    held = np.isin(meth.obs_names, run.samples[run.splits[run.replicate] == "test"])
    assert found["cross"]["meth"]["n"] == held.sum()
    x, predicted = meth.X[held], meth.layers["mmvae_from_rna"][held]
    expected = np.array([pearsonr(x[:, d], predicted[:, d], alternative="greater").pvalue for d in range(meth.n_vars)])
    p = meth.var["mmvae_p_cross"].to_numpy()
    assert np.abs(np.log(np.maximum(expected, 0.003) / np.maximum(p, 0.003))).max() < 1


def test_coverage_is_that_of_the_written_intervals(evaluated: tuple) -> None:
    mdata, run, found, _ = evaluated
    meth = mdata.mod["meth"]
    held = np.isin(meth.obs_names, run.samples[run.splits[run.replicate] == "test"])
    inside = (meth.X >= meth.layers["mmvae_from_rna_lower"]) & (meth.X <= meth.layers["mmvae_from_rna_upper"])
    shared = (meth.var["true_set"] == "shared").to_numpy()
    measured = found["cross"]["meth"]["intervals"]
    assert found["level"] == 0.9
    assert found["mixed"] == 3
    for part, columns in (("all", slice(None)), ("shared", shared), ("other", ~shared)):
        share = inside[held][:, columns].mean()
        assert measured[part]["coverage"] == pytest.approx(share, abs=2e-3)
    assert measured["all"]["n"] == held.sum() * meth.n_vars
    assert measured["all"]["coverage"] == pytest.approx(0.9, abs=0.07)


def test_replicates_find_the_same_shared_latents(evaluated: tuple, tmp_path: Path) -> None:
    found = evaluated[2]["stability"]
    assert found["pairs"] == 3
    assert 0.6 < found["min"] <= found["median"] < 1
    mdata = study()
    train(mdata, tmp_path / "run")
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
    assert mmvae_cli.metrics(mdata)["uncertainty"]["stability"] is None


def test_the_order_of_the_file_changes_nothing(evaluated: tuple) -> None:
    mdata, _, found, folder = evaluated
    other = permuted(mdata)
    mmvae_cli.evaluate(other, run=folder)
    again = mmvae_cli.metrics(other)["uncertainty"]
    assert again["stability"] == found["stability"]
    assert again["cross"] == found["cross"]
    for column in ("mmvae_p_cross", "mmvae_q_cross"):
        first, second = (one.mod["meth"].var[column] for one in (mdata, other))
        np.testing.assert_array_equal(second, first.loc[second.index])


@pytest.mark.parametrize("model", ["mmvaepp", "mmvaex"])
def test_without_shared_signal_nothing_is_significant(tmp_path: Path, model: str) -> None:
    mdata = study(100)
    moved = mdata.mod["meth"].copy()
    moved.X = moved.X[np.random.default_rng(0).permutation(100)]
    apart = rebuilt({"rna": mdata.mod["rna"], "meth": moved}, mdata.obs[["label"]])
    train(apart, tmp_path / "run", model=model, epochs=10, replicates=2, splits="own")
    mmvae_cli.evaluate(apart, run=str(tmp_path / "run"))
    found = mmvae_cli.metrics(apart)["uncertainty"]
    assert [one["significant"] for one in found["cross"].values()] == [0, 0]
    assert found["mixed"] == 1


def test_features_that_were_not_modelled_have_no_p(tmp_path: Path) -> None:
    mdata: mudata.MuData = study()
    selected = {"label": "label", "shared": {"rna": 2, "meth": 2}, "other": {"rna": 1, "meth": 1}}
    train(mdata, tmp_path / "run", model="mmvaepp", **selected)
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
    var = mdata.mod["meth"].var
    np.testing.assert_array_equal(var["mmvae_p_cross"].isna(), var["mmvae_set"] == "unused")
