"""Baselines see what the model sees, and are measured as the model is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import mudata
import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

import mmvae_cli
from mmvae_cli.config import TrainConfig
from mmvae_cli.errors import DataError, UsageError
from mmvae_cli.evaluation import baselines as table
from mmvae_cli.evaluation import regression
from mmvae_cli.evaluation.baselines import BASELINES
from mmvae_cli.pipeline.baselines import _predictor, baseline_r2, measured, prepared_for
from mmvae_cli.pipeline.benchmark import benchmark
from mmvae_cli.pipeline.benchmark_options import BenchmarkConfig
from mmvae_cli.pipeline.load import load
from mmvae_cli.pipeline.variants import variant
from tests.pipeline.helpers import permuted, study, train, with_samples

OPTIONS: dict[str, Any] = {"label": "label", "shared": {"*": 4}, "other": {"*": 4}, "latent": "2"}
QUICK = ("mean", "ridge", "pls2")


def evaluated(mdata: mudata.MuData, folder: Path, **options: object) -> dict[str, Any]:
    """Metrics of a model that was hardly trained."""
    train(mdata, folder, epochs=1, **options)
    mmvae_cli.evaluate(mdata, run=str(folder))
    return mmvae_cli.metrics(mdata)


def seen(mdata: mudata.MuData, **options: Any) -> Any:
    config = TrainConfig(**{**OPTIONS, **options})
    return prepared_for(load(mdata, config), config)[0]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple:
    folder = tmp_path_factory.mktemp("two") / "run"
    mdata = study(150, ("rna", "meth"))
    run = train(mdata, folder, epochs=1)
    mmvae_cli.evaluate(mdata, run=str(folder))
    return mdata, run, mmvae_cli.metrics(mdata), folder


def test_a_model_that_was_hardly_trained_loses_against_ridge_and_this_is_said(two: tuple) -> None:
    for found in two[2]["baselines"].values():
        assert found["decided_on"] == "shared"
        assert {"ridge", "pls2"} <= set(found["beaten_by"])
        ridge = found["baselines"]["ridge"]
        assert ridge["r2"]["shared"]["median"] > found["model"]["shared"]["median"] + 0.2
        assert ridge["model_better"]["shared"] < ridge["r2"]["shared"]["n"]


def test_the_model_is_measured_as_in_the_rest_of_the_metrics(two: tuple) -> None:
    metrics = two[2]
    assert list(metrics["baselines"]) == list(metrics["r2"])
    for name, found in metrics["baselines"].items():
        cross = metrics["r2"][name]["cross"]
        assert found["n"] == cross["n"]
        assert found["model"] == {part: cross[part] for part in found["model"]}
        assert found["baselines"]["mean"]["r2"]["all"]["median"] == pytest.approx(cross["baseline_mean"], abs=1e-5)
        assert set(found["baselines"]) == set(BASELINES) - {"pls"}  # the model has two shared latents, as pls2
    json.dumps(metrics["baselines"], allow_nan=False)


def test_counts_of_better_features_are_those_of_the_written_r2(two: tuple) -> None:
    mdata, _, metrics, _ = two
    config = TrainConfig(**{"latent": "2", "split": "mmvae_split"})
    again = baseline_r2(prepared_for(load(mdata, config), config)[0])
    for name, found in metrics["baselines"].items():
        model = mdata.mod[name].var["mmvae_r2_cross"].to_numpy()
        for baseline, one in found["baselines"].items():
            assert one["model_better"]["all"] == (model > again[name].r2[baseline]).sum()


def test_ridge_on_m_values_is_measured_in_the_unit_of_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression, "PENALTIES", np.array([1.0]))
    monkeypatch.setattr(regression.ridge, "__defaults__", (np.array([1.0]),))
    mdata = study(100)
    meth = mdata.mod["meth"]
    meth.X = 1 / (1 + np.exp(-meth.X))
    found = seen(mdata, transform={"meth": "mvalue"}, label=None, shared={}, other={})
    r2 = baseline_r2(found, ("ridge",))["meth"].r2["ridge"]
    part = pd.Series(found.parts, index=found.aligned.names).reindex(meth.obs_names).to_numpy()
    x, y = mdata.mod["rna"].to_df().loc[meth.obs_names].to_numpy(float), logit(np.asarray(meth.X, dtype=float))
    learned, held = part == "train", part == "test"
    x = (x - x[learned].mean(0)) / x[learned].std(0)
    alpha = np.square(x[learned]).sum() / x.shape[1]
    sd = y[learned].std(0)
    predicted = Ridge(alpha=alpha).fit(x[learned], y[learned] / sd).predict(x[held]) * sd
    expected = r2_score(meth.X[held].astype(float), 1 / (1 + np.exp(-predicted)), multioutput="raw_values")
    np.testing.assert_allclose(r2, expected, atol=1e-4)


def test_held_out_values_reach_nothing_that_is_fitted() -> None:
    mdata = study()
    first = seen(mdata)
    held = first.aligned.names[np.isin(first.parts, ("test", "validation"))]
    changed = study()
    for adata in changed.mod.values():
        adata.X[adata.obs_names.isin(held)] *= -9
    second = seen(changed)
    for target in (0, 1):
        rows = [one.rows(part, target) for one in (first, second) for part in ("train", "test")]
        one, other = _predictor(first, target, *rows[:2]), _predictor(second, target, *rows[2:])
        np.testing.assert_array_equal(one.problem.train, other.problem.train)
        np.testing.assert_array_equal(one.problem.y, other.problem.y)
        np.testing.assert_array_equal(one.mean, other.mean)
        assert np.abs(one.problem.test - other.problem.test).max() > 1


def test_the_order_of_samples_and_modalities_does_not_matter() -> None:
    mdata = study(100, ("rna", "meth", "cnv"))
    one, other = baseline_r2(seen(mdata), QUICK), baseline_r2(seen(permuted(mdata)), QUICK)
    assert set(one) == set(other) == {"rna", "meth", "cnv"}
    for name in one:
        for baseline in QUICK:
            np.testing.assert_allclose(one[name].r2[baseline], other[name].r2[baseline], atol=1e-4)


def test_missing_modalities_leave_the_samples_that_the_model_is_measured_on(tmp_path: Path) -> None:
    names = ("rna", "meth", "cnv")
    mdata = with_samples(study(120, names), {"rna": range(90), "cnv": range(30, 120)})
    metrics = evaluated(mdata, tmp_path / "run")
    for name in names:
        found = metrics["baselines"][name]
        assert found["n"] == metrics["r2"][name]["cross"]["n"]
        assert found["baselines"]["ridge"]["r2"]["shared"]["median"] > 0.2


@pytest.mark.parametrize("kind", ["poisson", "bernoulli"])
def test_counts_and_binary_values_have_baselines(tmp_path: Path, kind: str) -> None:
    mdata = study(300)
    adata = mdata.mod["meth"]
    adata.X = np.random.default_rng(0).poisson(np.exp(adata.X)) if kind == "poisson" else adata.X > 0
    adata.X = adata.X.astype(np.float32)
    metrics = evaluated(mdata, tmp_path / "run", likelihood={"meth": kind})
    assert metrics["baselines"]["meth"]["baselines"]["ridge"]["r2"]["shared"]["median"] > 0.1
    assert metrics["baselines"]["rna"]["baselines"]["ridge"]["r2"]["shared"]["median"] > 0.1


def test_baselines_can_be_left_out(two: tuple) -> None:
    mdata, _, _, folder = two
    found = mdata.copy()
    mmvae_cli.evaluate(found, run=str(folder), baselines=False)
    assert mmvae_cli.metrics(found)["baselines"] is None


def test_what_is_too_large_is_left_out_and_said(two: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    mdata, _, _, folder = two
    monkeypatch.setitem(table.BASELINES, "trees", replace(BASELINES["trees"], limit=10.0))
    found = mdata.copy()
    mmvae_cli.evaluate(found, run=str(folder))
    for one in mmvae_cli.metrics(found)["baselines"].values():
        assert set(one["left_out"]) == {"trees"}
        assert "too large" in one["left_out"]["trees"]
        assert "trees" not in one["baselines"]
    with pytest.raises(DataError, match="the baseline trees is left out"):
        measured(seen(mdata), "trees")


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_is_a_variant_and_named_in_the_help(name: str) -> None:
    found = variant(name.upper())
    assert (found.name, found.baseline, found.options) == (name, name, {})
    assert name in BenchmarkConfig.__dataclass_fields__["models"].metadata["help"]
    with pytest.raises(UsageError) as refused:
        variant(f"sup-{name}")
    assert refused.value.hint


def test_a_benchmark_compares_models_and_baselines_on_the_same_splits(tmp_path: Path) -> None:
    mdata = study(100)
    mdata.write(tmp_path / "data.h5mu")
    grid = {"models": "mvae,ridge,mean", "replicates": 2, "epochs": 1, "jobs": 1, "batch_size": 32, "threads": 1}
    out = tmp_path / "out"
    benchmark([str(tmp_path / "data.h5mu")], BenchmarkConfig(**OPTIONS, **grid, out=str(out)))
    found = pd.read_csv(out / "results.csv", keep_default_na=False)
    found = found[(found["metric"] == "r2_cross_median") & (found["part"] == "shared")]
    assert found.groupby("model")["replicate"].nunique().to_dict() == {"mvae": 2, "ridge": 2, "mean": 2}
    run = train(mdata, tmp_path / "run", model="mvae", replicates=2, splits="own", epochs=1, **OPTIONS)
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
    compared = mmvae_cli.metrics(mdata)["baselines"]
    for name in ("rna", "meth"):
        row = found[(found["modality"] == name) & (found["replicate"] == run.replicate)].set_index("model")["value"]
        for baseline in ("ridge", "mean"):
            expected = compared[name]["baselines"][baseline]["r2"]["shared"]["median"]
            assert row[baseline] == pytest.approx(expected, abs=1e-4)
    features = pd.read_csv(out / "features.csv.gz")
    assert features.groupby("model").size().nunique() == 1
    assert "| ridge |" in (out / "table.md").read_text().replace("training mean |", "")


def test_baselines_alone_need_no_label_and_no_training(tmp_path: Path) -> None:
    config = BenchmarkConfig(
        models="ridge,pls", simulate=True, samples=60, replicates=2, jobs=1, out=str(tmp_path / "o")
    )
    summary = benchmark(None, config).summary
    assert (summary["finished"], summary["failed"]) == (4, [])
