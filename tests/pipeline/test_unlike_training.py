"""Data that are not those of the training, or on another scale: said, while the same data in other forms are not."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import mudata
import numpy as np
import pytest
from scipy import sparse

import mmvae_cli
from mmvae_cli.data.aligned import align
from mmvae_cli.data.formats import read
from mmvae_cli.pipeline.unlike_training import look
from mmvae_cli.training.run import load_run
from tests.logged import warned
from tests.pipeline.helpers import permuted, rebuilt, study, train

CHANGED, SCALE = "have other values than in the training", "another scale than in the training"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("unlike")
    train(study(60), folder / "run", epochs=1)
    return str(folder / "run")


def said(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(warned(caplog))


def other_samples(mdata: mudata.MuData, change) -> mudata.MuData:
    rna = mdata.mod["rna"].copy()
    rna.X = np.asarray(change(rna.X), dtype=np.float32)
    rna.obs_names = [f"new {name}" for name in rna.obs_names]
    return mudata.MuData({"rna": rna})


@pytest.mark.parametrize("command", ["evaluate", "embed"])
def test_values_exchanged_between_samples_are_said(command: str, run: str, caplog) -> None:
    mdata = study(60)
    mdata.mod["rna"].X = mdata.mod["rna"].X[::-1].copy()
    getattr(mmvae_cli, command)(mdata, run=run)
    assert "modality 'rna': " in said(caplog)
    assert CHANGED in said(caplog)
    assert "'meth'" not in said(caplog)


def test_evaluation_counts_samples_that_have_changed_since_the_training(run: str) -> None:
    mdata = study(60)
    mdata.mod["rna"].X[:7] += 3.0
    mmvae_cli.evaluate(mdata, run=run)
    assert json.loads(mdata.uns["mmvae"]["metrics"])["changed_samples"] == {"meth": 0, "rna": 7}


def test_the_same_data_in_another_order_and_rounded_are_the_same(run: str, caplog) -> None:
    mdata = permuted(study(60))
    mdata.mod["rna"].X = np.round(mdata.mod["rna"].X, 3)
    mmvae_cli.evaluate(mdata, run=run)
    assert CHANGED not in said(caplog)
    assert SCALE not in said(caplog)


def test_values_on_another_scale_are_said(run: str, caplog) -> None:
    mmvae_cli.predict(other_samples(study(60), lambda x: 10.0 * x), run=run, source=["rna"], target=["meth"])
    assert SCALE in said(caplog)
    assert CHANGED not in said(caplog)


@pytest.mark.parametrize("n_samples", [1, 20, 60])
def test_logarithms_to_another_base_are_said(n_samples: int, tmp_path: Path, caplog) -> None:
    mdata = study(60, shared=10, other=10)
    mdata.mod["rna"].X = (mdata.mod["rna"].X + np.linspace(0.0, 12.0, mdata.mod["rna"].n_vars)).astype(np.float32)
    train(mdata, tmp_path / "run", epochs=1)
    for factor in (1.0, np.log(2.0)):
        new = other_samples(mdata, lambda x, factor=factor: factor * x)[:n_samples].copy()
        mmvae_cli.predict(new, run=str(tmp_path / "run"), source=["rna"], target=["meth"])
        assert (SCALE in said(caplog)) == (factor < 1)


def test_values_far_from_the_means_of_the_training_are_said(run: str, caplog) -> None:
    mmvae_cli.predict(other_samples(study(60), lambda x: x + 5.0), run=run, source=["rna"], target=["meth"])
    assert SCALE in said(caplog)


@pytest.mark.parametrize("n_samples", [1, 3, 60])
def test_new_samples_of_the_same_kind_are_not_talked_about(n_samples: int, run: str, caplog) -> None:
    new = other_samples(study(60), lambda x: x + 0.3)
    mmvae_cli.predict(new[:n_samples].copy(), run=run, source=["rna"], target=["meth"])
    assert said(caplog) == ""


def test_a_deeper_sequencing_is_no_other_scale(tmp_path: Path, caplog) -> None:
    mdata = study(60)
    mdata.mod["rna"].X = sparse.csr_matrix(np.floor(np.exp(1.0 + 0.5 * mdata.mod["rna"].X)).astype(np.float32))
    train(mdata, tmp_path / "run", epochs=1)
    mmvae_cli.embed(other_samples(mdata, lambda x: 30.0 * x.toarray()), run=str(tmp_path / "run"))
    assert said(caplog) == ""


def test_a_run_of_an_earlier_version_has_no_marks_and_is_used_as_before(run: str) -> None:
    loaded = load_run(run)
    record = dataclasses.replace(loaded.modality("rna"), marks=None)
    mdata = study(60)
    mdata.mod["rna"].X = mdata.mod["rna"].X[::-1].copy()
    assert look(loaded, record, align(read(mdata)), np.arange(len(record.features))) == 0


def test_values_exchanged_between_samples_are_said_where_features_are_missing(run: str, caplog) -> None:
    mdata = study(60)
    rna = mdata.mod["rna"]
    same = rebuilt({"rna": rna[:, 1:], "meth": mdata.mod["meth"]}, mdata.obs)
    mmvae_cli.evaluate(same, run=run, min_features=0.5)
    assert CHANGED not in said(caplog)
    rna.X = rna.X[::-1].copy()
    mmvae_cli.evaluate(rebuilt({"rna": rna[:, 1:], "meth": mdata.mod["meth"]}, mdata.obs), run=run, min_features=0.5)
    assert CHANGED in said(caplog)


def counted_study() -> mudata.MuData:
    """Counts whose features differ in how many they have."""
    mdata = study(60, shared=10, other=10)
    rna = mdata.mod["rna"]
    depth = np.linspace(0.0, 3.0, rna.n_vars)
    rna.X = sparse.csr_matrix(np.floor(np.exp(depth + 0.5 * rna.X)).astype(np.float32))
    return mdata


def test_counts_of_other_features_are_said(tmp_path: Path, caplog) -> None:
    mdata, run = counted_study(), str(tmp_path / "run")
    train(mdata, tmp_path / "run", epochs=1)
    mmvae_cli.embed(other_samples(mdata, lambda x: x.toarray()), run=run)
    assert said(caplog) == ""
    mmvae_cli.embed(other_samples(mdata, lambda x: x.toarray()[:, ::-1]), run=run)
    assert "features with many counts are others than in the training" in said(caplog)


@pytest.mark.parametrize("transform", ["none", "zscore"])
def test_few_samples_of_rare_features_are_on_the_same_scale(transform: str, tmp_path: Path, caplog) -> None:
    mdata = study(300, shared=20, other=20)
    rare = np.random.default_rng(0).random(mdata.mod["rna"].shape) < np.linspace(0.01, 0.03, mdata.mod["rna"].n_vars)
    mdata.mod["rna"].X = rare.astype(np.float32)
    train(mdata, tmp_path / "run", epochs=1, transform={"rna": transform}, screen=False)
    caplog.clear()
    new = other_samples(mdata, lambda x: x)
    for n_samples in (1, 20, 40):
        mmvae_cli.embed(new[:n_samples].copy(), run=str(tmp_path / "run"))
    assert said(caplog) == ""
