"""Features of a page: what was measured of each, and predicted against observed values of the best predicted ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from mmvae_cli.data.random import keyed_generator
from mmvae_cli.evaluation.metrics import pearson_per_feature
from mmvae_cli.pipeline.apply import prediction_unit
from mmvae_cli.pipeline.evaluate import Evaluation
from mmvae_cli.pipeline.held_out import feature_sets, observed_values
from mmvae_cli.plots.pictures import SYMBOLS
from mmvae_cli.reporting.content import MEASURES, Features, Pairs
from mmvae_cli.training.run import ModalityRecord

MOST_PAIRS = 1_000_000  # in the page, of all modalities: 5 MB
MOST_SAMPLES = 400  # of a feature


def features_of(found: Evaluation, row_of: np.ndarray) -> dict[str, Features]:
    """Features of every modality.

    Parameters
    ----------
    row_of
        (n_samples,) place in the list of the page of each sample of the internal order.
    """
    names = [name for name in found.run.record["modality_order"] if name in found.written.aligned.modalities]
    return {name: _features(found, name, row_of, MOST_PAIRS // len(names)) for name in names}


def _features(found: Evaluation, name: str, row_of: np.ndarray, most: int) -> Features:
    run, applied, record = found.run, found.written, found.run.modality(name)
    values = {kind: of[name] for kind, of in found.by_feature.items() if kind in MEASURES and name in of}
    sets, names = feature_sets(applied, record), record.feature_names(run.replicate)
    symbols = _symbols(found.dataset.modalities[name].var, names)
    target = run.index(name)
    others = [m for m in range(len(run.modalities)) if m != target]
    held = applied.aligned.places_of(run.part(run.replicate, "test"))
    rows = held[applied.observed[held, target] & applied.observed[held][:, others].any(1)] if others else held[:0]
    if not len(rows):
        return Features(names, symbols, sets, values, None)
    x, predicted = observed_values(applied, record, rows), applied.predict(others, target, rows)
    values["r"] = pearson_per_feature(x, predicted)
    pairs = _pairs(x, predicted, values["r2_cross"], rows, record, most)
    ordered = {kind: values[kind] for kind in MEASURES if kind in values}
    return Features(names, symbols, sets, ordered, replace(pairs, samples=row_of[pairs.samples]))


def _symbols(var: pd.DataFrame, names: np.ndarray) -> np.ndarray | None:
    column = next((column for column in SYMBOLS if column in var), None)
    return None if column is None else var[column].astype(object).reindex(names).fillna("").to_numpy()


def _pairs(
    x: np.ndarray, predicted: np.ndarray, r2: np.ndarray, rows: np.ndarray, record: ModalityRecord, most: int
) -> Pairs:
    """Features with the highest R², as many as there is room for; samples drawn at random where there are many."""
    n_held_out, chosen = len(rows), np.arange(len(rows))
    if n_held_out > MOST_SAMPLES:
        chosen = np.sort(keyed_generator(0, "pairs", record.name).choice(n_held_out, MOST_SAMPLES, replace=False))
    best = np.argsort(-np.nan_to_num(r2, nan=-np.inf), kind="stable")[: max(most // len(chosen), 1)]
    best = best[~np.isnan(r2[best])]
    observed, told = (values[np.ix_(chosen, best)].T for values in (x, predicted))
    return Pairs(best, rows[chosen], observed, told, prediction_unit(record), n_held_out)
