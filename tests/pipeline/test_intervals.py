"""Prediction intervals as ``mmvae predict --intervals`` writes them."""

from __future__ import annotations

from pathlib import Path

import mudata
import numpy as np
import pytest

import mmvae_cli
from mmvae_cli.config import PredictConfig
from mmvae_cli.errors import UsageError
from mmvae_cli.pipeline.intervals import WIDTHS, together
from mmvae_cli.pipeline.predict import prediction_table
from mmvae_cli.training.run import Run
from tests.pipeline.helpers import permuted, rebuilt, study, train, with_samples

LOWER, UPPER = "mmvae_from_rna_lower", "mmvae_from_rna_upper"
OPTIONS = {"source": "rna", "target": "meth", "intervals": 0.9}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[mudata.MuData, Run, str]:
    folder = tmp_path_factory.mktemp("run") / "run"
    mdata = study(400)
    run = train(mdata, folder, model="mmvaex", epochs=40, lr=3e-3, replicates=2)
    return mdata, run, str(folder)


def held_out(mdata: mudata.MuData, run: Run, part: str = "test") -> np.ndarray:
    return np.isin(mdata.obs_names, run.samples[run.splits[run.replicate] == part])


def test_intervals_hold_about_the_nominal_share_of_held_out_values(trained: tuple) -> None:
    mdata, run, folder = trained
    meth, held = mdata.mod["meth"], held_out(trained[0], run)
    widths = []
    for level in (0.5, 0.9):
        mmvae_cli.predict(mdata, run=folder, **{**OPTIONS, "intervals": level})
        lower, upper = meth.layers[LOWER], meth.layers[UPPER]
        assert (lower < upper).all()
        assert ((meth.X >= lower) & (meth.X <= upper))[held].mean() == pytest.approx(level, abs=0.08)
        widths.append((upper - lower).mean())
    assert widths[0] < widths[1]
    inside = (meth.layers["mmvae_from_rna"] > lower) & (meth.layers["mmvae_from_rna"] < upper)
    assert inside.mean() > 0.99


def test_features_with_shared_signal_have_narrower_intervals_and_others_that_of_the_mean(trained: tuple) -> None:
    mdata, run, folder = trained
    mmvae_cli.predict(mdata, run=folder, **OPTIONS)
    meth, record = mdata.mod["meth"], run.modality("meth")
    width = (meth.layers[UPPER] - meth.layers[LOWER]) / record.sd[0]
    shared = record.role_shared[0]
    assert 0 < shared.sum() < len(shared)
    assert width[:, shared].mean() < 0.9 * width[:, ~shared].mean()
    np.testing.assert_allclose(width[:, ~shared], 2 * 1.6449, rtol=1e-3)


def test_widths_are_those_that_validation_samples_ask_for(trained: tuple) -> None:
    mdata, run, folder = trained
    assert set(run.record[WIDTHS]) == {"rna", "meth"}
    assert run.record[WIDTHS]["meth"] > 1
    mmvae_cli.predict(mdata, run=folder, **OPTIONS)
    meth, shared = mdata.mod["meth"], run.modality("meth").role_shared[0]
    rows = np.ix_(held_out(mdata, run, "validation"), shared)
    inside = (meth.X[rows] >= meth.layers[LOWER][rows]) & (meth.X[rows] <= meth.layers[UPPER][rows])
    assert inside.mean() == pytest.approx(0.9, abs=0.01)


def test_the_order_of_the_file_and_other_samples_change_nothing(trained: tuple) -> None:
    mdata, _, folder = trained
    mmvae_cli.predict(mdata, run=folder, **OPTIONS)
    expected = mdata.mod["meth"].to_df(layer=LOWER)
    other = permuted(with_samples(study(400), {"rna": range(0, 300), "meth": range(0, 300)}))
    mmvae_cli.predict(other, run=folder, **OPTIONS)
    found = other.mod["meth"].to_df(layer=LOWER)
    np.testing.assert_allclose(found, expected.loc[found.index, found.columns], atol=1e-4)


def test_samples_that_lack_the_target_get_intervals_beside_their_prediction(trained: tuple) -> None:
    _, _, folder = trained
    data = with_samples(study(400), {"rna": range(200), "meth": range(100, 400)})
    mmvae_cli.predict(data, run=folder, **OPTIONS)
    rna, meth = data.mod["rna"], data.mod["meth"]
    for suffix in ("", "_lower", "_upper"):
        assert not np.isnan(rna.obsm[f"mmvae_meth{suffix}"]).any()
        layer = meth.layers[f"mmvae_from_rna{suffix}"]
        np.testing.assert_array_equal(np.isnan(layer).all(1), ~meth.obs_names.isin(rna.obs_names))
    chosen = list(meth.var_names[:2])
    mmvae_cli.predict(data, run=folder, source="rna", target="meth", features=chosen)
    assert "mmvae_meth_lower" not in rna.obsm  # the features would not fit its columns any more


def test_intervals_stay_within_what_the_unit_allows(tmp_path: Path) -> None:
    mdata = study(100)
    meth = mdata.mod["meth"]
    meth.X = (1 / (1 + np.exp(-1.5 * meth.X))).astype(np.float32)
    run = train(mdata, tmp_path / "run", transform={"meth": "mvalue"}, epochs=10)
    mmvae_cli.predict(mdata, run=str(tmp_path / "run"), **OPTIONS)
    lower, upper = meth.layers[LOWER], meth.layers[UPPER]
    assert (0 <= lower.min()) & (upper.max() <= 1)
    held = held_out(mdata, run)
    assert ((meth.X >= lower) & (meth.X <= upper))[held].mean() > 0.75


@pytest.mark.parametrize("kind", ["counts", "binary"])
def test_counts_and_binary_values_have_intervals_of_such_values(tmp_path: Path, kind: str) -> None:
    mdata, random = study(200, other=0), np.random.default_rng(0)
    meth = mdata.mod["meth"]
    drawn = random.poisson(np.exp(1 + 0.5 * meth.X)) if kind == "counts" else (meth.X > 0)
    meth.X = drawn.astype(np.float32)
    likelihood = {"meth": "poisson" if kind == "counts" else "bernoulli"}
    run = train(mdata, tmp_path / "run", likelihood=likelihood, epochs=40, lr=1e-2)
    mmvae_cli.predict(mdata, run=str(tmp_path / "run"), **OPTIONS)
    ends = np.stack([meth.layers[LOWER], meth.layers[UPPER]])
    np.testing.assert_array_equal(ends, ends.round())
    held = held_out(mdata, run)
    x = meth.X
    if kind == "counts":  # intervals are at the median library size, where counts need not be whole
        x = np.round(x / x.sum(1, keepdims=True) * run.modality("meth").median_size)
    assert not np.isnan(ends).any()
    assert ((x >= ends[0]) & (x <= ends[1]))[held].mean() > 0.84


def test_counts_without_shared_signal_vary_as_in_the_training_samples(tmp_path: Path) -> None:
    mdata, random = study(200, other=6), np.random.default_rng(0)
    meth = mdata.mod["meth"]
    meth.X = random.poisson(np.exp(2 + 0.5 * meth.X)).astype(np.float32)
    run = train(mdata, tmp_path / "run", epochs=3)
    record = run.modality("meth")
    other = ~record.role_shared[0]
    assert other.any()
    mmvae_cli.predict(mdata, run=str(tmp_path / "run"), **OPTIONS)
    ends = np.stack([meth.layers[LOWER], meth.layers[UPPER]])[:, :, other]
    assert (ends == ends[:, :1]).all(), "the same for all samples"
    scaled = meth.X / meth.X.sum(1, keepdims=True) * record.median_size
    training = scaled[(mdata.obs["mmvae_split"] == "train").to_numpy()][:, other]
    np.testing.assert_allclose(record.spread[0][other], training.std(0), rtol=1e-4)
    held = held_out(mdata, run)
    assert 0.8 < ((scaled[:, other] >= ends[0] - 0.5) & (scaled[:, other] <= ends[1] + 0.5))[held].mean() < 1


def test_replicates_are_mixed_where_none_has_seen_what_another_holds_out(tmp_path: Path, trained: tuple) -> None:
    assert together(trained[1]) == [0, 1]
    own = train(study(), tmp_path / "own", replicates=2, splits="own")
    assert together(own) == [own.replicate]


def test_what_has_no_intervals_is_said(trained: tuple) -> None:
    mdata, _, folder = trained
    with pytest.raises(UsageError, match="from other modalities"):
        mmvae_cli.predict(mdata, run=folder, source="rna", target="rna", intervals=0.9)
    with pytest.raises(UsageError, match="prediction alone"):
        prediction_table(mdata, PredictConfig(run=folder, source=("rna",), target=("meth",), intervals=0.9))
    for level in (0, 1, 90):
        with pytest.raises(UsageError, match=r"above 0 and at most 0\.999"):
            mmvae_cli.predict(mdata, run=folder, source="rna", target="meth", intervals=level)


def test_new_data_need_only_the_source(trained: tuple) -> None:
    mdata, _, folder = trained
    mmvae_cli.predict(mdata, run=folder, **OPTIONS)
    alone = rebuilt({"rna": study(400).mod["rna"]}, mdata.obs[["label"]])
    mmvae_cli.predict(alone, run=folder, **OPTIONS)
    expected = mdata.mod["meth"].layers[UPPER][mdata.mod["meth"].obs_names.get_indexer(alone.mod["rna"].obs_names)]
    np.testing.assert_allclose(alone.mod["rna"].obsm["mmvae_meth_upper"], expected, atol=1e-5)
