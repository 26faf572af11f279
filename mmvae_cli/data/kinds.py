"""What kind of values a modality holds, and which of its features never vary."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmvae_cli.data.dataset import Matrix
from mmvae_cli.data.on_disk import blocks

BLOCK = 4_000_000  # entries looked at together; bounds the memory that the checks take

# what the user is told of each kind
SAID = {
    "continuous": "continuous values",
    "fractions": "values between 0 and 1",
    "counts": "whole counts",
    "binary": "0 and 1 only",
}


def entry_blocks(values: Matrix) -> Iterator[tuple[int, np.ndarray]]:
    """Yield some entries after the other, of a sparse matrix the stored ones: place of the first, and their values."""
    done = 0
    for part in blocks(values):
        entries = part.reshape(-1) if isinstance(part, np.ndarray) else part.data
        for start in range(0, entries.size, BLOCK):
            yield done + start, entries[start : start + BLOCK]
        done += entries.size


def repeated_share(values: Matrix) -> float:
    """Share of all counts that come on top of a first one in their sample and feature, from 0 to 1; 0 without any.

    Parameters
    ----------
    values
        Counts (n_samples, n_features), dense or CSR.
    """
    total, present = 0.0, 0
    for _, block in entry_blocks(values):
        total += float(np.nansum(block, dtype=np.float64))
        present += int(np.count_nonzero(block > 0))
    return 1.0 - present / total if total else 0.0


def value_kind(values: Matrix) -> str:
    """Kind of the values, missing and infinite ones aside.

    Parameters
    ----------
    values
        (n_samples, n_features), dense or CSR.

    Returns
    -------
    ``"binary"`` (all 0 or 1), ``"counts"`` (non-negative integers, some above 1), ``"fractions"``
    (all in [0, 1], not all integers) or ``"continuous"`` (all else, and where there is no value).
    """
    has_zeros = not isinstance(values, np.ndarray) and values.nnz < values.shape[0] * values.shape[1]
    low, high, integral = (0.0, 0.0, True) if has_zeros else (np.inf, -np.inf, True)
    for _, block in entry_blocks(values):
        block = block[np.isfinite(block)]
        if block.size:
            low, high = min(low, block.min()), max(high, block.max())
            integral = integral and bool((block == np.floor(block)).all())
    if low > high or low < 0 or (high > 1 and not integral):
        return "continuous"
    if not integral:
        return "fractions"
    return "counts" if high > 1 else "binary"


def single_value(values: Matrix) -> float | None:
    """Return what all entries are, missing ones aside; None where they differ, or where there is no value."""
    only = 0.0 if not isinstance(values, np.ndarray) and values.nnz < values.shape[0] * values.shape[1] else None
    for _, block in entry_blocks(values):
        known = block[~np.isnan(block)]
        if known.size and only is None:
            only = float(known[0])
        if (known != only).any():
            return None
    return only


def constant_features(values: Matrix, rows: np.ndarray | None = None) -> np.ndarray:
    """Which features have at most one distinct value.

    Parameters
    ----------
    values
        (n_samples, n_features), dense or CSR; nan is no value.
    rows
        Row numbers or a boolean mask of the samples that count; None for all.

    Returns
    -------
    (n_features,) bool; True also where a feature has no value at all.
    """
    low, high = feature_ranges(values, rows)
    constant: np.ndarray = ~(high > low)  # nan compares as False: no value is constant too
    return constant


def feature_ranges(values: Matrix, rows: np.ndarray | None = None) -> np.ndarray:
    """(2, n_features) lowest and highest value of each feature, nan where it has none; as ``constant_features``."""
    low, high = np.full((2, values.shape[1]), np.nan)
    for part in blocks(values, rows):
        if 0 in part.shape:
            continue
        if isinstance(part, np.ndarray):
            lowest, highest = np.fmin.reduce(part, axis=0), np.fmax.reduce(part, axis=0)  # the two that skip nan
        else:
            lowest, highest = (least.toarray().reshape(-1) for least in (part.nanmin(axis=0), part.nanmax(axis=0)))
        low, high = np.fmin(low, lowest), np.fmax(high, highest)
    return np.stack([low, high])
