from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import kstest

from mmvae_cli.data.false_discovery import benjamini_hochberg
from mmvae_cli.evaluation import permutation
from mmvae_cli.evaluation.permutation import prediction_significance


def related(n_samples: int, n_features: int, n_related: int, slope: float = 1.0, seed: int = 0) -> tuple:
    """Skewed values, of which the first ``n_related`` features have something to do with their predictions."""
    generator = np.random.default_rng(seed)
    x = generator.exponential(size=(n_samples, n_features))
    x_hat = generator.exponential(size=(n_samples, n_features))
    x_hat[:, :n_related] += slope * x[:, :n_related]
    return x, x_hat


def test_p_is_uniform_without_a_relation() -> None:
    found = prediction_significance(*related(25, 1500, 0), 0, "rna")
    below = found.p[found.p < 0.5]  # above, p takes few values: 20/20, 20/21, ...
    assert kstest(below, "uniform", args=(0, 0.5)).pvalue > 1e-3
    assert abs(len(below) / 1500 - 0.5) < 4 * np.sqrt(0.25 / 1500)
    assert (found.q < 0.05).sum() == 0


def test_p_equals_that_of_all_orders_where_there_are_few() -> None:
    x, x_hat = related(6, 40, 40, slope=0.5)
    r = np.stack([[np.corrcoef(x[:, d], x_hat[list(order), d])[0, 1] for d in range(40)]
                  for order in itertools.permutations(range(6))])  # fmt: skip
    exact = (r >= r[0] - 1e-9).mean(axis=0)
    found = prediction_significance(x, x_hat, 0)
    assert np.abs(found.p / exact - 1).max() < 4 / np.sqrt(permutation.ENOUGH)


def test_a_true_relation_is_found_among_many_features_and_an_inverted_one_is_not() -> None:
    x, x_hat = related(60, 3000, 3, slope=3)
    x_hat[:, 3] = -x[:, 3]
    found = prediction_significance(x, x_hat, 0, "rna")
    assert (found.q[:3] < 0.05).all()  # which takes more permutations than there are features
    assert found.n_permutations > 3000
    assert (found.q[3:] < 0.05).mean() < 0.01
    assert found.p[3] > 0.95
    np.testing.assert_array_equal(found.q, benjamini_hochberg(found.p))


def test_a_feature_does_not_depend_on_the_others_place_and_blocks_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, x_hat = related(20, 90, 30)
    order = np.random.default_rng(1).permutation(90)
    found = prediction_significance(x, x_hat, 0, "rna")
    np.testing.assert_array_equal(prediction_significance(x[:, order], x_hat[:, order], 0, "rna").p, found.p[order])
    monkeypatch.setattr(permutation, "BLOCK_ENTRIES", 50)
    np.testing.assert_array_equal(prediction_significance(x, x_hat, 0, "rna").p, found.p)
    assert (prediction_significance(x, x_hat, 1, "rna").p != found.p).any()
    assert (prediction_significance(x, x_hat, 0, "meth").p != found.p).any()


def test_binary_values_tie() -> None:
    x = (np.arange(20) % 4 == 0).astype(float)[:, None]
    assert prediction_significance(x, 0.1 + 0.7 * x, 0).p < 0.01
    half = np.tile([0.0, 0, 1, 1], 5)[:, None]  # of 5 ones, 2.5 expected among the 10 of the prediction
    at_least = prediction_significance(x, half, 0).p[0]
    assert at_least > 0.99


def test_what_cannot_be_tested_is_nan_and_does_not_count() -> None:
    x, x_hat = related(30, 5, 5, slope=4)
    x[:, 0], x_hat[:, 1], x_hat[3, 2] = 0.1, 0.1, np.nan
    found = prediction_significance(x, x_hat, 0)
    assert np.isnan(found.p).tolist() == np.isnan(found.q).tolist() == [True, True, True, False, False]
    few = prediction_significance(x[:4], x_hat[:4], 0)
    assert np.isnan(few.p).all()
    assert few.n_permutations == 0
    assert prediction_significance(x[:, :0], x_hat[:, :0], 0).p.shape == (0,)
