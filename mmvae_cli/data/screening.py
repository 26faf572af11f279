"""Which features carry signal that other modalities share, found without a label."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np

from mmvae_cli.data.association import Columns, association_scores, inflation
from mmvae_cli.data.dataset import Matrix
from mmvae_cli.data.false_discovery import benjamini_hochberg
from mmvae_cli.data.random import keyed_generator
from mmvae_cli.data.spread_signal import relaxed
from mmvae_cli.errors import pick

ASSOCIATIONS = ("pearson", "spearman")
FEWEST_PERMUTATIONS = 99
STANDARD_ERRORS = 2  # by which the estimated number of false calls is raised
USUAL = 0.8  # share of the permutations that have no more false calls than estimated; above, power falls
FEWEST_SAMPLES = 10  # that two modalities have in common; with fewer, the pair says nothing
LEAST_SD = 0.1  # of a null score, in the median feature's: below, it may be rounding


@dataclass(frozen=True)
class Screening:
    """What screening found in one modality, each (n_features,).

    Attributes
    ----------
    role
        ``"shared"`` or ``"other"``; ``"unused"`` where the feature was not to be screened.
    score
        Association with the modality with which it is strongest, from 0 to 1 (the first of ``association_scores``);
        nan where the feature was not screened.
    q
        The smallest false discovery rate at which the feature is called by its own evidence; nan where it was not
        screened.
    spread
        Whether features are called beyond those, as the signal is spread over many.
    """

    role: np.ndarray
    score: np.ndarray
    q: np.ndarray
    spread: bool = False

    @property
    def n_shared(self) -> int:
        """How many features are called shared."""
        return int((self.role == "shared").sum())


def screen(
    values: Mapping[str, Matrix],
    rows: Mapping[str, np.ndarray],
    usable: Mapping[str, np.ndarray],
    *,
    fdr: float = 0.05,
    association: str = "pearson",
    spread: bool = True,
    seed: int = 0,
    nuisance: Mapping[str, np.ndarray] | None = None,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Screening]:
    """Find the features of every modality that are associated with another modality.

    Each pair of modalities is scored on the samples that both have, and again after permutations of these samples.
    Each of a feature's scores is standardised by its own permuted ones, the highest over scores and pairs is its
    statistic, and what the same statistic reaches under permutation is its null distribution. No feature is called
    unless the data as a whole (the modality with the second strongest signal, since it takes two to share) stand
    out from their permutations, and the modality stands out from its own.

    Parameters
    ----------
    values
        By modality, (n_own_samples, n_features), dense or CSR; for a missing entry, nan, stands the mean of its
        feature, in permutations too.
    rows
        By modality, (n_samples,) row in its table of each training sample, in an order common to all; −1 where the
        sample lacks the modality.
    usable
        By modality, (n_features,) False for features that are not to be screened.
    fdr
        False discovery rate, for each modality.
    association
        ``"pearson"``, or ``"spearman"`` for correlations of ranks.
    spread
        Call more features where the modality as a whole has far more signal than those show that are called one by one:
        as many as carry some, see ``data.spread_signal``. The false discovery rate is not controlled there.
    seed
        Of the permutations.
    nuisance
        By modality, (n_own_samples, k) numbers such as the log of library sizes, whose linear share is taken out of
        every feature.
    progress
        Called with the share of the work that is done, from 0 to 1.

    Raises
    ------
    DataError
        If the association is unknown.
    """
    pick(association, ASSOCIATIONS, "association")
    names = sorted(values)
    features = {name: np.flatnonzero(usable[name]) for name in names}
    n_orders = 1 + max(FEWEST_PERMUTATIONS, int(np.ceil(2 / fdr)) - 1)
    scores = {name: np.full(len(features[name]), np.nan) for name in names}
    statistics = {name: np.full((n_orders, len(features[name])), -np.inf) for name in names}
    pairs = list(combinations(names, 2))
    for number, (first, second) in enumerate(pairs):
        tick = partial(_report, progress, number, len(pairs))
        common = np.flatnonzero((rows[first] >= 0) & (rows[second] >= 0))
        if len(common) >= FEWEST_SAMPLES and len(features[first]) and len(features[second]):
            generator = keyed_generator(seed, "screening", first, second)
            orders = _orders(len(common), n_orders, generator)
            x, y = (
                Columns.of(values[name], rows[name][common], features[name], association == "spearman").without(
                    nuisance[name][rows[name][common]] if nuisance and name in nuisance else None
                )
                for name in (first, second)
            )
            both, factor = association_scores(x, y, orders, generator, tick), inflation(x, y)
            for name, found in zip((first, second), both, strict=True):
                found[:, 1:] *= factor  # of the permuted scores, which are to be what chance gives
                scores[name] = np.fmax(scores[name], found[0, 0])
                statistics[name] = np.maximum(statistics[name], np.max([_standardised(each) for each in found], axis=0))
        tick(1.0)
    return _called({name: len(usable[name]) for name in names}, features, scores, statistics, fdr, spread)


def _report(progress: Callable[[float], None] | None, number: int, n_pairs: int, done: float) -> None:
    """Tell how much of all pairs' work is done, from the share that is done of one pair's."""
    if progress is not None:
        progress((number + done) / n_pairs)


def _orders(n_samples: int, n_orders: int, generator: np.random.Generator) -> np.ndarray:
    """Orders of the samples: as they are, and permuted; (n_orders, n_samples)."""
    permuted = [generator.permutation(n_samples) for _ in range(n_orders - 1)]
    return np.stack([np.arange(n_samples), *permuted])


def _standardised(scores: np.ndarray) -> np.ndarray:
    """Standardise each feature's scores by its permuted ones, a permuted score by the others; (n_orders, n_features).

    −inf where a feature's scores do not vary, and so say nothing.
    """
    null = scores[1:]
    n_null = len(null)
    mean = null.mean(axis=0)
    scatter = np.square(null - mean).sum(axis=0)
    sd = np.sqrt(scatter / (n_null - 1))
    testable = sd > 0
    least = LEAST_SD * np.median(sd[testable]) if testable.any() else 1.0
    # without its own share the mean moves by -(s - mean)/(n - 1), the scatter by -(s - mean)² n/(n - 1)
    away = null - mean
    others_scatter = np.maximum(scatter - np.square(away) * n_null / (n_null - 1), 0.0)
    others_sd = np.sqrt(others_scatter / (n_null - 2))
    observed = (scores[:1] - mean) / np.maximum(sd, least)
    permuted = away * n_null / (n_null - 1) / np.maximum(others_sd, least)
    return np.where(testable, np.concatenate([observed, permuted]), -np.inf)


def _called(
    n_features: Mapping[str, int],
    features: Mapping[str, np.ndarray],
    scores: Mapping[str, np.ndarray],
    statistics: Mapping[str, np.ndarray],
    fdr: float,
    spread: bool,
) -> dict[str, Screening]:
    """Turn scores and statistics, the observed ones first, into roles and q-values."""
    tested = {name: np.isfinite(statistics[name][0]) for name in statistics}
    p = {name: _p_values(statistics[name][:, tested[name]]) for name in statistics}
    strongest = {name: _smallest_q(p[name]) for name in p}  # of each order of the samples
    overall = _rank_of_first(np.sort(list(strongest.values()), axis=0)[1])
    q, found = {}, {}
    for name in statistics:
        q[name] = np.full(n_features[name], np.nan)
        among = features[name][tested[name]]
        adjusted = benjamini_hochberg(_cautious_p_values(statistics[name][:, tested[name]]))
        q[name][among] = np.maximum(adjusted, max(overall, _rank_of_first(strongest[name])))
    alone = {name: q[name] <= fdr for name in q}
    shared = {name: calls.copy() for name, calls in alone.items()}
    for name in statistics:
        among = features[name][tested[name]]
        if spread and max(overall, _rank_of_first(strongest[name])) <= fdr:
            shared[name][among] = relaxed(alone[name][among], statistics[name][0, tested[name]], p[name])
    several = sum(bool(calls.any()) for calls in shared.values()) > 1  # nothing is shared with nobody
    for name in statistics:
        role = np.full(n_features[name], "unused", dtype=object)
        role[features[name]] = np.where((shared[name] & several)[features[name]], "shared", "other")
        score = np.full(n_features[name], np.nan)
        score[features[name][tested[name]]] = scores[name][tested[name]]
        found[name] = Screening(role, score, q[name], several and bool((shared[name] > alone[name]).any()))
    return found


def _p_values(statistics: np.ndarray) -> np.ndarray:
    """p-value of each statistic against the permuted ones of all features together, (n_orders, n_features)."""
    null = np.sort(statistics[1:], axis=None)
    at_least = null.size - np.searchsorted(null, statistics, side="left")
    at_least[:1] += 1  # as a permuted statistic is one of those that it is compared with
    return at_least / (null.size + 1)


def _cautious_p_values(statistics: np.ndarray) -> np.ndarray:
    """Upper bound of the p-value of each observed statistic, (n_features,).

    Features that move together reach high statistics in few permutations, and then many at once, so that the mean
    over the permutations is poorly known, and far from what a single data set may hold: standard errors are added to
    it, and it is at least what most permutations do not exceed.
    """
    observed, null = statistics[0], np.sort(statistics[1:], axis=1)
    n_null, n_features = null.shape
    n_as_high = np.stack([n_features - np.searchsorted(each, observed, side="left") for each in null])
    expected = n_as_high.mean(axis=0) + STANDARD_ERRORS * n_as_high.std(axis=0) / np.sqrt(n_null)
    expected = np.maximum(expected, np.quantile(n_as_high, USUAL, axis=0))
    return np.minimum((expected + 1 / n_null) / max(n_features, 1), 1.0)


def _smallest_q(p: np.ndarray) -> np.ndarray:
    """Smallest q-value of each order of the samples, (n_orders,); 1 where there are no features."""
    n_features = p.shape[1]
    adjusted = np.sort(p, axis=1) * n_features / np.arange(1, n_features + 1)
    return np.asarray(adjusted.min(axis=1, initial=1.0))


def _rank_of_first(values: np.ndarray) -> float:
    """p-value of a permutation test: how many of all values are as small as the first."""
    return float((values <= values[0]).mean())
