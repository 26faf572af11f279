import numpy as np
import pytest
from scipy import sparse

from mmvae_cli.data import columns
from mmvae_cli.data.columns import column_moments, dense_blocks


@pytest.fixture
def values():
    generator = np.random.default_rng(0)
    values = (generator.poisson(0.5, (31, 9)) * generator.uniform(1, 2, (31, 9))).astype(np.float32)
    values[:, 3] = 0
    values[:, 4] = 0.1
    values[5:, 6] = 0
    return values


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("rows", [None, np.arange(5, 25)[::-1]])
def test_moments_are_those_of_numpy_dense_and_sparse(values, convert, rows):
    moments = column_moments(convert(values), rows)
    exact = (values if rows is None else values[rows]).astype(np.float64)
    np.testing.assert_allclose(moments.mean, exact.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.scatter, exact.var(axis=0) * len(exact), rtol=1e-10, atol=1e-20)
    np.testing.assert_array_equal(moments.count, np.full(9, len(exact)))
    np.testing.assert_array_equal(moments.constant, np.ptp(exact, axis=0) == 0)
    assert moments.constant[[3, 4]].all()


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix])
def test_missing_entries_are_left_out(values, convert):
    values[values > 1.5] = np.nan
    values[:, 8] = np.nan
    moments = column_moments(convert(values))
    np.testing.assert_array_equal(moments.count, np.sum(~np.isnan(values), axis=0))
    np.testing.assert_allclose(moments.mean[:8], np.nanmean(values[:, :8].astype(np.float64), axis=0), rtol=1e-12)
    assert np.isnan(moments.mean[8])
    assert moments.constant[8]


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix])
def test_sums_over_no_sample_and_no_feature_are_defined(convert):
    assert column_moments(convert(np.zeros((0, 3), np.float32))).constant.all()
    assert column_moments(convert(np.zeros((3, 0), np.float32))).mean.shape == (0,)


def test_large_offsets_lose_no_precision():
    values = (1e4 + np.random.default_rng(0).normal(size=(50, 2))).astype(np.float32)
    exact = values.astype(np.float64).var(axis=0) * 50
    for matrix in (values, sparse.csr_matrix(values)):
        np.testing.assert_allclose(column_moments(matrix).scatter, exact, rtol=1e-9)


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix])
def test_blocks_together_are_the_matrix(values, convert, monkeypatch):
    monkeypatch.setattr(columns, "BLOCK_ENTRIES", 80)
    parts = list(dense_blocks(convert(values), np.array([2, 1])))
    assert next(part.stop - part.start for part, _ in dense_blocks(convert(values))) == 2
    np.testing.assert_array_equal(np.concatenate([block for _, block in parts], axis=1), values[[2, 1]])
    assert all(block.dtype == np.float64 for _, block in parts)


def test_moments_of_a_sparse_matrix_by_parts_are_those_of_the_whole(monkeypatch):
    matrix = sparse.random(40, 7, 0.3, "csr", np.float32, np.random.default_rng(0))
    rows = np.array([5, 39, 0, 17, 18, 3, 22])
    whole = column_moments(matrix.toarray(), rows)
    monkeypatch.setattr(columns, "BLOCK_ENTRIES", 4)
    by_parts = column_moments(matrix, rows)
    for name in ("count", "mean", "scatter", "low", "high"):
        np.testing.assert_allclose(getattr(by_parts, name), getattr(whole, name), rtol=1e-12, atol=1e-14)
