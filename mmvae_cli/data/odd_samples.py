"""Samples that do not fit among the others of a modality: one value everywhere, or another unit."""

from __future__ import annotations

import logging

import numpy as np

from mmvae_cli.data.dataset import Matrix, Modality
from mmvae_cli.data.kinds import entry_blocks
from mmvae_cli.data.on_disk import blocks
from mmvae_cli.errors import counted, counted_of, listed

log = logging.getLogger("mmvae_cli")

FEWEST_VALUES = 5  # of a sample, of which something is said
LOOKED_AT = 2000  # samples whose units are compared, from the first to the last
TIMES = 4.0  # as large, at least, is another unit
APART = 3.0  # standard deviations of both units, on the log scale, between their means


def warn_of_odd_samples(modality: Modality) -> None:
    """Name samples of continuous values with one value everywhere, and two groups that seem to have other units."""
    _warn_of_constant(modality)
    _warn_of_units(modality)


def _warn_of_constant(modality: Modality) -> None:
    only = np.concatenate([_only_values(block) for block in blocks(modality.values)])
    if (only == 0).any() and _whole(modality.values):
        only[only == 0] = np.nan  # calls of copy numbers: nothing happened in this sample
    constant = ~np.isnan(only)
    if constant.any():
        log.warning(
            "modality %r: %s with the same value in all features (%s), the first %s: if that means not measured, leave "
            "their cells empty, or the samples out of the table",
            modality.name, counted(int(constant.sum()), "sample"),
            listed((f"{value:g}" for value in np.unique(only[constant])), most=3),
            repr(str(modality.obs.index[constant][0])),
        )  # fmt: skip


def _only_values(values: Matrix) -> np.ndarray:
    """(n_samples,) what all values of a sample are; nan where they differ, or are few."""
    if isinstance(values, np.ndarray):
        low, high = np.fmin.reduce(values, axis=1), np.fmax.reduce(values, axis=1)
        many = np.count_nonzero(~np.isnan(values), axis=1) >= FEWEST_VALUES
    else:
        low, high = (found.toarray().reshape(-1) for found in (values.min(axis=1), values.max(axis=1)))
        many = np.full(values.shape[0], values.shape[1] >= FEWEST_VALUES)
    return np.where(many & (low == high), low, np.nan)


def _whole(values: Matrix) -> bool:
    return all(bool((block[np.isfinite(block)] % 1 == 0).all()) for _, block in entry_blocks(values))


def _warn_of_units(modality: Modality) -> None:
    medians = _medians(modality.values)
    known = np.flatnonzero(~np.isnan(medians))
    if len(known) < 4 or (medians[known] <= 0).any():
        return
    known = known[np.argsort(medians[known], kind="stable")]
    logs = np.log2(medians[known])
    cut = _cut(logs)
    low, high = logs[:cut], logs[cut:]
    if high.mean() - low.mean() < max(np.log2(TIMES), APART * (low.std() + high.std())):
        return
    fewer = known[:cut] if 2 * cut <= len(known) else known[cut:]
    log.warning(
        "modality %r: %s, such as %r, seem to have another unit than the others: medians of their values are around "
        "%.4g and %.4g. If some are logarithms, or normalised in another way, make them alike",
        modality.name, counted_of(len(fewer), len(known), "sample"), str(modality.obs.index[fewer.min()]),
        float(np.median(medians[known[:cut]])), float(np.median(medians[known[cut:]])),
    )  # fmt: skip


def _cut(ranked: np.ndarray) -> int:
    """How many of sorted values (n,) are in the lower one of two groups of 2 or more, with the least variance within.

    Source: Otsu, A threshold selection method from gray-level histograms, 1979.
    """
    n, lower = len(ranked), np.arange(2, len(ranked) - 1)
    sums = np.cumsum(ranked)
    means = sums[lower - 1] / lower, (sums[-1] - sums[lower - 1]) / (n - lower)
    return int(lower[(lower * (n - lower) * (means[1] - means[0]) ** 2).argmax()])


def _medians(values: Matrix) -> np.ndarray:
    """(n_samples,) median of the values that are not 0; nan where they are few, or the sample is not looked at."""
    found = np.full(values.shape[0], np.nan)
    step, start = -(-values.shape[0] // LOOKED_AT) or 1, 0
    for block in blocks(values):
        for row in range(-start % step, block.shape[0], step):
            if isinstance(block, np.ndarray):
                entries = block[row]
            else:
                entries = block.data[block.indptr[row] : block.indptr[row + 1]]
            entries = entries[np.isfinite(entries) & (entries != 0)]
            if entries.size >= FEWEST_VALUES:
                found[start + row] = np.median(entries)
        start += block.shape[0]
    return found
