"""Prediction intervals from the parts of what is not known, and how many values lie in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

CALIBRATED = 0.9  # level at which widths are calibrated; of others the shape of the distribution decides

Quantile = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class Moments:
    """Mean and variance of predictions.

    Attributes
    ----------
    mean, variance
        (n_samples, n_features); nan where nothing is predicted.
    """

    mean: np.ndarray
    variance: np.ndarray


def mixed(parts: Sequence[Moments]) -> Moments:
    """Moments of the mixture of several predictions, such as those of replicates, each with the same weight.

    The mean of the variances and the variance of the means: law of total variance.
    """
    mean = np.mean([part.mean for part in parts], axis=0)
    within = np.mean([part.variance for part in parts], axis=0)
    return Moments(mean, within + np.mean([np.square(part.mean - mean) for part in parts], axis=0))


def _normal(mean: np.ndarray, variance: np.ndarray, probability: float) -> np.ndarray:
    from scipy.special import ndtri

    return mean + ndtri(probability) * np.sqrt(variance)


def _bernoulli(mean: np.ndarray, _: np.ndarray, probability: float) -> np.ndarray:
    """Exact: a mixture of Bernoulli distributions is one."""
    return np.where(np.isnan(mean), np.nan, (mean > 1 - probability).astype(np.float64))


def _negative_binomial(mean: np.ndarray, variance: np.ndarray, probability: float) -> np.ndarray:
    """Of the negative binomial with that mean and variance, as if the rates were Gamma; Poisson without a spread."""
    from scipy.stats import nbinom, poisson

    excess = np.maximum(variance - mean, 0.0)
    spread = excess > 1e-6 * mean
    known = ~np.isnan(mean) & ~np.isnan(variance)
    found = np.full(mean.shape, np.nan)
    wide, plain = known & spread, known & ~spread
    found[plain] = poisson.ppf(probability, mean[plain])
    found[wide] = nbinom.ppf(probability, np.square(mean[wide]) / excess[wide], mean[wide] / variance[wide])
    return found


# By likelihood: quantiles of the predictive distribution, which is taken to be of this family, from its moments.
QUANTILES: dict[str, Quantile] = {
    "gaussian": _normal,
    "bernoulli": _bernoulli,
    **dict.fromkeys(("poisson", "nb", "zinb"), _negative_binomial),
}


def central_interval(moments: Moments, level: float, likelihood: str) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of the interval that holds a value with probability ``level``, as much on either side.

    Parameters
    ----------
    moments
        Of the predictive distribution, all that is not known included.
    level
        Between 0 and 1.
    likelihood
        Row of ``QUANTILES``.
    """
    outside = (1 - level) / 2
    quantile = QUANTILES[likelihood]
    ends = [quantile(moments.mean, moments.variance, probability) for probability in (outside, 1 - outside)]
    return ends[0], ends[1]


def width_factor(x: np.ndarray, moments: Moments) -> float:
    """Factor by which predictive standard deviations have to grow for their 90 % intervals to hold 90 % of values.

    A model learns its noise on training samples, and often from predictions that see more than those of interest; on
    samples it has not seen, the 0.9 quantile of ``|x − mean| / sd`` says how much wider the intervals have to be.
    They are never made narrower: where few values differ from 0, that quantile says little of those that do.

    Parameters
    ----------
    x
        (n_samples, n_features) values that the model was not fitted to; nan where there is none.
    moments
        Their predictions.

    Returns
    -------
    At least 1; 1 where nothing is predicted.

    Source: after Lei et al., Distribution-free predictive inference for regression, 2018 (split conformal).
    """
    from scipy.special import ndtri

    known = ~(np.isnan(x) | np.isnan(moments.mean)) & (moments.variance > 0)
    if not known.any():
        return 1.0
    ratios = np.abs(x - moments.mean)[known] / np.sqrt(moments.variance[known])
    return max(1.0, float(np.quantile(ratios, CALIBRATED) / ndtri((1 + CALIBRATED) / 2)))


def coverage(x: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> dict[str, float | int | None]:
    """Share of the values that lie in their intervals, ends included.

    Parameters
    ----------
    x, lower, upper
        (n_samples, n_features) in the same unit; values or intervals that are nan do not count.

    Returns
    -------
    ``coverage`` from 0 to 1, and ``width``, the mean width in that unit, both None without any value; ``n`` values.
    """
    known = ~(np.isnan(x) | np.isnan(lower) | np.isnan(upper))
    n_values = int(known.sum())
    if n_values == 0:
        return {"coverage": None, "width": None, "n": 0}
    inside = (x >= lower) & (x <= upper) & known
    width = float(np.mean((upper - lower)[known]))
    return {"coverage": float(inside.sum() / n_values), "width": width, "n": n_values}
