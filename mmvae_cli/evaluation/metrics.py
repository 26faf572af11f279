"""How good predictions and latents are: R² and correlation of features, separation of labels."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mmvae_cli.data.columns import column_moments
from mmvae_cli.errors import DataError

log = logging.getLogger("mmvae_cli")

BLOCK_ENTRIES = 4_000_000  # entries taken to float64 at once: 32 MB
WEAK_PENALTY = 1e6  # C of the logistic regression: in effect none, but separable data converge
MOST_ITERATIONS = 10_000
UNUSED_BELOW = (
    0.001  # share of every modality's variance, mean over its features: a latent that explains less is unused
)


def r2_per_feature(x: np.ndarray, x_hat: np.ndarray) -> np.ndarray:
    """Coefficient of determination of each feature, ``1 − Σ(x−x̂)² / Σ(x−mean x)²``.

    Parameters
    ----------
    x, x_hat
        Observed and predicted values, (n_samples, n_features), in the same unit; samples without a prediction
        left out. Entries of ``x`` that are nan do not count.

    Returns
    -------
    (n_features,) float64, at most 1; nan where a feature is constant, and with fewer than two values.

    Raises
    ------
    DataError
        If the shapes differ.
    """
    if x.shape != x_hat.shape:
        raise DataError(f"predictions have the shape {x_hat.shape}, the data {x.shape}")
    n_samples, n_features = x.shape
    r2 = np.full(n_features, np.nan)
    if n_samples < 2:
        return r2
    width = max(1, BLOCK_ENTRIES // n_samples)
    for start in range(0, n_features, width):
        columns = slice(start, start + width)
        truth = np.asarray(x[:, columns], dtype=np.float64)
        residual = np.where(np.isnan(truth), 0.0, np.square(truth - x_hat[:, columns])).sum(axis=0)
        moments = column_moments(truth)
        # not the scatter alone: the mean of equal values may be off by rounding
        varies = ~moments.constant & (moments.scatter > 0)
        np.divide(residual, moments.scatter, out=r2[columns], where=varies)
    return 1 - r2


def pearson_per_feature(x: np.ndarray, x_hat: np.ndarray) -> np.ndarray:
    """Pearson correlation of each feature's predictions with its values.

    Parameters
    ----------
    x, x_hat
        As for ``r2_per_feature``.

    Returns
    -------
    (n_features,) float64 from -1 to 1; 0 where the predictions do not vary, nan where the values do not.
    """
    n_samples, n_features = x.shape
    found = np.full(n_features, np.nan)
    width = max(1, BLOCK_ENTRIES // max(n_samples, 1))
    for start in range(0, n_features, width):
        columns = slice(start, start + width)
        truth = np.asarray(x[:, columns], dtype=np.float64)
        predicted = np.where(np.isnan(truth), np.nan, x_hat[:, columns])
        of_truth, of_predicted = column_moments(truth), column_moments(predicted)
        products = np.nansum((truth - of_truth.mean) * (predicted - of_predicted.mean), axis=0)
        varies = ~of_truth.constant & (of_truth.scatter > 0)
        moves = ~of_predicted.constant & (of_predicted.scatter > 0)
        scale = np.sqrt(of_truth.scatter * of_predicted.scatter)
        r = np.divide(products, scale, out=np.zeros(len(products)), where=varies & moves)
        found[columns] = np.where(varies, np.clip(r, -1.0, 1.0), np.nan)
    return found


def summarise(r2: np.ndarray, sets: np.ndarray | None) -> dict[str, dict[str, float | int | None]]:
    """Median and mean R² (or another score) of each set of features.

    Parameters
    ----------
    r2
        (n_features,), nan where undefined.
    sets
        (n_features,) ``"shared"``, ``"other"`` or anything else; None where there are no sets.

    Returns
    -------
    By set (``"shared"`` and ``"other"`` where they occur, and ``"all"``): ``median`` and ``mean`` over the
    features with an R², None where there is none, and ``n``, the number of such features.
    """
    r2 = np.asarray(r2, dtype=np.float64)
    chosen = {name: r2[of_set] for name, of_set in members_of(sets, len(r2)).items()}
    return {name: _centre(values[~np.isnan(values)]) for name, values in chosen.items()}


def members_of(sets: np.ndarray | None, n_features: int) -> dict[str, np.ndarray]:
    """(n_features,) True for the members of ``"shared"`` and ``"other"``, where they occur, and of ``"all"``."""
    members = {name: np.asarray(sets) == name for name in ("shared", "other")} if sets is not None else {}
    occurring = {name: of_set for name, of_set in members.items() if of_set.any()}
    return occurring | {"all": np.ones(n_features, dtype=bool)}


def label_separation(
    train: np.ndarray,
    train_target: np.ndarray,
    test: np.ndarray,
    test_target: np.ndarray,
    classes: Sequence[str],
) -> dict[str, float | None]:
    """How well latents tell the classes apart: logistic regression on training, AUC on held-out samples.

    L2 with C = 1e6 on latents standardised on the training samples. With several classes the AUC is the mean over
    the classes, each against all others; classes that no held-out or no training sample has are left out.

    Parameters
    ----------
    train, test
        Latents, (n_samples, n_latents).
    train_target, test_target
        (n_samples,) class codes; nan where unlabelled, which are left out.
    classes
        Names of the classes.

    Returns
    -------
    ``auc`` and ``accuracy`` of the held-out samples, from 0 to 1; None where undefined.
    """
    undefined: dict[str, float | None] = {"auc": None, "accuracy": None}
    if train.shape[1] == 0:
        return undefined
    found = class_scores(train, train_target, test, test_target)
    if found is None:
        return undefined
    accuracy = float(np.mean(found.classes[found.scores.argmax(axis=1)] == found.target))
    areas = list(found.areas().values())
    if not areas:
        held_out = ", ".join(repr(classes[int(code)]) for code in np.unique(found.target))
        log.warning("AUC is undefined: the labelled held-out samples are all %s", held_out)
    return {"auc": float(np.mean(areas)) if areas else None, "accuracy": accuracy}


@dataclass(frozen=True)
class ClassScores:
    """How much each held-out sample looks like each class, by a logistic regression on training samples.

    Attributes
    ----------
    classes
        (n_classes,) codes of the classes that training samples have.
    target
        (n_samples,) code of each held-out sample with a label.
    scores
        (n_samples, n_classes) log-odds of a class against all others.
    """

    classes: np.ndarray
    target: np.ndarray
    scores: np.ndarray

    def areas(self) -> dict[int, float]:
        """AUC of each class against all others, by its code; without those that no or every held-out sample has."""
        return {
            int(code): _area(self.target == code, score)
            for code, score in zip(self.classes, self.scores.T, strict=True)
            if 0 < np.sum(self.target == code) < len(self.target)
        }


def class_scores(
    train: np.ndarray, train_target: np.ndarray, test: np.ndarray, test_target: np.ndarray
) -> ClassScores | None:
    """Scores of the classifier of ``label_separation``, whose arguments these are; None where it is undefined."""
    train, y_train = _usable(train, train_target)
    test, y_test = _usable(test, test_target)
    known = np.unique(y_train).astype(int)
    if len(known) < 2 or len(y_test) == 0:
        log.warning(
            "label separation is undefined: %d labelled training samples in %d classes, %d labelled held-out samples",
            len(y_train),
            len(known),
            len(y_test),
        )
        return None
    return ClassScores(known, y_test, _class_scores(*_standardised(train, test), y_train))


def continuous_separation(
    train: np.ndarray, train_target: np.ndarray, test: np.ndarray, test_target: np.ndarray
) -> dict[str, float | None]:
    """How well latents give a continuous label: R² on held-out samples of a linear regression on training samples.

    Parameters
    ----------
    train, test
        Latents, (n_samples, n_latents).
    train_target, test_target
        (n_samples,) the label; nan where unlabelled, which are left out.

    Returns
    -------
    ``r2``, at most 1; None where undefined.
    """
    if train.shape[1] == 0:
        return {"r2": None}
    train, y_train = _usable(train, train_target)
    test, y_test = _usable(test, test_target)
    if len(y_train) < 2 or len(y_test) < 2 or np.ptp(y_test) == 0:
        log.warning(
            "R² of the label is undefined: %d labelled training samples, %d labelled held-out samples, %d values there",
            len(y_train),
            len(y_test),
            len(np.unique(y_test)),
        )
        return {"r2": None}
    train, test = _standardised(train, test)
    centre = y_train.mean()
    weights = np.linalg.lstsq(train, y_train - centre, rcond=None)[0]
    return {"r2": float(r2_per_feature(y_test[:, None], (test @ weights + centre)[:, None])[0])}


def median_and_sd(values: Iterable[float | None]) -> dict[str, float | None]:
    """Median and sample standard deviation (divisor n − 1) over replicates, without those that are None or nan.

    Returns
    -------
    ``median``, None without any value; ``sd``, None with fewer than two.
    """
    known = np.array([value for value in values if value is not None and not np.isnan(value)], dtype=np.float64)
    return {
        "median": float(np.median(known)) if len(known) else None,
        "sd": float(np.std(known, ddof=1)) if len(known) > 1 else None,
    }


def _centre(values: np.ndarray) -> dict[str, float | int | None]:
    if len(values) == 0:
        return {"median": None, "mean": None, "n": 0}
    return {"median": float(np.median(values)), "mean": float(np.mean(values)), "n": len(values)}


def _usable(latents: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples that have both a label and latents."""
    target = np.asarray(target, dtype=np.float64)
    keep = ~np.isnan(target) & ~np.isnan(latents).any(axis=1)
    return np.asarray(latents, dtype=np.float64)[keep], target[keep]


def _standardised(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take mean and standard deviation of the training samples out of both; constant latents become 0."""
    mean, sd = train.mean(axis=0), train.std(axis=0)
    varies = (train.max(axis=0) > train.min(axis=0)) & (sd > 0)
    factor = np.divide(1.0, sd, out=np.zeros_like(sd), where=varies)
    return (train - mean) * factor, (test - mean) * factor


def _class_scores(train: np.ndarray, test: np.ndarray, y_train: np.ndarray) -> np.ndarray:
    """Log-odds of every class against the others, (test samples, training classes)."""
    from scipy.special import logsumexp
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=WEAK_PENALTY, max_iter=MOST_ITERATIONS).fit(train, y_train)
    logits = model.decision_function(test)
    if logits.ndim == 1:
        return np.stack([-logits, logits], axis=1)
    # probabilities would do for the order, but those of separable classes round to 0 and 1, and tie
    others = [logsumexp(np.delete(logits, code, axis=1), axis=1) for code in range(logits.shape[1])]
    return np.asarray(logits - np.stack(others, axis=1))


def _area(positive: np.ndarray, score: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, score))
