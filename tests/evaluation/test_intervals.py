from __future__ import annotations

import numpy as np
import pytest

from mmvae_cli.evaluation.intervals import QUANTILES, Moments, central_interval, coverage, mixed, width_factor
from mmvae_cli.model.likelihoods import LIKELIHOODS

LEVELS = (0.5, 0.9, 0.99)


def test_every_likelihood_has_quantiles() -> None:
    assert QUANTILES.keys() == LIKELIHOODS.keys()


@pytest.mark.parametrize("level", LEVELS)
def test_intervals_of_a_gaussian_hold_the_nominal_share(level: float) -> None:
    generator = np.random.default_rng(0)
    mean, sd = generator.normal(3, 2, (400, 50)), generator.uniform(0.2, 2, (400, 50))
    found = coverage(generator.normal(mean, sd), *central_interval(Moments(mean, sd**2), level, "gaussian"))
    assert abs(found["coverage"] - level) < 4 * np.sqrt(level * (1 - level) / 20_000)
    assert found["n"] == 20_000


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("shape", [0.5, 4.0, np.inf])
def test_intervals_of_counts_hold_at_least_the_nominal_share(level: float, shape: float) -> None:
    generator = np.random.default_rng(0)
    mean = generator.uniform(0.2, 40, (400, 50))
    rate = mean if np.isinf(shape) else generator.gamma(shape, mean / shape)
    variance = mean + (0 if np.isinf(shape) else mean**2 / shape)
    lower, upper = central_interval(Moments(mean, variance), level, "poisson")
    share = coverage(generator.poisson(rate), lower, upper)["coverage"]
    assert level - 4 * np.sqrt(level * (1 - level) / 20_000) < share < level + 0.15
    assert (lower >= 0).all()
    assert (lower == lower.round()).all()


def test_intervals_of_binary_values_leave_out_what_is_too_rare() -> None:
    mean = np.array([[0.02, 0.3, 0.97]])
    lower, upper = central_interval(Moments(mean, mean * (1 - mean)), 0.9, "bernoulli")
    assert lower.tolist() == [[0, 0, 1]]
    assert upper.tolist() == [[0, 1, 1]]


@pytest.mark.parametrize("likelihood", QUANTILES)
def test_what_is_not_predicted_has_no_interval(likelihood: str) -> None:
    mean = np.array([[0.5, np.nan], [np.nan, 0.2]])
    for end in central_interval(Moments(mean, mean), 0.9, likelihood):
        np.testing.assert_array_equal(np.isnan(end), np.isnan(mean))


def test_a_mixture_has_the_moments_of_its_draws() -> None:
    generator = np.random.default_rng(0)
    parts = [Moments(np.full((1, 1), mean), np.full((1, 1), variance)) for mean, variance in ((0, 1), (3, 4), (5, 1))]
    draws = np.concatenate([generator.normal(p.mean[0, 0], np.sqrt(p.variance[0, 0]), 100_000) for p in parts])
    found = mixed(parts)
    assert found.mean[0, 0] == pytest.approx(draws.mean(), abs=0.02)
    assert found.variance[0, 0] == pytest.approx(draws.var(), rel=0.02)
    np.testing.assert_array_equal(mixed(parts[:1]).variance, parts[0].variance)


def test_coverage_counts_what_has_a_value_and_an_interval() -> None:
    x = np.array([[1.0, 2.0, np.nan], [4.0, 9.0, 1.0]])
    lower = np.array([[1.0, np.nan, 0.0], [5.0, 0.0, 0.0]])
    upper = np.array([[3.0, 9.0, 9.0], [6.0, 10.0, 1.0]])
    assert coverage(x, lower, upper) == {"coverage": 0.75, "width": pytest.approx((2 + 1 + 10 + 1) / 4), "n": 4}
    assert coverage(x[:0], lower[:0], upper[:0]) == {"coverage": None, "width": None, "n": 0}


@pytest.mark.parametrize("too_small", [1.2, 3.0])
def test_widened_intervals_hold_the_nominal_share_of_other_values(too_small: float) -> None:
    generator = np.random.default_rng(0)
    mean, sd = generator.normal(size=(400, 50)), generator.uniform(0.5, 2, (400, 50))
    x, said = generator.normal(mean, sd), Moments(mean, (sd / too_small) ** 2)
    x[::7], said.mean[:, 3] = np.nan, np.nan
    factor = width_factor(x[:200], Moments(said.mean[:200], said.variance[:200]))
    assert factor == pytest.approx(too_small, rel=0.05)
    widened = Moments(said.mean[200:], factor**2 * said.variance[200:])
    assert coverage(x[200:], *central_interval(widened, 0.9, "gaussian"))["coverage"] == pytest.approx(0.9, abs=0.02)


def test_widths_stay_where_there_is_nothing_to_learn_them_from() -> None:
    one = np.ones((2, 2))
    assert width_factor(one, Moments(one * np.nan, one)) == 1
    assert width_factor(one[:0], Moments(one[:0], one[:0])) == 1
    assert width_factor(one, Moments(one, one)) == 1  # never narrower than the model's own noise
