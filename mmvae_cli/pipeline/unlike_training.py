"""Whether data are those of the training where they should be, and on its scale where they are others.

Neither is an error: samples may be measured again, and a study may differ. But nothing else shows in the numbers.
"""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from mmvae_cli.data.aligned import Aligned
from mmvae_cli.data.columns import column_moments
from mmvae_cli.data.dataset import Matrix
from mmvae_cli.data.evenly import evenly
from mmvae_cli.data.marks import differ, feature_weights, marks
from mmvae_cli.data.on_disk import blocks
from mmvae_cli.errors import counted_of, listed
from mmvae_cli.model.likelihoods import LIKELIHOODS
from mmvae_cli.training.run import ModalityRecord, Run

log = logging.getLogger("mmvae_cli")

MOST_SAMPLES, MOST_FEATURES = 1000, 2000  # looked at
FAR = 1.0  # training sds between the means of new data and of the training, median feature; more for few samples
WIDER = 4.0  # ratio of sds, median feature
STEEPER = 1.3  # slope of the means of features over those of the training: logarithms to another base have 1.44
APART = 1.25  # sds of a feature by which means of features differ, where this slope says something
ENOUGH_FOR_SD = ENOUGH_FOR_PROFILE = 20  # samples
FEWEST_FEATURES = 10  # of a profile
UNLIKE = 0.4  # correlation of profiles, of what it could be at this noise; cells of one type have 0.6 or more
SURE = 4.0  # sds of what features that are not there may have contributed


def sample_marks(aligned: Aligned, record: ModalityRecord) -> np.ndarray:
    """(1, n_samples) marks of the transformed values, see ``data.marks``; nan where a sample lacks the modality."""
    modality, rows = aligned.modalities[record.name], aligned.rows[record.name]
    weights = np.zeros(modality.n_features)
    weights[modality.var.index.get_indexer(pd.Index(record.features))] = feature_weights(record.features)
    own = np.concatenate([marks(block, weights) for block in blocks(modality.values)])
    return np.where(rows >= 0, own[rows], np.nan)[None]


def look(run: Run, record: ModalityRecord, aligned: Aligned, places: np.ndarray) -> int:
    """Warn where a modality of the data is unlike that of the training; number of samples whose values have changed.

    Parameters
    ----------
    aligned
        Transformed values.
    places
        (n_features of the record,) where its features stand; -1 where the data lack one.
    """
    there = np.flatnonzero(aligned.rows[record.name] >= 0)
    rows = there[evenly(len(there), MOST_SAMPLES)]
    if not len(rows):
        return 0
    values = aligned.taken(record.name, places, rows)
    changed = aligned.names[rows[_changed(run, record, aligned.names[rows], values, places < 0)]]
    if len(changed):
        log.warning(
            "modality %r: %s that were looked at have other values than in the training, such as %s: "
            "what was measured there does not hold for them",
            record.name, counted_of(len(changed), len(rows), "sample"), listed(changed, most=3),
        )  # fmt: skip
    if LIKELIHOODS[record.likelihood].has_scale:
        _warn_of_another_scale(record, run.replicate, values, places)
    else:
        _warn_of_another_profile(record, run.replicate, values, places)
    return len(changed)


def _changed(run: Run, record: ModalityRecord, names: np.ndarray, values: Matrix, absent: np.ndarray) -> np.ndarray:
    """(n_samples,) True for samples that the training knew under this name, with other values.

    ``absent`` (n_features of the record,) are features that the data lack: their mean stands in, and their sd is
    allowed for; counts and weighted values, whose mean depends on the sample, are then not compared.
    """
    place = pd.Index(run.samples).get_indexer(pd.Index(names))
    lacks = bool(absent.any())
    if record.marks is None or (lacks and not _knows_moments(record, run.replicate)):
        return np.zeros(len(names), dtype=bool)
    known = np.where(place >= 0, record.view(record.marks, run.replicate)[place], np.nan)
    weights, allowed = feature_weights(record.features), 0.0
    if lacks:
        columns, mean, sd = _moments(record, run.replicate)
        of_absent, missing = weights[columns], absent[columns]
        known = known - (of_absent * mean)[missing].sum()
        allowed = SURE * float(np.sqrt(np.square(of_absent * sd)[missing].sum()))
    return differ(values, weights, known, allowed)


def _moments(record: ModalityRecord, replicate: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns of the replicate, mean and sd of their transformed values in its training; sd is nan where not known."""
    sd = record.sd if record.sd is not None else record.spread
    columns, mean = record.view(record.columns, replicate), record.view(record.mean, replicate)
    return columns, mean, np.full(len(mean), np.nan) if sd is None else record.view(sd, replicate)


def _knows_moments(record: ModalityRecord, replicate: int) -> bool:
    columns, _, sd = _moments(record, replicate)
    of_values = record.weights is None and not LIKELIHOODS[record.likelihood].sized
    return of_values and len(columns) == len(record.features) and not np.isnan(sd).any()


def _warn_of_another_profile(record: ModalityRecord, replicate: int, values: Matrix, places: np.ndarray) -> None:
    """Compare which features have many counts with the training; how many there are in all does not matter."""
    columns, mean, _ = _moments(record, replicate)
    there = places[columns] >= 0
    part = values[:, columns[there]]
    if part.shape[0] < ENOUGH_FOR_PROFILE or part.shape[1] < FEWEST_FEATURES:
        return
    halves = [np.asarray(part[half::2].sum(axis=0), dtype=np.float64).reshape(-1) for half in range(2)]
    trained, own = mean[there], halves[0] + halves[1]
    r, of_halves = _likeness(own, trained), _likeness(*halves)
    reliability = 2.0 * of_halves / (1.0 + of_halves) if of_halves > 0 else 0.0  # Spearman and Brown, 1910
    if r < UNLIKE * np.sqrt(reliability):
        log.warning(
            "modality %r: features with many counts are others than in the training (correlation of their means %.2f): "
            "is it the same modality, with the right names of features?",
            record.name, r,
        )  # fmt: skip


def _likeness(first: np.ndarray, second: np.ndarray) -> float:
    """Correlation of two profiles (n_features,), on a log scale and of the same total; 1 where one is flat."""
    if not first.any() or not second.any():
        return 1.0
    x, y = (np.log1p(profile / profile.mean()) for profile in (first, second))
    return float(np.corrcoef(x, y)[0, 1]) if x.std() > 0 and y.std() > 0 else 1.0


def _warn_of_another_scale(record: ModalityRecord, replicate: int, values: Matrix, places: np.ndarray) -> None:
    """Compare means and sds of features with those of the training."""
    columns, mean, sd = _moments(record, replicate)
    chosen = np.flatnonzero((places[columns] >= 0) & (sd > 0))
    chosen = chosen[evenly(len(chosen), MOST_FEATURES)]
    part = values[:, columns[chosen]]
    x = np.asarray(part if isinstance(part, np.ndarray) else part.toarray(), dtype=np.float64)
    if record.weights is not None:
        x = np.log1p(x * record.view(record.weights, replicate)[chosen])
    moments = column_moments(x)
    known = moments.count > 0
    if not known.any():
        return
    moments, mean, sd = moments.of(known), mean[chosen][known], sd[chosen][known]
    here, spread = moments.mean, np.sqrt(moments.scatter / moments.count)
    away = float(np.median(np.abs(here - mean) / sd))
    # half of the features constant in some samples: too sparse to say
    wider = (float(np.median(spread / sd)) or 1.0) if len(x) >= ENOUGH_FOR_SD else 1.0
    slope = _slope(here, mean, sd)
    if away > FAR + 2.0 / np.sqrt(len(x)) or not 1 / WIDER <= wider <= WIDER or not 1 / STEEPER <= slope <= STEEPER:
        log.warning(
            "modality %r is on another scale than in the training (median feature: mean %.2f training sds away, sd "
            "%.2f times as large; means %.2f times those of the training): give values in the same unit, normalised "
            "alike",
            record.name, away, wider, slope,
        )  # fmt: skip


def _slope(here: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> float:
    """Slope of the features' means over those of the training; 1 where these hardly differ between features."""
    if len(mean) < FEWEST_FEATURES or mean.std() < APART * np.median(sd):
        return 1.0
    centred = mean - mean.mean()
    return float((here - here.mean()) @ centred / (centred @ centred))
