"""Association of latents with a column, by ranks: of numbers, of two classes, of more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

SPEARMAN, AUC, EPSILON = "spearman", "auc", "epsilon2"


@dataclass(frozen=True)
class Association:
    """Of several latents with one column, each (n_latents,); nan for latents that do not vary.

    Attributes
    ----------
    measure
        What ``effect`` is: ``SPEARMAN``, ``AUC`` (of the second class over the first) or ``EPSILON``.
    effect, p
        Size of the association, and the probability of one as large without any.
    """

    measure: str
    effect: np.ndarray
    p: np.ndarray


def ranked(latents: np.ndarray) -> np.ndarray:
    """(n_samples, n_latents) ranks from 1, in each column; equal values share their mean rank."""
    return np.asarray(stats.rankdata(latents, axis=0))


def with_numbers(ranks: np.ndarray, values: np.ndarray) -> Association:
    """Spearman's rank correlation ρ, with ties; p by Student's t with n - 2 degrees of freedom, two-sided.

    Parameters
    ----------
    ranks
        (n_samples, n_latents), from ``ranked``.
    values
        (n_samples,), which vary.
    """
    n = len(values)
    z, x = (_standardised(one) for one in (ranks, ranked(values[:, None])))
    rho = np.clip((z * x).mean(axis=0), -1.0, 1.0)
    with np.errstate(divide="ignore"):
        t = rho * np.sqrt((n - 2) / (1 - rho**2))
    return Association(SPEARMAN, rho, 2 * stats.t.sf(np.abs(t), n - 2))


def with_classes(ranks: np.ndarray, codes: np.ndarray) -> Association:
    """Kruskal-Wallis test, with ties; p by χ². Effect: of two classes the AUC, of more ``ε² = H / (n - 1)``.

    Parameters
    ----------
    ranks
        (n_samples, n_latents), from ``ranked``.
    codes
        (n_samples,) class of each sample; all from 0 to the number of classes - 1 occur, and there are two at least.

    Source: Kruskal & Wallis, Use of ranks in one-criterion variance analysis, 1952. Tomczak & Tomczak, The need to
    report effect size estimates revisited, 2014 (ε²).
    """
    n, sizes = len(codes), np.bincount(codes)
    means = np.stack([np.bincount(codes, one) for one in ranks.T], axis=1) / sizes[:, None]  # (n_classes, n_latents)
    between = (sizes[:, None] * (means - (n + 1) / 2) ** 2).sum(axis=0)
    variance = ranks.var(axis=0, ddof=1)  # n (n + 1) / 12 without ties
    h = np.divide(between, variance, out=np.full(len(variance), np.nan), where=variance > 0)
    p = stats.chi2.sf(h, len(sizes) - 1)
    if len(sizes) > 2:
        return Association(EPSILON, h / (n - 1), p)
    return Association(AUC, np.where(np.isnan(h), np.nan, (means[1] - (sizes[1] + 1) / 2) / sizes[0]), p)


def _standardised(ranks: np.ndarray) -> np.ndarray:
    """Ranks with mean 0 and variance 1 in each column; nan where they do not vary."""
    sd = ranks.std(axis=0)
    return np.asarray((ranks - ranks.mean(axis=0)) / np.where(sd > 0, sd, np.nan))
