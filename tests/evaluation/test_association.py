"""Rank tests of all latents at once against scipy's, one at a time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from mmvae_cli.evaluation.association import AUC, EPSILON, SPEARMAN, ranked, with_classes, with_numbers

RANDOM = np.random.default_rng(0)
LATENTS = RANDOM.normal(size=(60, 4))
TIED = np.round(LATENTS, 1)


@pytest.mark.parametrize("latents", [LATENTS, TIED])
def test_numbers_as_scipy_and_with_the_sign(latents: np.ndarray) -> None:
    values = np.round(latents[:, 0] - 0.5 * latents[:, 1] + RANDOM.normal(size=60), 1)
    found = with_numbers(ranked(latents), values)
    assert found.measure == SPEARMAN
    expected = [stats.spearmanr(one, values) for one in latents.T]
    np.testing.assert_allclose(found.effect, [one.statistic for one in expected])
    np.testing.assert_allclose(found.p, [one.pvalue for one in expected])
    assert found.effect[0] > 0 > found.effect[1]


@pytest.mark.parametrize("latents", [LATENTS, TIED])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_classes_as_scipy(latents: np.ndarray, n_classes: int) -> None:
    codes = np.clip(np.floor(latents[:, 0] + RANDOM.normal(size=60)) + n_classes // 2, 0, n_classes - 1).astype(int)
    found = with_classes(ranked(latents), codes)
    expected = [stats.kruskal(*(one[codes == code] for code in range(n_classes))) for one in latents.T]
    np.testing.assert_allclose(found.p, [one.pvalue for one in expected])
    if n_classes == 2:
        assert found.measure == AUC
        np.testing.assert_allclose(found.effect, [roc_auc_score(codes, one) for one in latents.T])
    else:
        assert found.measure == EPSILON
        np.testing.assert_allclose(found.effect, [one.statistic * 61 / (60**2 - 1) for one in expected])


def test_a_perfect_association_has_the_largest_effect() -> None:
    z = ranked(np.arange(30.0)[:, None])
    assert with_numbers(z, -(z[:, 0] ** 3)).effect == pytest.approx(-1)
    assert with_numbers(z, z[:, 0]).p < 1e-20
    assert with_classes(z, (z[:, 0] >= 10).astype(int)).effect == 1


def test_latents_that_do_not_vary_have_no_association() -> None:
    z = ranked(np.column_stack([np.ones(30), np.arange(30)]))
    for found in (
        with_numbers(z, np.arange(30.0)),
        with_classes(z, np.arange(30) % 2),
        with_classes(z, np.arange(30) % 3),
    ):
        assert list(np.isnan(found.p)) == list(np.isnan(found.effect)) == [True, False]
