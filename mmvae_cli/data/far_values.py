"""Values that no measurement gave: numbers that stand for missing, and such as are far from all others."""

from __future__ import annotations

import logging
import math
from collections import Counter
from dataclasses import dataclass
from functools import partial

import numpy as np

from mmvae_cli.data.dataset import Matrix, Modality
from mmvae_cli.data.kinds import entry_blocks
from mmvae_cli.data.labels import MISSING_NUMBERS
from mmvae_cli.data.odd_values import values_where
from mmvae_cli.data.on_disk import blocks

log = logging.getLogger("mmvae_cli")

FAR = 1000  # interquartile ranges from the median
GAP = 30  # times as far as the next value: tails of raw intensities and counts are long, but have no gap
OFTEN = 10  # times as often as any other value, and at least so often: no measurement
SAMPLED = 1_000_000  # entries that median and quartiles are of


@dataclass(frozen=True)
class _Usual:
    """Values without numbers that stand for missing.

    ``median``, ``spread`` (the interquartile range) and ``repeated``, how often the most frequent value is there, are
    of those that are not 0 either. ``standing``: how often each number is there that stands for missing.
    """

    low: float
    high: float
    median: float
    spread: float
    repeated: int
    standing: dict[float, int]

    def stands(self, number: float) -> bool:
        """Whether a number is far below all others, or far more frequent."""
        below = number < self.low and (self.low >= 0 or self.low - number > self.spread)
        return below or self.standing[number] >= OFTEN * max(self.repeated, 1)


def warn_of_far_values(modality: Modality) -> None:
    """Name values that stand for missing, and those far from all others: how many, and where the first is."""
    usual = _usual(modality.values)
    if usual is None:
        return
    others = f"all others are from {usual.low:.6g} to {usual.high:.6g}"
    for number in sorted(usual.standing):
        if usual.stands(number):
            found = values_where(modality, partial(np.equal, number))
            log.warning(
                "modality %r: %g may stand for missing (%s; %s): if so, leave these cells empty",
                modality.name, number, found, others,
            )  # fmt: skip
    least = _least_far(modality.values, usual)
    if least is not None:
        found = values_where(modality, lambda x: _usable(x) & (np.abs(x - usual.median) >= least))
        log.warning(
            "modality %r has values far from all others: %s, where the median is %.6g. They would decide what is "
            "learned: mend them, or leave these cells empty",
            modality.name, found, usual.median,
        )  # fmt: skip


def _usable(entries: np.ndarray) -> np.ndarray:
    """True where a value is finite, not 0 and does not stand for missing."""
    return np.isfinite(entries) & (entries != 0) & ~np.isin(entries, MISSING_NUMBERS)


def _usual(values: Matrix) -> _Usual | None:
    """One pass over the values; None where there are none to compare with."""
    has_zeros = not isinstance(values, np.ndarray) and values.nnz < values.shape[0] * values.shape[1]
    low, high = (0.0, 0.0) if has_zeros else (np.inf, -np.inf)
    n_entries = values.size if isinstance(values, np.ndarray) else values.nnz
    step = max(1, n_entries // SAMPLED)
    while math.gcd(step, values.shape[1]) > 1:  # else some features alone are looked at
        step += 1
    sampled, standing = [], Counter[float]()
    for _, block in entry_blocks(values):
        missing = np.isin(block, MISSING_NUMBERS)
        numbers, counts = np.unique(block[missing], return_counts=True)
        standing.update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
        others = block[np.isfinite(block) & ~missing]
        if others.size:
            low, high = min(low, float(others.min())), max(high, float(others.max()))
        few = block[::step]
        sampled.append(few[_usable(few)].astype(np.float64))
    known = np.concatenate(sampled) if sampled else np.zeros(0)
    if not known.size or low > high:
        return None
    least, lower, median, upper, most = np.quantile(known, [0.01, 0.25, 0.5, 0.75, 0.99])
    repeated = int(np.unique(known, return_counts=True)[1].max()) * step
    return _Usual(low, high, median, upper - lower or most - least, repeated, standing)


def _least_far(values: Matrix, usual: _Usual) -> float | None:
    """Distance from the median from which on values are far from all others; None where none is."""
    limit = FAR * usual.spread
    if not limit or max(usual.high - usual.median, usual.median - usual.low) <= limit:
        return None
    largest, beyond = 0.0, [np.zeros(0)]
    for _, block in entry_blocks(values):
        distance = np.abs(block[_usable(block)].astype(np.float64) - usual.median)
        is_beyond = distance > limit
        beyond.append(distance[is_beyond])
        largest = max(largest, float(distance[~is_beyond].max(initial=0.0)))
    ranked = np.sort(np.concatenate([[largest or usual.spread], *beyond]))
    gaps = np.flatnonzero(ranked[1:] >= GAP * ranked[:-1])
    candidates = (float(ranked[gap + 1]) for gap in gaps)
    return next((least for least in candidates if not _fills_a_feature(values, usual, least)), None)


def _fills_a_feature(values: Matrix, usual: _Usual, least: float) -> bool:
    """Whether most values of a feature are so far from the median: then it has a scale of its own."""
    far, known = np.zeros((2, values.shape[1]), dtype=np.int64)
    for block in blocks(values):
        entries = block if isinstance(block, np.ndarray) else block.data
        usable = _usable(entries)
        is_far = usable & (np.abs(entries - usual.median) >= least)
        for count, chosen in ((far, is_far), (known, usable)):
            if isinstance(block, np.ndarray):
                count += chosen.sum(axis=0)
            else:
                count += np.bincount(block.indices[chosen], minlength=len(count))
    return bool(((2 * far > known) & (known > 1)).any())
