"""Baselines against scikit-learn, and that nothing they are fitted on is held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.neighbors import KNeighborsRegressor

from mmvae_cli.evaluation import baselines, components, regression
from mmvae_cli.evaluation.baselines import BASELINES, Predictor, Values, different, predictor
from mmvae_cli.evaluation.metrics import r2_per_feature

N_TRAIN, N_TEST, N_TARGETS = 60, 40, 7
ALL = np.ones(N_TRAIN, dtype=bool), np.ones(N_TEST, dtype=bool)


def linear_data(n_sources: int, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sources and targets of three factors, and noise; the last target is noise only."""
    random = np.random.default_rng(1)
    factors = random.standard_normal((N_TRAIN + N_TEST, 3))
    x = factors @ random.standard_normal((3, n_sources)) + noise * random.standard_normal((len(factors), n_sources))
    y = factors @ random.standard_normal((3, N_TARGETS)) + noise * random.standard_normal((len(factors), N_TARGETS))
    y[:, -1] = random.standard_normal(len(y))
    x, y = (5 + 2 * x).astype(np.float32), (3 - 4 * y).astype(np.float32)
    return x[:N_TRAIN], x[N_TRAIN:], y[:N_TRAIN], y[N_TRAIN:]


def made(n_sources: int, n_shared: int = 3) -> tuple[Predictor, np.ndarray]:
    x, x_test, y, y_test = linear_data(n_sources)
    return predictor([Values(x, x_test, *ALL)], y, n_shared), y_test


def scaled(n_sources: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, x_test, y, _ = (part.astype(float) for part in linear_data(n_sources))
    return (x - x.mean(0)) / x.std(0), (x_test - x.mean(0)) / x.std(0), (y - y.mean(0)) / y.std(0)


WIDE_AND_NARROW = pytest.mark.parametrize("n_sources", [20, 300])


@WIDE_AND_NARROW
def test_ridge_is_scikit_learns_for_a_given_penalty(n_sources: int) -> None:
    x, x_test, y = scaled(n_sources)
    problem = made(n_sources)[0].problem
    train, test = problem.coordinates
    unit = np.square(train).sum(0).mean()
    found = regression.ridge(train, test, problem.y, penalties=np.array([0.5]))
    np.testing.assert_allclose(found, Ridge(alpha=0.5 * unit).fit(x, y).predict(x_test), atol=1e-4)


@WIDE_AND_NARROW
def test_the_penalty_of_ridge_is_about_as_good_as_by_leaving_one_out(n_sources: int) -> None:
    x, x_test, y = scaled(n_sources)
    wanted = RidgeCV(regression.PENALTIES * np.square(x).sum() / min(N_TRAIN - 1, n_sources), alpha_per_target=True)
    found, y_test = made(n_sources)
    own = r2_per_feature(y_test, found.predict("ridge"))
    predicted = wanted.fit(x, y).predict(x_test) * found.sd + found.mean
    np.testing.assert_allclose(own, r2_per_feature(y_test, predicted), atol=0.05)
    assert np.all(own[:-1] > 0.6)
    assert abs(own[-1]) < 0.2


@WIDE_AND_NARROW
@pytest.mark.parametrize(("name", "n_components"), [("pls2", 2), ("pls", 3)])
def test_partial_least_squares_is_scikit_learns(n_sources: int, name: str, n_components: int) -> None:
    x, x_test, y = scaled(n_sources)
    wanted = PLSRegression(n_components, scale=False, max_iter=10_000, tol=1e-14).fit(x, y).predict(x_test)
    found = BASELINES[name].predict(made(n_sources)[0].problem)
    np.testing.assert_allclose(found, wanted, atol=1e-3)


@WIDE_AND_NARROW
def test_neighbours_are_scikit_learns_for_a_given_number(n_sources: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression, "NEIGHBOURS", (4,))
    monkeypatch.setattr(regression, "DIMENSIONS", (None,))
    x, x_test, y = scaled(n_sources)
    wanted = KNeighborsRegressor(4).fit(x, y).predict(x_test)
    np.testing.assert_allclose(BASELINES["knn"].predict(made(n_sources)[0].problem), wanted, atol=1e-4)


@pytest.mark.parametrize("name", BASELINES)
def test_held_out_values_change_no_fit(name: str) -> None:
    x, x_test, y, _ = linear_data(30)
    one = predictor([Values(x, x_test, *ALL)], y, 2)
    others = np.concatenate([x_test[:5], 100 * x_test[5:] + 7])
    other = predictor([Values(x, others, *ALL)], y, 2)
    np.testing.assert_allclose(one.predict(name)[:5], other.predict(name)[:5], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", BASELINES)
def test_the_order_of_the_samples_does_not_matter(name: str) -> None:
    x, x_test, y, _ = linear_data(30)
    order, order_test = np.random.default_rng(5).permutation(N_TRAIN), np.arange(N_TEST)[::-1]
    one = predictor([Values(x, x_test, *ALL)], y, 2).predict(name)
    other = predictor([Values(x[order], x_test[order_test], *ALL)], y[order], 2).predict(name)
    np.testing.assert_allclose(one[order_test], other, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("name", ["ridge", "knn", "pls2", "pls"])
def test_leading_components_give_about_what_all_of_them_give(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exact, y_test = made(300)
    assert exact.problem.coordinates[0].shape == (N_TRAIN, N_TRAIN - 1)
    monkeypatch.setattr(components, "EXACT", 10)
    monkeypatch.setattr(components, "LEADING", 20)
    fast, _ = made(300)
    assert fast.problem.coordinates[0].shape == (N_TRAIN, 20)
    one, other = (r2_per_feature(y_test, which.predict(name))[:-1] for which in (exact, fast))
    np.testing.assert_allclose(one, other, atol=0.03)


def test_coordinates_keep_the_inner_products_of_the_features() -> None:
    problem = made(300)[0].problem
    train, test = problem.coordinates
    centred, centred_test = problem.train - problem.train.mean(0), problem.test - problem.train.mean(0)
    np.testing.assert_allclose(test @ train.T, centred_test @ centred.T, atol=1e-2)


def test_a_source_that_is_not_observed_counts_as_its_mean() -> None:
    x, x_test, y, _ = linear_data(20)
    has, has_test = np.arange(N_TRAIN) % 3 > 0, np.arange(N_TEST) % 2 > 0
    x_gaps, x_test_gaps = x.copy(), x_test.copy()
    x_gaps[~has], x_test_gaps[~has_test] = 1e6, np.nan
    found = predictor([Values(x, x_test, *ALL), Values(x_gaps, x_test_gaps, has, has_test)], y, 2)
    assert np.all(found.problem.train[~has, 20:] == 0)
    assert np.all(found.problem.test[~has_test, 20:] == 0)
    np.testing.assert_allclose(found.problem.train[has, 20:].mean(0), 0, atol=1e-5)
    assert all(np.isfinite(found.predict(name)).all() for name in BASELINES)


@pytest.mark.parametrize("name", BASELINES)
def test_constant_features_and_few_samples_are_no_trouble(name: str) -> None:
    x, x_test, y, _ = linear_data(4)
    x, y = x[:3].copy(), y[:3].copy()
    x[:, 0], y[:, 1] = 2.0, 5.0
    found = predictor([Values(x, x_test, ALL[0][:3], ALL[1])], y, 4).predict(name)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[:, 1], 5.0)


def test_the_mean_has_an_r2_of_at_most_zero() -> None:
    found, y_test = made(20)
    assert np.all(r2_per_feature(y_test, found.predict("mean")) <= 0)


def test_what_is_too_large_is_left_out_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = made(300)
    assert found.left_out("ridge") is None
    monkeypatch.setitem(baselines.BASELINES, "ridge", replace(BASELINES["ridge"], limit=1e3))
    assert found.left_out("ridge") == "too large, 60 samples × 300 × 7 features"


def test_baselines_that_would_be_the_same_are_computed_once() -> None:
    assert different(3) == list(BASELINES)
    assert different(2) == [name for name in BASELINES if name != "pls"]
