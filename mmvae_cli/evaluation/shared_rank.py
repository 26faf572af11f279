"""How many linear components carry what modalities say of each other: evidence for the number of shared latents."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import sparse

from mmvae_cli.data.covariates import without
from mmvae_cli.data.evenly import evenly
from mmvae_cli.evaluation.baselines import Problem, Values, predictor
from mmvae_cli.evaluation.regression import ridge_coefficients

FOLDS = 5
ENOUGH = 0.9  # of the highest cross-validated sum of squares that is explained
MOST_SAMPLES = 2000  # evenly chosen ones of more
FEWEST_SAMPLES = 4 * FOLDS


def shared_rank(
    values: Mapping[str, np.ndarray | sparse.csr_matrix],
    observed: Mapping[str, np.ndarray],
    nuisance: np.ndarray | None = None,
) -> int:
    """Rank of the prediction of modalities from each other; the highest over the predicted ones.

    Each modality is predicted from all others by ridge regression on four of five parts of the samples. The prediction
    of the fifth part is projected on the leading directions of the predictions that were fitted, which is reduced-rank
    regression; the rank is the smallest that explains nine tenths of what the best one does, over all five parts.

    Parameters
    ----------
    values
        By modality, (n_samples, n_features), dense or CSR, anything where the modality is not observed.
    observed
        By modality, (n_samples,) True where a sample has it.
    nuisance
        (n_samples, k) whose linear share is taken out of every feature; None for nothing.

    Returns
    -------
    0 where no modality is predicted better than by its mean, or too few samples have two modalities.

    Source: Izenman, Reduced-rank regression for the multivariate linear model, 1975.
    """
    names = sorted(name for name in values if values[name].shape[1])
    if len(names) < 2:
        return 0
    return max(_rank_of_target(target, names, values, observed, nuisance) for target in names)


def _rank_of_target(
    target: str,
    names: list[str],
    values: Mapping[str, np.ndarray | sparse.csr_matrix],
    observed: Mapping[str, np.ndarray],
    nuisance: np.ndarray | None,
) -> int:
    sources = [name for name in names if name != target]
    rows = np.flatnonzero(observed[target] & np.any([observed[name] for name in sources], axis=0))
    if len(rows) < FEWEST_SAMPLES:
        return 0
    rows = rows[evenly(len(rows), MOST_SAMPLES)]
    dense = {name: _dense(values[name][rows]) for name in names}
    if nuisance is not None:
        dense = {name: without(dense[name], nuisance[rows], observed[name][rows]) for name in names}
    # samples beside each other in the file may be alike, so that each part gets every fifth one in a random order
    fold_of = np.random.default_rng(0).permutation(len(rows)) % FOLDS
    explained = np.zeros(min(len(rows), values[target].shape[1]))
    for fold in range(FOLDS):
        train, test = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        of_sources = [
            Values(dense[name][train], dense[name][test], observed[name][rows[train]], observed[name][rows[test]])
            for name in sources
        ]
        made = predictor(of_sources, dense[target][train], 0)
        y = made.standardised(dense[target][test])
        found = _explained_by_rank(made.problem, y)
        explained[: len(found)] += found
        explained[len(found) :] += found[-1] if len(found) else 0.0
    best = explained.max(initial=0.0)
    return int(np.argmax(explained >= ENOUGH * best)) + 1 if best > 0 else 0


def _dense(values: np.ndarray | sparse.csr_matrix) -> np.ndarray:
    return values if isinstance(values, np.ndarray) else np.asarray(values.toarray())


def _explained_by_rank(problem: Problem, y: np.ndarray) -> np.ndarray:
    """Sum of squares of held-out targets y that predictions of rank 1, 2, … explain."""
    train, test = problem.coordinates
    coefficients = ridge_coefficients(train, problem.y)  # (components, targets)
    lengths = np.sqrt(np.square(train, dtype=np.float64).sum(axis=0))
    # the fitted predictions are train @ coefficients, and the columns of train are orthogonal
    directions = np.linalg.svd(lengths[:, None] * coefficients, full_matrices=False)[2]
    along, predicted = y @ directions.T, test @ (coefficients @ directions.T)
    return np.cumsum((2 * along * predicted - np.square(predicted)).sum(axis=0, dtype=np.float64))
