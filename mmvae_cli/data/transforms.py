"""What is done to the values of a modality before a model sees them, and how predictions are turned back.

``apply`` of a row of ``TRANSFORMS`` works on each sample by itself. Weights of the features that may follow, and mean
and standard deviation, are fitted on training samples.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from mmvae_cli.data.columns import column_moments
from mmvae_cli.data.count_transforms import (
    binarise,
    centre_log_ratio,
    inverse_document_frequencies,
    log_normalise,
    stored_values,
    term_frequencies,
)
from mmvae_cli.data.dataset import Matrix
from mmvae_cli.data.on_disk import by_rows, is_on_disk
from mmvae_cli.errors import DataError, counted, counted_of

log = logging.getLogger("mmvae_cli")

LOWEST_BETA = 1e-3  # beta values are kept this far from 0 and 1, where their logit is infinite


@dataclass(frozen=True)
class Transform:
    """One row of ``TRANSFORMS``.

    Attributes
    ----------
    name
        What the user writes after ``--transform modality=``.
    apply
        From values (n_samples, n_features) and the modality's name to the transformed values; the input is left
        as it is.
    standardise
        Whether mean and standard deviation of the training samples are taken out afterwards.
    undo
        From transformed values, with the standardisation undone, to the unit of the input; None where predictions
        stay in the transformed unit.
    unit
        Unit of the predictions.
    description
        One line for the user.
    needs_all
        Whether a value depends on all features of its sample, so that other features give other values.
    likelihood
        The one that describes what it leaves; None where it leaves the values as they are, so that any may.
    sized
        Whether the total of a sample, of the values that it leaves, says how deep the sample was sequenced.
    fit
        From applied values and indices of training samples to weights w of the features (n_features,), with which
        values x become ``log(1 + x w)``, see ``log_weighted``; None where nothing is fitted.
    """

    name: str
    apply: Callable[[Matrix, str], Matrix]
    standardise: bool
    undo: Callable[[np.ndarray], np.ndarray] | None
    unit: str
    description: str
    needs_all: bool = False
    likelihood: str | None = "gaussian"
    sized: bool = False
    fit: Callable[[Matrix, np.ndarray], np.ndarray] | None = None

    def applied(self, values: Matrix, modality: str) -> Matrix:
        """Transformed values of a modality; of values on disk when they are read."""
        return values if self.apply is _keep else by_rows(lambda block: self.apply(block, modality), values)

    @property
    def changes(self) -> bool:
        """Whether values are changed before they are standardised."""
        return self.apply is not _keep


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of some features, (n_columns,) float64 each.

    Attributes
    ----------
    mean, sd
        Over the training samples; the population's (divisor n), and 1 where a feature is constant.
    """

    mean: np.ndarray
    sd: np.ndarray

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return standardised values, (n_samples, n_columns)."""
        return np.asarray((values - self.mean) / self.sd)

    def undo(self, values: np.ndarray) -> np.ndarray:
        """Return values in the unit they had before, (n_samples, n_columns)."""
        return np.asarray(values * self.sd + self.mean)


def fit_scaling(values: Matrix, rows: np.ndarray, columns: np.ndarray | None = None) -> Scaling:
    """Fit mean and standard deviation of features on some samples; missing entries are left out.

    Parameters
    ----------
    values
        (n_samples, n_features), transformed; a sparse matrix stays sparse.
    rows
        Indices of the training samples.
    columns
        Indices of the features; None for all.

    Raises
    ------
    DataError
        If there is no sample.
    """
    if len(rows) == 0:
        raise DataError("no training sample to fit mean and standard deviation on")
    if columns is None or is_on_disk(values):
        moments = column_moments(values, rows).of(slice(None) if columns is None else columns)
    else:
        moments = column_moments(values[:, columns], rows)
    variance = moments.scatter / np.maximum(moments.count, 1)
    return Scaling(
        mean=np.where(moments.count > 0, moments.mean, 0.0),
        sd=np.where(moments.constant | (variance == 0), 1.0, np.sqrt(variance)),
    )


def _keep(values: Matrix, modality: str) -> Matrix:
    return values


def _to_m_values(values: Matrix, modality: str) -> Matrix:
    """``log2(b / (1 − b))``."""
    stored = stored_values(values)
    outside = int(np.sum((stored < 0) | (stored > 1)))
    if outside:
        raise DataError(
            f"modality {modality!r} has {counted(outside, 'value')} outside 0..1, which looks like M-values already",
            hint=f"use --transform {modality}=zscore; mvalue is for beta values",
        )
    beta = np.asarray(values if isinstance(values, np.ndarray) else values.toarray())
    highest = 1 - LOWEST_BETA
    n_clipped = int(np.sum((beta < LOWEST_BETA) | (beta > highest)))
    if n_clipped:
        log.warning(
            "modality %r: %s set to %g or %g, the logit is infinite at 0 and 1",
            modality,
            counted_of(n_clipped, beta.size, "beta value"),
            LOWEST_BETA,
            highest,
        )
    clipped = np.clip(beta.astype(np.float64), LOWEST_BETA, highest)
    return np.log2(clipped / (1 - clipped)).astype(np.result_type(beta.dtype, np.float32))


def _to_beta(m_values: np.ndarray) -> np.ndarray:
    return np.asarray(expit(np.asarray(m_values) * np.log(2)))


TRANSFORMS: dict[str, Transform] = {
    row.name: row
    for row in (
        Transform("zscore", _keep, True, lambda x: x, "input", "mean 0 and standard deviation 1 of every feature"),
        Transform("none", _keep, False, lambda x: x, "input", "the values as they are", likelihood=None),
        Transform(
            "lognorm",
            log_normalise,
            True,
            None,
            "log1p(counts per 10,000)",
            "counts to 10,000 per sample, log1p (scanpy), then zscore",
            needs_all=True,
        ),
        Transform(
            "clr",
            centre_log_ratio,
            True,
            None,
            "centred log ratio",
            "centred log ratio of each sample, then zscore",
            needs_all=True,
        ),
        Transform("mvalue", _to_m_values, True, _to_beta, "beta value", "beta values to M-values, then zscore"),
        Transform(
            "tfidf",
            term_frequencies,
            True,
            None,
            "log1p(TF-IDF x 10,000)",
            "term frequency times inverse document frequency, as in Signac, then zscore",
            needs_all=True,
            fit=inverse_document_frequencies,
        ),
        Transform(
            "binarize",
            binarise,
            False,
            lambda x: x,
            "probability of a value above 0, at the median number of such values of the training samples",
            "1 where a value is above 0, for a bernoulli likelihood",
            needs_all=True,
            likelihood="bernoulli",
            sized=True,
        ),
    )
}

# by kind of values and likelihood: the level of the message, and what to say of the modality named by %s
ADVICE: dict[tuple[str, str], tuple[int, str]] = {
    ("counts", "gaussian"): (
        logging.WARNING,
        "modality %r holds raw counts, which a Gaussian likelihood fits badly: "
        "use --transform %s=lognorm (or clr for proteins)",
    ),
    ("fractions", "gaussian"): (
        logging.INFO,
        "modality %r holds values from 0 to 1; if they are beta values of methylation, consider --transform %s=mvalue",
    ),
}


def warn_about_values(modality: str, kind: str, transform_name: str, likelihood_name: str) -> None:
    """Tell the user where values, transform and likelihood do not go together.

    Parameters
    ----------
    modality
        The modality's name.
    kind
        Kind of its values as they were read: ``"counts"``, ``"fractions"``, ``"binary"``, ``"continuous"``.
    transform_name, likelihood_name
        Rows of ``TRANSFORMS`` and of the table of likelihoods.
    """
    advice = ADVICE.get((kind, likelihood_name))
    if advice and not TRANSFORMS[transform_name].changes:
        level, message = advice
        log.log(level, message, modality, modality)
