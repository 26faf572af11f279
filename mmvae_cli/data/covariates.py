"""Covariates: what is known of samples beside their modalities, such as a batch, as columns that a model is told.

A category is a column of its own, 1 in its samples; a number is standardised. Everything is fitted on training samples,
and for each modality by itself: where no training sample of a category has a modality, nothing is known of its effect
there, and the plain mean of the categories that have one stands in for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmvae_cli.data.columns import centred_basis
from mmvae_cli.data.labels import Label, class_names
from mmvae_cli.errors import DataError, counted, did_you_mean, listed

AVERAGE = "average"  # of --unseen-covariate
AVERAGE_HINT = "--unseen-covariate average takes the mean of what was seen"
KINDS = {True: "categorical", False: "continuous"}


@dataclass(frozen=True)
class Covariate:
    """How one column is coded, as fitted on the training samples; arrays have 1 replicate where all agree.

    Attributes
    ----------
    categories
        Those of any replicate's training samples, in the order of the columns; empty for a number.
    trained
        (replicates, modalities, categories) True where training samples of a category have a modality.
    mean, sd
        (replicates,) of a number; 0 and 1 for categories.
    """

    name: str
    categories: tuple[str, ...]
    trained: np.ndarray
    mean: np.ndarray
    sd: np.ndarray

    @property
    def kind(self) -> str:
        """``categorical`` or ``continuous``."""
        return KINDS[bool(self.categories)]

    @property
    def n_columns(self) -> int:
        """How many columns it is coded in."""
        return max(1, len(self.categories))

    def columns(self, values: np.ndarray, modality: int) -> np.ndarray:
        """(replicates, n_samples, n_columns) of (n_samples,) positions in ``categories`` or numbers; nan is unknown."""
        if not self.categories:
            standardised = (values[None] - self.mean[:, None]) / self.sd[:, None]
            return np.nan_to_num(standardised)[..., None].astype(np.float32)
        n_categories, trained = len(self.categories), self.trained[:, modality]  # (replicates, categories)
        average = trained / np.maximum(trained.sum(axis=1, keepdims=True), 1)
        coding = np.where(trained[..., None], np.eye(n_categories), average[:, None])
        coding = np.concatenate([coding, average[:, None]], axis=1)  # last, for what is unknown
        return coding[:, np.where(np.isnan(values), n_categories, values).astype(int)].astype(np.float32)


@dataclass(frozen=True)
class Covariates:
    """Covariates of some samples.

    Attributes
    ----------
    design
        How each is coded.
    values
        Of each (n_samples,), see ``Covariate.columns``.
    """

    design: tuple[Covariate, ...]
    values: tuple[np.ndarray, ...]

    def of(self, modality: int) -> np.ndarray:
        """(1 or replicates, n_samples, columns) as a modality's networks see them."""
        parts = [one.columns(values, modality) for one, values in zip(self.design, self.values, strict=True)]
        n_replicates = max(len(part) for part in parts)
        return np.concatenate([np.broadcast_to(part, (n_replicates, *part.shape[1:])) for part in parts], axis=2)

    def plain(self) -> np.ndarray:
        """(n_samples, columns) whatever modality and replicate, for what is linear in them; 0 for what is unknown."""
        parts = [
            (values[:, None] == np.arange(len(one.categories))).astype(np.float64)
            if one.categories
            else np.nan_to_num((values - np.nanmean(values)) / one.sd[0])[:, None]
            for one, values in zip(self.design, self.values, strict=True)
        ]
        return np.concatenate(parts, axis=1)


def n_columns(design: Sequence[Covariate]) -> int:
    """Columns of all covariates together."""
    return sum(one.n_columns for one in design)


def fit_covariate(label: Label, train: np.ndarray, observed: np.ndarray) -> Covariate:
    """Fit the coding of a column.

    Parameters
    ----------
    label
        The column, (n_samples,) values.
    train
        (1 or replicates, n_samples) True for training samples.
    observed
        (n_samples, n_modalities).

    Raises
    ------
    DataError
        If training samples do not differ in it.
    """
    known = train & ~np.isnan(label.values)
    mean, sd = np.zeros(len(train)), np.ones(len(train))
    categories, trained = label.classes, np.zeros((len(train), observed.shape[1], 0), dtype=bool)
    if categories:
        member = label.values[:, None] == np.arange(len(categories))  # (n_samples, categories)
        trained = np.stack([(observed[of][:, :, None] & member[of][:, None]).any(axis=0) for of in known])
        seen = trained.any(axis=(0, 1))
        categories, trained = tuple(np.array(categories, dtype=object)[seen]), trained[:, :, seen]
        varies = bool((trained.any(axis=1).sum(axis=1) > 1).all())
    else:
        mean = np.array([label.values[of].mean() if of.any() else 0.0 for of in known])
        sd = np.array([label.values[of].std() if of.any() else 0.0 for of in known])
        varies = bool((sd > 0).all())
    if not varies:
        raise DataError(
            f"covariate {label.name!r} is the same in all training samples: a model can learn no effect of it",
            hint="leave it out, or name a column that differs between samples",
        )
    return Covariate(label.name, categories, trained, mean, sd)


def coded(covariate: Covariate, column: pd.Series, there: np.ndarray, *, average: bool) -> tuple[np.ndarray, str]:
    """Values of a column as a fitted covariate takes them.

    Parameters
    ----------
    column
        (n_samples,), named by sample.
    there
        (n_samples,) False for samples that do not matter.
    average
        Whether missing and unseen values are let through, as unknown.

    Returns
    -------
    (n_samples,) see ``Covariate.columns``; and what is unknown, in words, empty where nothing is.

    Raises
    ------
    DataError
        If values are missing, were never seen in training, or are no numbers.
    """
    column = column.where(there)
    if covariate.categories:
        words = class_names(column)
        code = {name: float(position) for position, name in enumerate(covariate.categories)}
        values = words.map(code).to_numpy(dtype=np.float64)
    else:
        words, values = column, pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
        values = np.where(np.isfinite(values), values, np.nan)
    missing, unseen = there & words.isna().to_numpy(), there & words.notna().to_numpy() & np.isnan(values)
    if unseen.any() and (not average or not covariate.categories):
        raise _unseen(covariate, words[unseen])
    if missing.any() and not average:
        raise DataError(
            f"covariate {covariate.name!r} is missing in {_samples(words[missing])}",
            hint=f"fill it in, or {AVERAGE_HINT}",
        )
    parts = [f"{counted(int(missing.sum()), 'sample')} without a value"] if missing.any() else []
    if unseen.any():
        which = listed(sorted(set(words[unseen])), 5)
        parts.append(f"{_samples(words[unseen])}, with {which}, which no training sample has")
    return values, " and ".join(parts)


def _samples(words: pd.Series) -> str:
    return f"{counted(len(words), 'sample')}, such as {words.index[0]!r}"


def _unseen(covariate: Covariate, words: pd.Series) -> DataError:
    values = sorted({str(word) for word in words})
    if not covariate.categories:
        return DataError(
            f"covariate {covariate.name!r} is a number, and {values[0]!r} is none, in {_samples(words)}",
            hint="mend these values",
        )
    said = did_you_mean(values[0], covariate.categories)
    return DataError(
        f"covariate {covariate.name!r}: no training sample has {listed(values, 5)}, which {_samples(words)}, "
        f"{'has' if len(words) == 1 else 'have'}",
        hint=f"{said}known: {listed(covariate.categories)}; {AVERAGE_HINT}",
    )


def without(values: np.ndarray, columns: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
    """Values (n_samples, n_features) less what depends linearly on columns (n_samples, k) in them.

    Parameters
    ----------
    rows
        (n_samples,) True for samples that count; the others are left as they are. A nan stays one, and counts as the
        mean of its feature.
    """
    rows = np.ones(len(values), dtype=bool) if rows is None else rows
    basis = centred_basis(columns[rows])
    found, missing = values[rows].astype(np.float64), np.isnan(values[rows])
    filled = np.where(missing, 0.0, found)
    mean = filled.sum(axis=0) / np.maximum((~missing).sum(axis=0), 1)
    filled = np.where(missing, 0.0, found - mean)
    out = values.copy()
    out[rows] = found - basis @ (basis.T @ filled)
    return out
