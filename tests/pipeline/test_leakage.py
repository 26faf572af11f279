"""Nothing is fitted on held-out samples."""

from __future__ import annotations

from pathlib import Path

import mudata
import numpy as np
import pytest

from mmvae_cli.training.run import Run
from tests.pipeline.helpers import assert_same_run, assert_same_weights, study, train, weights

SELECTED = {"label": "label", "shared": 4, "other": 4, "supervised": True, "patience": 0}


def with_other_values(run: Run, part: str, replicate: int = 0) -> mudata.MuData:
    """The data with all values of a part of a run's split replaced, and those of its labels kept."""
    mdata = study()
    held = set(run.samples[run.splits[replicate] == part])
    assert held
    random = np.random.default_rng(5)
    for adata in mdata.mod.values():
        rows = adata.obs_names.isin(held)
        adata.X[rows] = 7 + 3 * random.normal(size=(rows.sum(), adata.n_vars))
    return mdata


@pytest.mark.parametrize("part", ["test", "validation"])
def test_held_out_values_change_nothing_that_is_fitted(tmp_path: Path, part: str) -> None:
    data = study()
    first = train(data, tmp_path / "a", **SELECTED)
    changed = with_other_values(first, part)
    second = train(changed, tmp_path / "b", **SELECTED)
    np.testing.assert_array_equal(first.splits, second.splits)
    assert_same_run(first, second)
    for name in data.mod:
        for column in ("mmvae_rank", "mmvae_set"):
            assert list(data.mod[name].var[column]) == list(changed.mod[name].var[column])
    trained = np.isin(data.obs_names, first.samples[first.splits[0] == "train"])
    np.testing.assert_array_equal(data.obsm["X_mmvae"][trained], changed.obsm["X_mmvae"][trained])
    assert not np.allclose(data.obsm["X_mmvae"][~trained], changed.obsm["X_mmvae"][~trained])


def test_held_out_values_of_a_replicate_with_its_own_split_change_nothing_of_it(tmp_path: Path) -> None:
    options = {**SELECTED, "replicates": 2, "splits": "own"}
    first = train(study(), tmp_path / "a", **options)
    second = train(with_other_values(first, "test", replicate=1), tmp_path / "b", **options)
    for one, other in zip(first.modalities, second.modalities, strict=True):
        assert list(one.feature_names(1)) == list(other.feature_names(1))
        np.testing.assert_allclose(one.view(one.mean, 1), other.view(other.mean, 1), rtol=0, atol=1e-12)
        np.testing.assert_allclose(one.view(one.sd, 1), other.view(other.sd, 1), rtol=0, atol=1e-12)
    assert_same_weights(first, 1, second, 1)
    encoder = "modalities.0.encoder.hidden.weight"
    assert not np.allclose(weights(first)[encoder][0], weights(second)[encoder][0], atol=1e-4)


def test_constant_is_what_is_constant_in_the_training_samples(tmp_path: Path) -> None:
    first = train(study(), tmp_path / "a", patience=0)
    data = study()
    rna = data.mod["rna"]
    trained = rna.obs_names.isin(first.samples[first.splits[0] == "train"])
    rna.X[trained, 0] = 2.0
    run = train(data, tmp_path / "b", patience=0)
    assert rna.var_names[0] not in run.modality("rna").features
    assert len(run.modality("rna").features) == rna.n_vars - 1


@pytest.mark.parametrize(("option", "field"), [("select_on", "shared_set"), ("scale_on", "mean")])
def test_all_samples_are_used_where_that_is_asked_for(tmp_path: Path, option: str, field: str) -> None:
    options = {**SELECTED, option: "all"}
    first = train(study(), tmp_path / "a", **options)
    second = train(with_other_values(first, "test"), tmp_path / "b", **options)
    differs = [
        list(one.features) != list(other.features) or not np.array_equal(getattr(one, field), getattr(other, field))
        for one, other in zip(first.modalities, second.modalities, strict=True)
    ]
    assert all(differs)


def test_scaling_is_that_of_the_training_samples(tmp_path: Path) -> None:
    data = study()
    run = train(data, tmp_path / "a", replicates=2, splits="own")
    for record in run.modalities:
        adata = data.mod[record.name]
        for replicate in range(2):
            trained = adata.obs_names.isin(run.samples[run.splits[replicate] == "train"])
            x = adata[trained, list(record.feature_names(replicate))].X.astype(np.float64)
            np.testing.assert_allclose(record.view(record.mean, replicate), x.mean(0), atol=1e-12)
            np.testing.assert_allclose(record.view(record.sd, replicate), x.std(0), rtol=1e-12)


def test_labels_of_held_out_samples_are_not_learned(tmp_path: Path) -> None:
    # a split of its own keeps the strata, and so the split, as they are
    data = study()
    first = train(data, tmp_path / "a", **SELECTED)
    changed = study()
    changed.obs["fold"] = data.obs["mmvae_split"].astype(str)
    held = changed.obs["fold"] == "test"
    flipped = {"positive": "negative", "negative": "positive"}
    changed.obs["label"] = [
        flipped[value] if out else value for value, out in zip(changed.obs["label"], held, strict=True)
    ]
    second = train(changed, tmp_path / "b", split="fold", **SELECTED)
    assert_same_run(first, second)
