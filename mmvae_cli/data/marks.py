"""One number for each sample, by which its values are known again, whatever the order of features and samples."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from mmvae_cli.data.dataset import Matrix

TOLERANCE = 0.01  # of the length of a sample's weighted values: what rounding to two or three digits does to the sum


def feature_weights(features: Sequence[str]) -> np.ndarray:
    """(n_features,) weights between ½ and 1½ that depend on the names alone, so that exchanged features show."""
    return np.array([0.5 + zlib.crc32(name.encode()) / 2**32 for name in features])


def marks(values: Matrix, weights: np.ndarray) -> np.ndarray:
    """(n_samples,) weighted sums of the values (n_samples, n_features), missing ones aside."""
    known = np.where(np.isnan(values), 0.0, values) if isinstance(values, np.ndarray) else values
    return np.asarray(known @ weights)


def differ(values: Matrix, weights: np.ndarray, known: np.ndarray, allowed: float = 0.0) -> np.ndarray:
    """(n_samples,) True where values are not those of which ``known`` (n_samples,) are the marks; False where nan.

    Marks may be ``allowed`` to differ by more than rounding.
    """
    squares = np.square(values) if isinstance(values, np.ndarray) else values.multiply(values)
    length = np.sqrt(marks(squares, np.square(weights)))
    return np.asarray(np.abs(marks(values, weights) - known) > TOLERANCE * length + allowed + 1e-6)
