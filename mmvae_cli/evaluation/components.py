"""Samples along the principal components of the training samples: few columns that stand for many features."""

from __future__ import annotations

import numpy as np

EXACT = 1000  # samples or features, whichever are fewer, up to which all components are computed
LEADING = 128  # components above that
OVERSAMPLED, POWER_ITERATIONS = 10, 3  # of the randomised search for them
BLOCK_ENTRIES = 4_000_000  # entries taken to float64 at once: 32 MB
LEAST_VARIANCE = 1e-10  # of that of the strongest component; what is below is rounding


def principal_coordinates(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of samples along principal components that are fitted on the training samples.

    All components keep what linear methods and distances need: inner products between any sample and a training
    sample are the same as between the features. Where both samples and features are many, the leading components
    stand for all of them; they are found by a randomised search with a fixed seed.

    Parameters
    ----------
    train, test
        (n_samples, n_features) of either, in the same unit.

    Returns
    -------
    (n_samples, n_components) float32 of either, relative to the mean of the training samples; the columns of the first
    are orthogonal, those of the largest variance first.

    Source: Halko, Martinsson and Tropp, Finding structure with randomness, 2011.
    """
    centre = train.mean(axis=0, dtype=np.float64).astype(train.dtype)
    train, test = train - centre, test - centre
    if min(train.shape) > EXACT:
        axes = _leading_axes(train)
        return train @ axes, test @ axes
    if train.shape[1] <= train.shape[0]:
        _, vectors = _spectrum(_inner(train.T, train.T))
        axes = vectors.astype(np.float32)
        return train @ axes, test @ axes
    values, vectors = _spectrum(_inner(train, train))
    lengths = np.sqrt(values)
    return (vectors * lengths).astype(np.float32), (_inner(test, train) @ vectors / lengths).astype(np.float32)


def _inner(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """``first @ second.T`` in float64, some columns at a time."""
    width = max(1, BLOCK_ENTRIES // (len(first) + len(second) + 1))
    total = np.zeros((len(first), len(second)))
    for start in range(0, first.shape[1], width):
        part = slice(start, start + width)
        total += first[:, part].astype(np.float64) @ second[:, part].astype(np.float64).T
    return total


def _spectrum(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues above rounding and their vectors, the largest first."""
    values, vectors = np.linalg.eigh(gram)
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = values > LEAST_VARIANCE * max(values[0], 0.0)
    return values[kept], vectors[:, kept]


def _leading_axes(train: np.ndarray) -> np.ndarray:
    """(n_features, leading components) orthonormal; the random start is in the features, so samples have no order."""
    random = np.random.default_rng(0)
    start = random.standard_normal((train.shape[1], LEADING + OVERSAMPLED), dtype=np.float32)
    basis = np.linalg.qr(start)[0]
    for _ in range(POWER_ITERATIONS):
        basis = np.linalg.qr(train.T @ (train @ basis))[0]
    within = train @ basis
    _, vectors = _spectrum(_inner(within.T, within.T))
    return basis @ vectors[:, :LEADING].astype(np.float32)
