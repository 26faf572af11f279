"""Regressions of many features at once on the principal coordinates of other features.

Each takes coordinates of training samples, (n_train, n_components), centred and with orthogonal columns, those of other
samples, (n_test, n_components), and centred targets of the training samples, (n_train, n_targets); it returns
(n_test, n_targets). Ridge regression, distances and partial least squares do not change when the features are turned,
so that on all coordinates they are what they would be on the features.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmvae_cli.data.evenly import evenly

PENALTIES = np.logspace(-3, 4, 15)  # of ridge regression, in units of the mean eigenvalue of the sources' scatter
NEIGHBOURS = (3, 5, 10, 20, 50, 100)
DIMENSIONS = (10, 50, None)  # leading coordinates that distances are measured along; None for all
MOST_CHOOSING = 1000  # training samples on which numbers of neighbours and dimensions are chosen
BLOCK_ENTRIES = 20_000_000  # distances held at once
NOTHING_LEFT = 1e-6  # of the first component's length, in a partial least squares component


def ridge(train: np.ndarray, test: np.ndarray, y: np.ndarray, penalties: np.ndarray = PENALTIES) -> np.ndarray:
    """Ridge regression, see ``ridge_coefficients``."""
    return np.asarray(test @ ridge_coefficients(train, y, penalties))


def ridge_coefficients(train: np.ndarray, y: np.ndarray, penalties: np.ndarray = PENALTIES) -> np.ndarray:
    """(n_components, n_targets) of a ridge regression, each target with the penalty of the least error.

    The error is that of generalised cross-validation:

    ``GCV(α) = (RSS(α) / n) / (1 − (1 + Σ sⱼ) / n)²``, with ``sⱼ = eⱼ / (eⱼ + α)`` of the coordinates' energies eⱼ; the
    1 is the mean, which is not shrunk. Source: Golub, Heath and Wahba, Generalized cross-validation as a method for
    choosing a good ridge parameter, 1979.
    """
    n_samples = len(train)
    if train.shape[1] == 0:
        return np.zeros((0, y.shape[1]), dtype=np.float32)
    energy = np.square(train, dtype=np.float64).sum(axis=0)  # (components,)
    products = (train.T @ y).astype(np.float64)  # (components, targets)
    explained = np.square(products) / energy[:, None]
    beyond = np.maximum(np.square(y, dtype=np.float64).sum(axis=0) - explained.sum(axis=0), 0.0)  # by no penalty
    least, factors = np.full(y.shape[1], np.inf), np.zeros_like(products)
    for penalty in penalties * energy.mean():
        kept = energy / (energy + penalty)
        freedom = 1 - (1 + kept.sum()) / n_samples
        if freedom <= 0:
            continue
        error = (beyond + np.square(1 - kept) @ explained) / freedom**2
        better = error < least
        least[better] = error[better]
        factors[:, better] = (1 / (energy + penalty))[:, None]
    return np.asarray((factors * products).astype(np.float32))


def nearest_neighbours(train: np.ndarray, test: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mean of the k nearest training samples.

    k, and along how many leading coordinates distances are measured, are for each target those of its least squared
    leave-one-out error, on at most 1,000 training samples.
    """
    chosen = evenly(len(train), MOST_CHOOSING)
    counts = [k for k in NEIGHBOURS if k < len(train)] or [1]
    dimensions = dict.fromkeys(d if d is None or d < train.shape[1] else None for d in DIMENSIONS)
    ways = [(dimension, k) for dimension in dimensions for k in counts]
    least, best = np.full(y.shape[1], np.inf), np.zeros(y.shape[1], dtype=np.int64)
    for index, (dimension, k) in enumerate(ways):
        near = _nearest(train[:, :dimension], train[chosen, :dimension], k, itself=chosen)
        error = np.square(y[chosen] - _mean_of(near, y)).sum(axis=0)
        better = error < least
        least[better], best[better] = error[better], index
    predicted = np.zeros((len(test), y.shape[1]), dtype=np.float32)
    for index in np.unique(best):
        dimension, k = ways[index]
        near = _nearest(train[:, :dimension], test[:, :dimension], k)
        predicted[:, best == index] = _mean_of(near, y[:, best == index])
    return predicted


def _nearest(train: np.ndarray, query: np.ndarray, k: int, itself: np.ndarray | None = None) -> np.ndarray:
    """(n_query, k) the nearest training samples of each, the nearest first; ``itself`` is none of its neighbours."""
    k = min(k, len(train) - (itself is not None))
    lengths = np.square(train).sum(axis=1)
    found = [np.empty((0, k), dtype=np.int64)]
    for rows in np.array_split(np.arange(len(query)), len(query) * len(train) // BLOCK_ENTRIES + 1):
        distance = lengths - 2 * query[rows] @ train.T  # and the query's own length, the same for all
        if itself is not None:
            distance[np.arange(len(rows)), itself[rows]] = np.inf
        near = np.argpartition(distance, k - 1, axis=1)[:, :k]
        order = np.argsort(np.take_along_axis(distance, near, axis=1), axis=1, kind="stable")
        found.append(np.take_along_axis(near, order, axis=1))
    return np.concatenate(found)


def _mean_of(near: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mean target of each row's samples."""
    from scipy import sparse

    n_rows, k = near.shape
    weights = np.full(near.size, 1 / max(k, 1), dtype=np.float32)
    starts = np.arange(n_rows + 1) * k
    return np.asarray(sparse.csr_matrix((weights, near.ravel(), starts), shape=(n_rows, len(y))) @ y)


def partial_least_squares(train: np.ndarray, test: np.ndarray, y: np.ndarray, n_components: int) -> np.ndarray:
    """Partial least squares regression of all targets together, in its form for several targets.

    Source: Wold, Martens and Wold, The multivariate calibration problem in chemistry solved by the PLS method, 1983.
    """
    scores, y = train.astype(np.float64), y.astype(np.float64)
    covariance = scores.T @ y  # (coordinates, targets) of what is left
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    first = 0.0
    for _ in range(min(n_components, train.shape[1])):
        weight = _leading_direction(covariance)
        score = scores @ weight
        length = float(score @ score)
        first = first or length
        if length <= NOTHING_LEFT * first:
            break
        loading, target = scores.T @ score / length, covariance.T @ weight / length
        scores -= np.outer(score, loading)
        covariance -= np.outer(loading, target * length)
        found.append((weight, loading, target))
    if not found:
        return np.zeros((len(test), y.shape[1]), dtype=np.float32)
    weights, loadings, targets = (np.stack(parts) for parts in zip(*found, strict=True))
    turned = weights.T @ np.linalg.inv(loadings @ weights.T)  # scores of any sample are its coordinates @ turned
    return np.asarray((test @ turned) @ targets, dtype=np.float32)


def _leading_direction(matrix: np.ndarray) -> np.ndarray:
    """First left singular vector; 0 of a matrix of zeros."""
    if matrix.shape[0] <= matrix.shape[1]:
        return np.asarray(np.linalg.eigh(matrix @ matrix.T)[1][:, -1])
    vector = matrix @ np.linalg.eigh(matrix.T @ matrix)[1][:, -1]
    return np.asarray(vector / (np.linalg.norm(vector) or 1.0))


def trees(train: np.ndarray, test: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Extremely randomised trees of all targets together, on the features themselves.

    Source: Geurts, Ernst and Wehenkel, Extremely randomized trees, 2006, with the numbers they advise for regression.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    model: Any = ExtraTreesRegressor(n_estimators=100, max_features=1 / 3, min_samples_split=5, random_state=0)
    model.fit(train, y if y.shape[1] > 1 else y[:, 0])
    return np.asarray(model.predict(test), dtype=np.float32).reshape(len(test), -1)
