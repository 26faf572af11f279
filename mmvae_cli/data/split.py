"""Which samples train, which validate, and which are held out."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from mmvae_cli.data.random import keyed_generator
from mmvae_cli.errors import DataError, UsageError, counted_of, listed

log = logging.getLogger("mmvae_cli")

FEWEST_TRAINING_SAMPLES = 4  # of any model
PARTS = ("train", "validation", "test")
SPELLINGS = {
    **{part: part for part in PARTS},
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "testing": "test",
}
GROUP_DRAWS = 64  # draws of which the one with the best sizes is taken, where groups have sizes of their own


def make_split(
    names: Sequence[str] | np.ndarray,
    strata: Sequence[str] | np.ndarray,
    *,
    test_fraction: float,
    validation_fraction: float,
    seed: int,
    groups: Sequence[object] | np.ndarray | None = None,
) -> np.ndarray:
    """Draw a stratified split.

    The sizes are exact: ``round(n · fraction)`` test and validation samples, every stratum within one sample
    of its share of either. The split depends on the samples' names and the seed, not on the samples' order; the test
    samples do not depend on the validation fraction.

    Parameters
    ----------
    names
        (n_samples,) unique names.
    strata
        (n_samples,) what to keep in proportion.
    test_fraction, validation_fraction
        Share of all samples, 0 for none.
    seed
        Which of the possible splits.
    groups
        (n_samples,) samples of one group stay together; a missing group stands for itself. Sizes are then
        approximate, with at least one group in every part; the stratum of a group is its most frequent one.

    Returns
    -------
    (n_samples,) ``"train"``, ``"validation"`` or ``"test"``, in the order given.

    Raises
    ------
    DataError
        If there are too few samples (or groups) for the fractions.
    UsageError
        If a fraction is negative.
    """
    if min(test_fraction, validation_fraction) < 0:
        raise UsageError("a fraction of the samples cannot be negative", hint="give numbers from 0 to 1")
    names = np.asarray(names, dtype=str)
    units, unit_strata, sizes, unit_of = _units(names, np.asarray(strata, dtype=str), groups)
    fractions = {"test": test_fraction, "validation": validation_fraction}
    n_of = _part_sizes(len(units), len(names), fractions, grouped=groups is not None)
    generator = keyed_generator(seed, "split")
    n_draws = 1 if groups is None else GROUP_DRAWS
    draws = [_draw(unit_strata, n_of, generator) for _ in range(n_draws)]
    best = min(draws, key=lambda parts: _size_error(parts, sizes, fractions))
    split: np.ndarray = best[unit_of]
    for part, fraction in fractions.items():
        if groups is not None and abs(np.mean(split == part) - fraction) > 0.05:
            log.warning(
                "the %s part has %s (%.0f %% asked for): groups are kept together",
                part,
                counted_of(int(np.sum(split == part)), len(names), "sample"),
                100 * fraction,
            )
    return split


def fewest_samples(fractions: Mapping[str, float]) -> int | None:
    """How many samples a split needs so that each part with a fraction has one, and enough train; None: never so."""
    if sum(fractions.values()) >= 1:
        return None
    first = max(
        FEWEST_TRAINING_SAMPLES, *(math.floor(0.5 / fraction) for fraction in fractions.values() if fraction), 0
    )
    return next(n for n in itertools.count(first) if _is_enough(n, fractions))


def _is_enough(n_samples: int, fractions: Mapping[str, float]) -> bool:
    sizes = [round(n_samples * fraction) for fraction in fractions.values()]
    filled = all(size > 0 or fraction == 0 for size, fraction in zip(sizes, fractions.values(), strict=True))
    return filled and n_samples - sum(sizes) >= FEWEST_TRAINING_SAMPLES


def hint_of_fractions(fractions: Mapping[str, float]) -> str:
    """Say how many samples are needed at the least, with these fractions and with none for validation."""
    least, without = fewest_samples(fractions), fewest_samples({**fractions, "validation": 0.0})
    if least is None:
        return "lower the fractions"
    rest = f", or {without} with --validation-fraction 0" if without is not None and without < least else ""
    return f"these fractions need at least {least} samples{rest}"


def read_split(column: pd.Series, name: str, needed: Sequence[str] = ("train", "test")) -> np.ndarray:
    """Read a split of the user's own.

    Parameters
    ----------
    column
        (n_samples,) ``train``, ``validation``, ``test`` (also ``training``, ``val``, ``valid``, ``testing``), in
        any case; missing where a sample takes no part.
    name
        The column's name, for messages.
    needed
        Parts that must have a sample.

    Returns
    -------
    (n_samples,) ``"train"``, ``"validation"``, ``"test"`` or ``""``.

    Raises
    ------
    DataError
        If there is any other value, or no sample of a part that is needed.
    """
    text = column.astype(object)
    text = text.where(text.notna(), "").astype(str).str.strip().str.lower()
    unknown = sorted(set(column[~text.isin([*SPELLINGS, ""])].astype(str)))
    if unknown:
        raise DataError(
            f"column {name!r} holds {listed(unknown, 5)}, which is no part of a split",
            hint=f"allowed: {listed(SPELLINGS)}, or missing",
        )
    split = np.array([SPELLINGS.get(value, "") for value in text], dtype="U10")
    for part in needed:
        if not np.any(split == part):
            found = sorted(set(split) - {""})
            raise DataError(
                f"column {name!r} names no {part} sample; it holds {listed(found) or 'nothing'}",
                hint="a split needs samples to train on and samples to test on",
            )
    return split


def _units(
    names: np.ndarray, strata: np.ndarray, groups: Sequence[object] | np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return what is drawn as one: sorted keys, stratum and size of each, and the unit of each sample."""
    if groups is None:
        keys = names
    else:
        values = pd.Series(list(groups), dtype=object)
        missing = (values.isna() | (values.astype(str) == "")).to_numpy(dtype=bool)
        # the prefix keeps a sample named like a group out of that group
        keys = np.where(missing, np.char.add("sample ", names), np.char.add("group ", values.astype(str).to_numpy(str)))
    units, unit_of, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    codes = np.unique(strata, return_inverse=True)[1]
    # the most frequent stratum of each unit; the first in alphabetical order where two are as frequent
    pairs, n_votes = np.unique(np.stack([unit_of, codes], axis=1), axis=0, return_counts=True)
    pairs = pairs[np.lexsort((pairs[:, 1], -n_votes, pairs[:, 0]))]
    unit_strata = pairs[np.unique(pairs[:, 0], return_index=True)[1], 1]
    return units, unit_strata, sizes, unit_of


def _part_sizes(n_units: int, n_samples: int, fractions: dict[str, float], *, grouped: bool) -> dict[str, int]:
    """Return how many units each part takes, test first."""
    unit = "groups" if grouped else "samples"
    n_of = {part: round(n_units * fraction) for part, fraction in fractions.items()}
    for part, fraction in fractions.items():
        if grouped and fraction > 0:
            n_of[part] = max(1, n_of[part])
        if fraction > 0 and n_of[part] == 0:
            raise DataError(
                f"{fraction:g} of {n_units} {unit} leaves the {part} part without any",
                hint=hint_of_fractions(fractions),  # groups always fill a part
            )
    n_train = n_units - sum(n_of.values())
    if n_train < 1:
        raise DataError(
            f"{n_units} {unit} leave none to train on: {n_of['test']} for test, {n_of['validation']} for validation",
            hint="lower the fractions, or give more groups" if grouped else hint_of_fractions(fractions),
        )
    return n_of


def _draw(unit_strata: np.ndarray, n_of: dict[str, int], generator: np.random.Generator) -> np.ndarray:
    """Return the part of each unit, by one random draw."""
    sizes = np.bincount(unit_strata)
    shuffled = [generator.permutation(np.flatnonzero(unit_strata == stratum)) for stratum in range(len(sizes))]
    parts = np.full(len(unit_strata), "train", dtype="U10")
    taken = np.zeros_like(sizes)
    for part, total in n_of.items():
        counts = _allocate(sizes, total, sizes - taken, generator)
        for order, start, count in zip(shuffled, taken, counts, strict=True):
            parts[order[start : start + count]] = part
        taken = taken + counts
    return parts


def _allocate(sizes: np.ndarray, total: int, room: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Share ``total`` among strata in proportion to their sizes: rounded down, or up for some at random."""
    n_units = int(sizes.sum())
    counts: np.ndarray = np.minimum(sizes * total // n_units, room)
    fraction = (sizes * total % n_units) / n_units
    # the largest of u^(1/w) is a draw with weights w, without replacement (Efraimidis and Spirakis 2006)
    key = generator.random(len(sizes)) ** (1 / np.maximum(fraction, 1e-9))
    order = np.argsort(-np.where(fraction > 0, key, -1.0), kind="stable")
    for stratum in itertools.cycle(order):
        if counts.sum() == total:
            return counts
        counts[stratum] += counts[stratum] < room[stratum]
    return counts


def _size_error(parts: np.ndarray, sizes: np.ndarray, fractions: dict[str, float]) -> float:
    """Return how far the numbers of samples are from those asked for."""
    n_samples = float(sizes.sum())
    return sum(abs(float(sizes[parts == part].sum()) - fraction * n_samples) for part, fraction in fractions.items())
