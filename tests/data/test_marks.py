"""Marks of samples: the same values are known again, other ones are not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from mmvae_cli.data.marks import differ, feature_weights, marks

NAMES = [f"gene {i}" for i in range(200)]
X = np.random.default_rng(0).normal(5.0, 1.0, (30, 200))
COUNTS = np.random.default_rng(1).poisson(0.1, (30, 200)).astype(float)


def test_the_order_of_features_does_not_matter_and_their_exchange_does() -> None:
    order = np.random.default_rng(2).permutation(200)
    weights = feature_weights(NAMES)
    assert marks(X, weights) == pytest.approx(marks(X[:, order], feature_weights([NAMES[i] for i in order])))
    assert differ(X[:, order], weights, marks(X, weights)).mean() > 0.9


@pytest.mark.parametrize("values", [X, sparse.csr_matrix(COUNTS)], ids=["dense", "sparse"])
def test_values_of_another_sample_differ(values) -> None:
    weights = feature_weights(NAMES)
    known = marks(values, weights)
    assert not differ(values, weights, known).any()
    assert differ(values[::-1], weights, known).mean() > 0.9


def test_dense_and_sparse_values_have_the_same_marks() -> None:
    weights = feature_weights(NAMES)
    assert marks(sparse.csr_matrix(COUNTS), weights) == pytest.approx(marks(COUNTS, weights))


def test_rounding_does_not_count() -> None:
    weights = feature_weights(NAMES)
    assert not differ(X.round(2), weights, marks(X, weights)).any()


def test_missing_entries_and_unknown_samples_do_not_count() -> None:
    weights, holes = feature_weights(NAMES), X.copy()
    holes[:, ::7] = np.nan
    known = marks(holes, weights)
    known[3] = np.nan
    assert not differ(holes, weights, known).any()
    assert not differ(holes + 1.0, weights, known)[3]
