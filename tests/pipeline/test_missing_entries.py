"""Single entries that are missing: no likelihood scores them, encoders see the training mean there."""

from __future__ import annotations

from pathlib import Path

import mudata
import numpy as np
import pytest

import mmvae_cli
from mmvae_cli.errors import DataError
from mmvae_cli.evaluation.metrics import r2_per_feature
from tests.pipeline.helpers import assert_same_run, permuted, study, train, with_samples

OPTIONS = {"label": "label", "seed": 3}


def with_gaps(share: float = 0.1, seed: int = 0, **options: object) -> mudata.MuData:
    """A study with missing entries in one modality, none of them in its first two features."""
    mdata = study(**options)
    gone = np.random.default_rng(seed).random(mdata.mod["rna"].shape) < share
    gone[:, :2] = False
    mdata.mod["rna"].X[gone] = np.nan
    return mdata


@pytest.mark.parametrize("model", ["mvae", "mmvaepp", "mmvaex"])
def test_every_command_takes_them_and_says_how_many(model: str, tmp_path: Path, caplog) -> None:
    mdata = with_gaps()
    n_missing = int(np.isnan(mdata.mod["rna"].X).sum())
    with caplog.at_level("INFO", logger="mmvae_cli"):
        run = train(mdata, tmp_path / "run", model=model, **OPTIONS)
    assert f"modality 'rna': {n_missing} of {mdata.mod['rna'].X.size} entries are missing" in caplog.text
    assert np.isfinite([one["score"] for one in run.record["summary"]["replicates"]]).all()
    assert np.isfinite(mdata.obsm["X_mmvae"]).all()
    mmvae_cli.predict(mdata, run=str(tmp_path / "run"), source="meth", target="rna")
    assert np.isfinite(mdata.mod["rna"].layers["mmvae_from_meth"]).all(), "missing entries are predicted, too"
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
    held = mdata.obs["mmvae_split"] == "test"
    x, predicted = (
        layer[held.to_numpy()] for layer in (mdata.mod["rna"].X, mdata.mod["rna"].layers["mmvae_from_meth"])
    )
    np.testing.assert_allclose(mdata.mod["rna"].var["mmvae_r2_cross"], r2_per_feature(x, predicted), atol=1e-5)
    assert int(np.isnan(mdata.mod["rna"].X).sum()) == n_missing, "the data are left as they are"


def test_encoders_see_the_training_mean(tmp_path: Path) -> None:
    mdata = with_gaps()
    train(mdata, tmp_path / "run", **OPTIONS)
    training = (mdata.obs["mmvae_split"] == "train").to_numpy()
    filled = with_gaps()
    x = filled.mod["rna"].X
    mean = np.nanmean(x[training].astype(float), axis=0)
    x[np.isnan(x)] = np.broadcast_to(mean, x.shape)[np.isnan(x)]
    mmvae_cli.embed(filled, run=str(tmp_path / "run"))
    np.testing.assert_allclose(filled.obsm["X_mmvae"], mdata.obsm["X_mmvae"], atol=1e-4)


def test_a_sample_without_any_value_lacks_the_modality(tmp_path: Path) -> None:
    lacking = range(5, 12)
    empty = study()
    empty.mod["rna"].X[list(lacking)] = np.nan
    absent = with_samples(study(), {"rna": [row for row in range(80) if row not in lacking]})
    first, second = (train(one, tmp_path / str(k), **OPTIONS) for k, one in enumerate((empty, absent)))
    assert_same_run(first, second)
    place = empty.obs_names.get_indexer(absent.obs_names)
    np.testing.assert_array_equal(empty.obsm["X_mmvae"][place], absent.obsm["X_mmvae"])
    assert np.isnan(empty.mod["rna"].obsm["X_mmvae_private"][list(lacking)]).all()


def test_the_order_of_samples_changes_nothing(tmp_path: Path) -> None:
    first = with_gaps(modalities=("rna", "meth", "cnv"))
    second = permuted(first)
    assert_same_run(*(train(one, tmp_path / str(k), **OPTIONS) for k, one in enumerate((first, second))))


def test_replicates_with_features_of_their_own_see_their_own_means(tmp_path: Path) -> None:
    mdata = with_gaps()
    run = train(mdata, tmp_path / "run", replicates=3, splits="own", shared=3, other=4, **OPTIONS)
    assert np.isfinite(mdata.obsm["X_mmvae"]).all()
    assert np.isfinite([one["score"] for one in run.record["summary"]["replicates"]]).all()


def test_they_are_refused_where_that_is_asked_for_and_where_they_are_stored_sparse(tmp_path: Path) -> None:
    from scipy import sparse

    with pytest.raises(DataError, match="missing"):
        train(with_gaps(), tmp_path / "run", missing_values="error")
    mdata = with_gaps()
    mdata.mod["rna"].X = sparse.csr_matrix(mdata.mod["rna"].X)
    with pytest.raises(DataError, match="missing") as caught:
        train(mdata, tmp_path / "run")
    assert "dense" in str(caught.value.hint)
    assert not (tmp_path / "run").exists()
