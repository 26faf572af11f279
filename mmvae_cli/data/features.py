"""Selection of features by their correlation with the label, and features that give the label away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from mmvae_cli.data.columns import column_moments, dense_blocks, is_clean_sparse
from mmvae_cli.data.dataset import Matrix
from mmvae_cli.data.on_disk import OnDisk, blocks
from mmvae_cli.data.random import keyed_generator
from mmvae_cli.errors import DataError

PERFECT = 1 - 1e-6  # |r| from which a feature is taken to determine the label
TIE_DECIMALS = 12  # sums in another order differ after that; such features are tied
SUSPECT_SAMPLES = 2000  # of values on disk, on which features are looked at first
FEWEST_PER_CLASS = 5  # observed entries of a class; with fewer, a match may be chance


@dataclass(frozen=True)
class Selection:
    """Which features of a modality take part.

    Attributes
    ----------
    sets
        (n_features,) ``"shared"``, ``"other"`` or ``"unused"``.
    rank
        (n_features,) 1 for the highest correlation, ties in the order of the file; 0 for a constant feature.
    """

    sets: np.ndarray
    rank: np.ndarray


def label_correlation(values: Matrix, target: np.ndarray, classes: Sequence[str] = ()) -> np.ndarray:
    """Absolute Pearson correlation of every feature with the label, ``|Σ(x−x̄)(y−ȳ)| / √(Σ(x−x̄)² Σ(y−ȳ)²)``.

    With more than two classes: the highest over the classes, each against all others. Missing entries are left
    out feature by feature.

    Parameters
    ----------
    values
        (n_samples, n_features), dense or sparse; a sparse matrix stays sparse.
    target
        (n_samples,) class code or number of each sample; nan for those to leave out, whether they have no label
        or are not to be looked at (held-out samples).
    classes
        The label's classes; empty when continuous.

    Returns
    -------
    (n_features,) float64 from 0 to 1; nan where the feature, or the label where it is observed, is constant.

    Raises
    ------
    DataError
        If the number of samples differs.
    """
    rows = _labelled_rows(values, target)
    known = np.asarray(target, dtype=np.float64)[rows]
    y = (known[:, None] == np.arange(len(classes))).astype(np.float64) if len(classes) > 2 else known[:, None]
    if len(rows) < 2:
        return np.full(values.shape[1], np.nan)
    y = np.where(y.max(axis=0) > y.min(axis=0), y - y.mean(axis=0), 0.0)  # (rows, 1 or classes)
    if is_clean_sparse(values):
        return _sparse_correlation(values[rows], y)
    blocks = [_dense_correlation(block, y) for _, block in dense_blocks(values, rows)]
    return np.concatenate(blocks) if blocks else np.zeros(0)


def select_features(correlation: np.ndarray, n_shared: int, n_other: int | None, modality: str) -> Selection:
    """Choose the features with the highest and those with the lowest correlation.

    Parameters
    ----------
    correlation
        (n_features,) absolute correlation with the label; nan for features that are never chosen: constant ones,
        and any others that the caller leaves out.
    n_shared
        How many with the highest correlation become ``"shared"``.
    n_other
        How many with the lowest become ``"other"``; None for all that remain.
    modality
        The modality's name, for messages.

    Raises
    ------
    DataError
        If there are fewer features than asked for.
    """
    strength = np.round(np.asarray(correlation, dtype=np.float64), TIE_DECIMALS)
    varies = ~np.isnan(strength)
    n_available = int(varies.sum())
    n_asked = n_shared + (n_other or 0)
    if n_asked > n_available:
        parts = f"{n_shared} shared" + (f" + {n_other} other" if n_other else "")
        raise DataError(
            f"modality {modality!r}: {parts} features asked for, there are {n_available:,} to choose from "
            f"({len(strength) - n_available:,} more are constant or left out)",
            hint=f"ask for {n_available:,} at most, shared and other together",
        )
    descending = np.argsort(np.where(varies, -strength, np.inf), kind="stable")[:n_available]
    rank = np.zeros(len(strength), dtype=np.int64)
    rank[descending] = np.arange(1, n_available + 1)
    sets = np.full(len(strength), "unused", dtype="U6")
    sets[descending[:n_shared]] = "shared"
    rest = np.sort(descending[n_shared:])  # file order, so that ties among the lowest are in file order, too
    ascending = rest[np.argsort(strength[rest], kind="stable")]
    sets[ascending[:n_other]] = "other"
    return Selection(sets=sets, rank=rank)


def leaking_features(
    values: Matrix, names: Sequence[str], target: np.ndarray, classes: Sequence[str], label_name: str
) -> list[tuple[int, str]]:
    """Find features that give the label away.

    Those are features named like the label (in any case), and features that determine it on every sample where
    both are known: |r| = 1 (within 1e-6) for two classes and for a continuous label; one value of its own for
    each class where there are more.

    Parameters
    ----------
    values
        (n_samples, n_features); nan where an entry is missing.
    names
        (n_features,) names of the features.
    target
        (n_samples,) class code or number of each sample; nan where unlabelled.
    classes
        The label's classes; empty when continuous.
    label_name
        Name of the label's column, with or without its modality (``rna:column``).

    Returns
    -------
    Position of each such feature and why, in the order of the file.
    """
    column = label_name.lower()
    spellings = {column, column.rpartition(":")[2]}
    reasons = {
        position: f"is named like the label {label_name!r}"
        for position, name in enumerate(names)
        if str(name).lower() in spellings
    }
    rows = _labelled_rows(values, target)
    if isinstance(values, OnDisk):
        values, places = _suspects(values, rows, target, classes)
        found = leaking_features(values, [names[place] for place in places], target[rows], classes, label_name)
        for suspect, reason in found:
            reasons.setdefault(int(places[suspect]), reason)
        return sorted(reasons.items())
    determining = _separates_classes if len(classes) > 2 else _correlates_perfectly
    for position in np.flatnonzero(determining(values, np.asarray(target, dtype=np.float64), rows, classes)):
        reasons.setdefault(int(position), f"determines the label {label_name!r} on all samples")
    return sorted(reasons.items())


def _suspects(
    values: OnDisk, rows: np.ndarray, target: np.ndarray, classes: Sequence[str]
) -> tuple[Matrix, np.ndarray]:
    """Features that determine the label on some of its rows, with their values on all of them, and their places.

    One that does so on all rows does so on some.
    """
    some = np.sort(keyed_generator(0, "suspects").permutation(rows)[:SUSPECT_SAMPLES])
    determining = _separates_classes if len(classes) > 2 else _correlates_perfectly
    places = np.flatnonzero(determining(values[some], target[some], np.arange(len(some)), classes))
    parts = [block[:, places] for block in blocks(values, rows)]
    stack = sparse.vstack if sparse.issparse(parts[0]) else np.concatenate
    return stack(parts), places


def _labelled_rows(values: Matrix, target: np.ndarray) -> np.ndarray:
    if values.shape[0] != len(target):
        raise DataError(f"{values.shape[0]} samples have values, {len(target)} have a place in the label")
    return np.flatnonzero(~np.isnan(np.asarray(target, dtype=np.float64)))


def _ratio(covariance: np.ndarray, scatter_x: np.ndarray, scatter_y: np.ndarray) -> np.ndarray:
    """|r| per feature, the highest over the columns of y; nan where neither varies with the other."""
    scale = np.sqrt(scatter_x[:, None] * scatter_y)
    r = np.divide(np.abs(covariance), scale, out=np.full(covariance.shape, np.nan), where=scale > 0)
    return np.asarray(np.minimum(np.fmax.reduce(r, axis=1), 1.0))


def _sparse_correlation(x: Matrix, y: np.ndarray) -> np.ndarray:
    moments = column_moments(x)
    covariance = np.asarray(x.astype(np.float64).T @ y)  # y is centred, so x need not be
    return _ratio(covariance, np.where(moments.constant, 0.0, moments.scatter), np.square(y).sum(axis=0)[None])


def _dense_correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    moments = column_moments(x)
    observed = (~np.isnan(x)).astype(np.float64)
    covariance = np.where(observed > 0, x - moments.mean, 0.0).T @ y
    total, squares = observed.T @ y, observed.T @ np.square(y)  # (features, 1 or classes), where x is observed
    scatter_y = squares - np.square(total) / np.maximum(moments.count, 1)[:, None]
    scatter_y[scatter_y <= 1e-12 * squares] = 0.0  # rounding of a label that is constant there
    return _ratio(covariance, np.where(moments.constant, 0.0, moments.scatter), scatter_y)


def _correlates_perfectly(values: Matrix, target: np.ndarray, rows: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Return where |r| = 1, and enough entries are observed for that to mean something; (n_features,)."""
    enough = np.ones(values.shape[1], dtype=bool)
    groups = [rows[target[rows] == code] for code in range(len(classes))] or [rows]
    for group in groups:
        enough &= column_moments(values, group).count >= min(FEWEST_PER_CLASS, len(group))
    correlation = label_correlation(values, target, classes)
    return np.asarray(enough & (np.nan_to_num(correlation) >= PERFECT))


def _separates_classes(values: Matrix, target: np.ndarray, rows: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Return where each class that occurs has one value, and no two the same; (n_features,)."""
    groups = [rows[target[rows] == code] for code in range(len(classes))]
    moments = [column_moments(values, group) for group in groups if len(group)]
    if len(moments) < 2:
        return np.zeros(values.shape[1], dtype=bool)
    one_value = np.all([each.constant & (each.count > 0) for each in moments], axis=0)
    means = np.sort([each.mean for each in moments], axis=0)
    # a mean of equal values may be off by rounding: values count as different from a millionth of the range on
    gap = np.diff(means, axis=0).min(axis=0)
    return np.asarray(one_value & (gap > 1e-6 * (means[-1] - means[0])))
