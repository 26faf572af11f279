"""Associations of latents with columns: what is a function of a latent is found, what is random is not."""

from __future__ import annotations

import json
from pathlib import Path

import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mmvae_cli
from mmvae_cli.data.formats import read
from mmvae_cli.errors import DataError
from mmvae_cli.pipeline.apply import match
from mmvae_cli.pipeline.associations import as_table, associations
from mmvae_cli.training.run import Run, load_run
from tests.pipeline.helpers import rebuilt, study, train, with_samples

N = 120


def latent(mdata: mudata.MuData, name: str) -> np.ndarray:
    return np.asarray(mdata.obsm["X_mmvae"])[:, list(mdata.uns["mmvae"]["latents"]).index(name)]


def evaluated(mdata: mudata.MuData, run: Run) -> pd.DataFrame:
    mmvae_cli.evaluate(mdata, run=run.record["config"]["run"], baselines=False)
    return mmvae_cli.associations(mdata)


def evaluated_only(mdata: mudata.MuData) -> pd.DataFrame:
    """Associations alone, without the rest of the evaluation."""
    run = load_run(str(mdata.uns["mmvae"]["run"]))
    return pd.DataFrame(as_table(associations(match(run, read(mdata, None, {})).replicate(0))))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[mudata.MuData, Run]:
    """The last 20 samples lack meth."""
    mdata = with_samples(study(N), {"meth": range(100)})
    return mdata, train(mdata, tmp_path_factory.mktemp("run") / "run", epochs=20, model="mmvaepp")


@pytest.fixture(scope="module")
def found(trained: tuple[mudata.MuData, Run]) -> pd.DataFrame:
    mdata, run = trained
    z, private = latent(mdata, "shared_1"), latent(mdata, "meth_2")
    random = np.random.default_rng(3)
    mdata.obs["down"] = -(z**3)
    mdata.obs["high"] = pd.Categorical(np.where(z > np.median(z), "yes", "no"))
    mdata.obs["third"] = np.where(np.arange(N) < 60, np.digitize(z, np.quantile(z, [0.3, 0.7])).astype(str), None)
    mdata.obs["flag"] = random.random(N) < 0.5
    mdata.obs["coded"] = np.where(z > 0, 2.0, 1.0)
    mdata.obs["of_meth"] = private
    mdata.obs["random"] = random.normal(size=N)
    mdata.obs["constant"] = "same"
    mdata.obs["identifier"] = [f"patient {index}" for index in range(N)]
    mdata.obs["rare"] = np.where(np.arange(N) < 5, random.normal(size=N), np.nan)
    mdata.obs["empty"] = np.nan
    mdata.mod["rna"].obs["own"] = z[[mdata.obs_names.get_loc(name) for name in mdata.mod["rna"].obs_names]]
    return evaluated(mdata, run)


def row(found: pd.DataFrame, latent: str, column: str) -> pd.Series:
    (one,) = (found.loc[index] for index in found.index[(found["latent"] == latent) & (found["column"] == column)])
    return one


def test_columns_that_follow_a_latent_are_found_with_their_sign(found: pd.DataFrame) -> None:
    down, high, coded = (row(found, "shared_1", column) for column in ("down", "high", "coded"))
    assert (down["measure"], down["effect"]) == ("spearman", pytest.approx(-1))
    assert (high["measure"], high["effect"], high["higher_in"]) == ("auc", 1, "yes")
    assert (coded["measure"], coded["effect"], coded["higher_in"]) == ("auc", 1, "2")
    assert max(down["q"], high["q"], coded["q"]) < 1e-10
    third = row(found, "shared_1", "third")
    assert (third["measure"], third["n"]) == ("epsilon2", 60)
    assert third["effect"] > 0.8
    assert row(found, "shared_1", "own")["effect"] == pytest.approx(1)


def test_random_columns_are_not_found(found: pd.DataFrame) -> None:
    of_random = found[found["column"].isin(["random", "flag"])]
    assert len(of_random) == 2 * 6
    assert of_random["q"].min() > 0.05
    assert set(of_random.loc[of_random["column"] == "flag", "measure"]) == {"auc"}


def test_private_latents_are_tested_on_the_samples_that_have_the_modality(
    found: pd.DataFrame, trained: tuple[mudata.MuData, Run]
) -> None:
    assert row(found, "rna_1", "random")["n"] == row(found, "shared_1", "random")["n"] == N
    one = row(found, "meth_2", "of_meth")
    assert (one["n"], one["effect"]) == (100, pytest.approx(1))
    mdata, _ = trained
    values = mdata.obs["random"].to_numpy()
    p = stats.spearmanr(latent(mdata, "meth_1")[:100], values[:100]).pvalue
    assert row(found, "meth_1", "random")["p"] == pytest.approx(p, rel=1e-4)


def test_q_values_are_over_all_tests(found: pd.DataFrame) -> None:
    np.testing.assert_allclose(found["q"], stats.false_discovery_control(found["p"], method="bh"))


def test_what_cannot_be_tested_is_left_out_and_what_mmvae_wrote(
    found: pd.DataFrame, trained: tuple[mudata.MuData, Run], tmp_path: Path
) -> None:
    assert not {"constant", "identifier", "rare", "empty", "mmvae_split"} & set(found["column"])
    mdata, _ = trained
    mdata.write(tmp_path / "data.h5mu")
    pd.testing.assert_frame_equal(mmvae_cli.associations(mudata.read_h5mu(tmp_path / "data.h5mu")), found)
    assert "associations" not in json.loads(mdata.uns["mmvae"]["metrics"])


def test_without_associations_there_are_none(trained: tuple[mudata.MuData, Run], found: pd.DataFrame) -> None:
    mdata = trained[0].copy()
    mmvae_cli.evaluate(mdata, run=str(mdata.uns["mmvae"]["run"]), baselines=False, associations=False)
    with pytest.raises(DataError, match="no associations"):
        mmvae_cli.associations(mdata)


def test_data_without_columns_have_an_empty_table(tmp_path: Path) -> None:
    mdata = study()
    bare = rebuilt(mdata.mod, mdata.obs[[]])
    found = evaluated(bare, train(bare, tmp_path / "run"))
    assert len(found) == 0
    bare.write(tmp_path / "data.h5mu")
    assert list(mmvae_cli.associations(mudata.read_h5mu(tmp_path / "data.h5mu"))) == list(found)


@pytest.mark.parametrize("options", [{"supervised": True}, {"shared": 3, "other": 3}])
def test_a_label_that_the_model_saw_is_tested_on_held_out_samples(tmp_path: Path, options: dict) -> None:
    mdata = study(100)
    mdata.obs["copy"] = np.where(mdata.obs["label"] == mdata.obs["label"].iloc[0], "this", "that")
    mdata.obs["other"] = np.random.default_rng(0).normal(size=100)
    run = train(mdata, tmp_path / "run", label="label", **options)
    found = evaluated(mdata, run)
    samples = found.groupby("column")[["samples", "n"]].first()
    n_held = int((mdata.obs["mmvae_split"] == "test").sum())
    assert tuple(samples.loc["label"]) == tuple(samples.loc["copy"]) == ("held-out", n_held)
    assert tuple(samples.loc["other"]) == ("all", 100)


def test_a_ranking_that_saw_held_out_samples_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mdata = study(100)
    evaluated(mdata, train(mdata, tmp_path / "run", label="label", shared=3, other=3, select_on="all"))
    assert "features were ranked by 'label' on held-out samples, too" in caplog.text


def test_an_unsupervised_model_has_not_seen_its_label(tmp_path: Path) -> None:
    mdata = study(100)
    found = evaluated(mdata, train(mdata, tmp_path / "run", label="label"))
    assert set(found["samples"]) == {"all"}


def test_covariates_are_marked(tmp_path: Path) -> None:
    mdata = study(80)
    mdata.obs["batch"] = np.where(np.arange(80) % 2, "a", "b")
    found = evaluated(mdata, train(mdata, tmp_path / "run", covariate="batch"))
    assert set(found.loc[found["covariate"], "column"]) == {"batch"}


def test_few_permuted_columns_are_called(trained: tuple[mudata.MuData, Run], found: pd.DataFrame) -> None:
    """With nothing to find, any call is false: 5 % of the data sets may have one."""
    mdata, _ = trained
    random, with_calls = np.random.default_rng(1), 0
    for _ in range(40):
        obs = pd.DataFrame({f"c{i}": random.permutation(mdata.obs["down"].to_numpy()) for i in range(4)})
        obs["k"] = random.permutation(mdata.obs["high"].astype(str).to_numpy())
        permuted = mdata.copy()
        permuted.obs = obs.set_index(mdata.obs_names)
        for adata in permuted.mod.values():
            adata.obs = adata.obs[[]]
        with_calls += bool((evaluated_only(permuted)["q"] < 0.05).any())
    assert with_calls <= 6  # of 40 draws with chance 0.05, 7 or more: 1 in 300


def test_modalities_that_contradict_each_other_are_tested_each(tmp_path: Path) -> None:
    mdata = study(80)
    run = train(mdata, tmp_path / "run")
    random = np.random.default_rng(0)
    for adata in mdata.mod.values():
        adata.obs["depth"] = random.normal(size=adata.n_obs)
    found = evaluated(mdata, run)
    assert {"rna:depth", "meth:depth"} <= set(found["column"])
    assert "depth" not in set(found["column"])
