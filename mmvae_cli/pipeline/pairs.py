"""How well each modality alone predicts each other one, on held-out samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmvae_cli.evaluation.metrics import pearson_per_feature, r2_per_feature, summarise
from mmvae_cli.pipeline.apply import Applied
from mmvae_cli.pipeline.held_out import feature_sets, observed_values


def pairs(applied: Applied, rows: np.ndarray) -> dict[str, dict[str, dict[str, Any]]]:
    """R² and correlation of the features of each modality, predicted from each other one alone.

    Parameters
    ----------
    rows
        Held-out samples, in the internal order.

    Returns
    -------
    By predicted modality and source: ``n``, the held-out samples that have both; ``r2`` and ``pearson``, each
    summarised by feature set as ``summarise`` does.
    """
    order = [name for name in applied.run.record["modality_order"] if name in applied.aligned.modalities]
    return {name: {source: _pair(applied, source, name, rows) for source in order if source != name} for name in order}


def _pair(applied: Applied, source: str, target: str, rows: np.ndarray) -> dict[str, Any]:
    record, from_, to = applied.run.modality(target), applied.run.index(source), applied.run.index(target)
    counted, sets = rows[applied.observed[rows][:, [from_, to]].all(1)], feature_sets(applied, record)
    x, predicted = observed_values(applied, record, counted), applied.predict([from_], to, counted)
    scores = {"r2": r2_per_feature(x, predicted), "pearson": pearson_per_feature(x, predicted)}
    return {"n": len(counted)} | {name: summarise(values, sets) for name, values in scores.items()}
