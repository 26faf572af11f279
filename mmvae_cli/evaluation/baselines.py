"""Simple predictions of one modality from the others, beside which a model has to stand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mmvae_cli.data.columns import column_moments
from mmvae_cli.evaluation.components import principal_coordinates
from mmvae_cli.evaluation.regression import nearest_neighbours, partial_least_squares, ridge, trees

ROWS_AT_ONCE = 1024  # samples standardised together in float64


@dataclass(frozen=True)
class Values:
    """One modality of the samples that are learned from, and of those that are held out.

    Attributes
    ----------
    train, test
        (n_samples, n_features), anything where the modality is not observed.
    train_observed, test_observed
        (n_samples,) True where a sample has the modality.
    """

    train: np.ndarray
    test: np.ndarray
    train_observed: np.ndarray
    test_observed: np.ndarray


@dataclass(frozen=True)
class Problem:
    """Predict features of held-out samples from other features; all standardised on the training samples.

    Attributes
    ----------
    train, test
        (n_samples, source features) float32; 0, the mean, where a source is not observed.
    y
        (n_train, target features) float32.
    n_shared
        Shared latents of the model, for baselines that have components, too.
    """

    train: np.ndarray
    test: np.ndarray
    y: np.ndarray
    n_shared: int

    @property
    def size(self) -> float:
        """Training samples × source features × target features."""
        return float(len(self.train)) * self.train.shape[1] * self.y.shape[1]

    @cached_property
    def coordinates(self) -> tuple[np.ndarray, np.ndarray]:
        """Training and held-out samples along principal components of the training samples."""
        return principal_coordinates(self.train, self.test)


@dataclass(frozen=True)
class Baseline:
    """One row of ``BASELINES``.

    Attributes
    ----------
    title
        For tables and sentences.
    predict
        From a problem to (n_test, target features), standardised.
    limit
        Size of a problem beyond which the baseline would take minutes, and is left out.
    n_components
        From the number of shared latents to that of its components; None where it has none.
    """

    title: str
    predict: Callable[[Problem], np.ndarray]
    limit: float = math.inf
    n_components: Callable[[int], int] | None = None


def _pls(title: str, n_components: Callable[[int], int]) -> Baseline:
    def predict(problem: Problem) -> np.ndarray:
        return partial_least_squares(*problem.coordinates, problem.y, n_components(problem.n_shared))

    return Baseline(title, predict, 1e14, n_components)


def _mean(problem: Problem) -> np.ndarray:
    return np.zeros((len(problem.test), problem.y.shape[1]), dtype=np.float32)


# Canonical correlation is none of them: with more features than samples it is undefined, and with fewer it is close
# to partial least squares on whitened sources.
BASELINES = {
    "mean": Baseline("training mean", _mean),
    "ridge": Baseline("ridge", lambda problem: ridge(*problem.coordinates, problem.y), 1e14),
    "knn": Baseline("kNN", lambda problem: nearest_neighbours(*problem.coordinates, problem.y), 2e13),
    "pls2": _pls("2-component PLS", lambda _: 2),
    "pls": _pls("PLS", lambda n_shared: n_shared),  # as many components as the model has shared latents
    "trees": Baseline("trees", lambda problem: trees(problem.train, problem.test, problem.y), 5e7),
}


def different(n_shared: int) -> list[str]:
    """Names of the baselines, without those that are another one for this number of shared latents."""
    found: dict[object, str] = {}
    for name, row in BASELINES.items():
        found.setdefault(name if row.n_components is None else row.n_components(n_shared), name)
    return list(found.values())


@dataclass(frozen=True)
class Predictor:
    """A problem, and what brings its predictions back to the unit of the target."""

    problem: Problem
    mean: np.ndarray
    sd: np.ndarray

    def left_out(self, name: str) -> str | None:
        """Why a baseline is not computed; None where it is."""
        limit = BASELINES[name].limit
        if self.problem.size <= limit:
            return None
        n_samples, n_sources = self.problem.train.shape
        return f"too large, {n_samples:,} samples × {n_sources:,} × {self.problem.y.shape[1]:,} features"

    def standardised(self, target: np.ndarray) -> np.ndarray:
        """(n_samples, target features) values of the target in the unit of the problem; 0 for a constant feature."""
        away = target - self.mean
        return np.nan_to_num(np.divide(away, self.sd, out=np.zeros_like(away), where=self.sd > 0))

    def predict(self, name: str) -> np.ndarray:
        """Predictions of a baseline, (n_test, target features) float64, in the unit of the target."""
        return BASELINES[name].predict(self.problem) * self.sd + self.mean


def predictor(sources: Sequence[Values], target: np.ndarray, n_shared: int) -> Predictor:
    """Standardise sources and target on the training samples; a missing entry, nan, becomes the mean.

    Parameters
    ----------
    target
        (n_train, target features), observed in all of them.
    """
    parts = [_standardised(source) for source in sources]
    train, test = (part[0] if len(part) == 1 else np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
    mean, factor = _scaling(target)
    y = _scaled(target, np.ones(len(target), dtype=bool), mean, factor)
    sd = np.divide(1.0, factor, out=np.zeros_like(factor), where=factor > 0)
    return Predictor(Problem(train, test, y, n_shared), mean, sd)


def _standardised(values: Values) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd of the training samples that have the modality taken out of both parts; 0 in the samples without."""
    mean, factor = _scaling(values.train[values.train_observed])
    train = _scaled(values.train, values.train_observed, mean, factor)
    return train, _scaled(values.test, values.test_observed, mean, factor)


def _scaled(values: np.ndarray, observed: np.ndarray, mean: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Standardised values, float32, some samples at a time; 0 for missing entries and samples not observed."""
    scaled = np.zeros(values.shape, dtype=np.float32)
    rows = np.flatnonzero(observed)
    for block in np.array_split(rows, len(rows) // ROWS_AT_ONCE + 1):
        scaled[block] = np.nan_to_num((values[block] - mean) * factor)
    return scaled


def _scaling(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each feature, and the factor that gives it an sd of 1; 0 for a constant feature."""
    if len(values) == 0:
        return np.zeros(values.shape[1]), np.zeros(values.shape[1])
    moments = column_moments(values)
    sd = np.sqrt(moments.scatter / np.maximum(moments.count, 1))
    factor = np.divide(1.0, sd, out=np.zeros_like(sd), where=~moments.constant & (sd > 0))
    return np.where(moments.count > 0, moments.mean, 0.0), factor
