from __future__ import annotations

import anndata
import numpy as np
import pytest
import scanpy
from scipy import sparse

from mmvae_cli.data.variability import highest, normalised_dispersion, variance

FORMATS = [np.asarray, sparse.csr_matrix]


def counts() -> np.ndarray:
    random = np.random.default_rng(0)
    rates = np.exp(random.normal(0, 1, 60)) * np.exp(random.normal(0, random.uniform(0, 1.5, 60), (50, 60)))
    return random.poisson(rates).astype(np.float32)


@pytest.mark.parametrize("convert", FORMATS)
@pytest.mark.filterwarnings("ignore")
def test_dispersion_is_that_of_scanpy_on_the_samples_that_are_looked_at(convert) -> None:
    values, rows = counts(), np.arange(40)
    usable = values[rows].std(0) > 0
    usable[3] = False
    reference = anndata.AnnData(values[rows])
    scanpy.pp.normalize_total(reference, target_sum=1e4)
    scanpy.pp.log1p(reference)
    reference = reference[:, usable].copy()
    scanpy.pp.highly_variable_genes(reference, flavor="seurat", n_top_genes=15)
    strength = normalised_dispersion(convert(values), rows, usable)
    chosen = highest(strength, usable, 15)
    np.testing.assert_array_equal(chosen[usable], reference.var["highly_variable"])
    assert np.isneginf(strength[~usable]).all()
    changed = values.copy()
    changed[40:] *= 100
    np.testing.assert_array_equal(normalised_dispersion(convert(changed), rows, usable), strength)


@pytest.mark.parametrize("convert", FORMATS)
def test_variance_is_that_of_the_samples_that_are_looked_at(convert) -> None:
    values = counts()
    np.testing.assert_allclose(variance(convert(values), np.arange(9)), values[:9].var(0), rtol=1e-6)


def test_the_highest_are_usable_ties_are_in_the_order_of_the_features_and_there_may_be_fewer() -> None:
    strength, usable = np.array([1.0, 5.0, 3.0, 3.0, -np.inf]), np.array([True, False, True, True, True])
    assert np.flatnonzero(highest(strength, usable, 1)).tolist() == [2]
    assert np.flatnonzero(highest(strength, usable, 9)).tolist() == [0, 2, 3, 4]
