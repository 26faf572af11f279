"""Counts in a layer, whatever stands in X: transformed as in training, in new data, too."""

from __future__ import annotations

from pathlib import Path

import mudata
import numpy as np
import pytest
from scipy import sparse

import mmvae_cli
from mmvae_cli.errors import MmvaeError
from tests.pipeline.helpers import by_sample, permuted, study, train


def with_counts(mdata: mudata.MuData) -> mudata.MuData:
    """The data with counts in a layer of one modality, and something else in X."""
    rna, random = mdata.mod["rna"], np.random.default_rng(0)
    rna.layers["counts"] = sparse.csr_matrix(random.poisson(0.6 * np.exp(rna.X)).astype(np.float32))
    rna.X = random.normal(size=rna.shape).astype(np.float32)
    return mdata


@pytest.mark.parametrize("transform", ["none", "lognorm", "clr", "tfidf", "binarize"])
def test_a_layer_is_transformed_as_in_training_in_new_data_too(transform: str, tmp_path: Path) -> None:
    mdata, run = with_counts(study()), str(tmp_path / "run")
    options = {"layer": {"rna": "counts"}, "transform": {"rna": transform}, "epochs": 10}
    record = train(mdata, tmp_path / "run", **options).modality("rna")
    assert (record.layer, record.transform, record.value_kind) == ("counts", transform, "counts")
    new = permuted(mdata)[:20].copy()
    new = new[:, np.random.default_rng(1).permutation(new.n_vars)].copy()
    new.mod["rna"].X = np.zeros(new.mod["rna"].shape, np.float32)
    mmvae_cli.embed(new, run=run)
    known = by_sample(mdata, "X_mmvae").loc[sorted(new.obs_names)]
    np.testing.assert_allclose(by_sample(new, "X_mmvae"), known, atol=1e-5)
    mmvae_cli.predict(new, run=run, source="meth", target="rna")
    assert np.isfinite(new.mod["rna"].layers["mmvae_from_meth"]).any()
    del new.mod["rna"].layers["counts"]
    with pytest.raises(MmvaeError, match="counts"):
        mmvae_cli.embed(new, run=run)
