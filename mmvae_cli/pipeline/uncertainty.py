"""What ``mmvae evaluate`` says of the trust a run deserves: intervals, significance of predictions, stability."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from mmvae_cli.data.covariates import without
from mmvae_cli.evaluation.intervals import coverage
from mmvae_cli.evaluation.permutation import prediction_significance
from mmvae_cli.evaluation.stability import stability
from mmvae_cli.pipeline.apply import Applied, Matched
from mmvae_cli.pipeline.intervals import Ensemble
from mmvae_cli.training.run import ModalityRecord

FeatureSets = Callable[[Applied, ModalityRecord], np.ndarray | None]

LEVEL = 0.9  # nominal coverage of the intervals
SIGNIFICANT = 0.05  # q-value below which a prediction is called significant


@dataclass(frozen=True)
class Uncertainty:
    """Metrics for the summary, and values per feature: name → modality → (n_features of the written replicate,)."""

    metrics: dict[str, Any]
    by_feature: Mapping[str, Mapping[str, np.ndarray]]


def uncertainty(matched: Matched, feature_sets: FeatureSets) -> Uncertainty:
    """Measure on the held-out samples of the written replicate how far cross-modal predictions are to be believed.

    Coverage is that of the intervals that ``predict --intervals`` writes, significance that of the written
    replicate's predictions, both from all other modalities; stability is that of the shared latents of all replicates.

    Parameters
    ----------
    feature_sets
        Gives the sets by which coverage is reported, ``"shared"`` and ``"other"``.
    """
    run, ensemble = matched.run, Ensemble.of(matched)
    held = matched.aligned.places_of(run.part(run.replicate, "test"))
    found: dict[str, Any] = {}
    by_feature: dict[str, dict[str, np.ndarray]] = {"p_cross": {}, "q_cross": {}}
    for name in run.record["modality_order"]:
        target = run.index(name)
        others = [m for m in range(len(run.modalities)) if m != target]
        rows = held[matched.observed[held, target] & matched.observed[held][:, others].any(1)]
        if name not in matched.aligned.modalities or not others:
            continue
        x, predicted = _observed_and_predicted(ensemble.written, others, target, rows)
        if matched.covariates is not None:  # what they explain is no prediction from other modalities
            told = matched.covariates.plain()[rows]
            x, predicted = without(x, told), without(predicted, told)
        tested = prediction_significance(x, predicted, run.record["config"]["seed"], name)
        by_feature["p_cross"][name], by_feature["q_cross"][name] = tested.p, tested.q
        found[name] = {
            "n": len(rows),
            "tested": int((~np.isnan(tested.p)).sum()),
            "significant": int((tested.q < SIGNIFICANT).sum()),
            "permutations": tested.n_permutations,
            "intervals": _coverage(ensemble, others, target, feature_sets),
        }
    metrics = {"level": LEVEL, "mixed": len(ensemble.members), "cross": found, "stability": _stability(matched)}
    return Uncertainty(metrics, by_feature)


def _observed_and_predicted(
    applied: Applied, sources: list[int], target: int, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Values and predictions (n_rows, n_features) in the model's unit; nan for features that are not predicted."""
    n_features = applied.run.spec.modalities[target].n_features
    pairs = [np.empty((2, 0, n_features), dtype=np.float32)]
    with torch.no_grad():
        for batch in applied.batches(rows):
            predicted = applied.model.predict(batch, sources, target)[0]
            pairs.append(torch.stack([batch.values(target)[0], predicted]).numpy())
    x, x_hat = np.concatenate(pairs, axis=1)
    return x, x_hat


def _coverage(ensemble: Ensemble, sources: list[int], target: int, feature_sets: FeatureSets) -> dict[str, Any]:
    """Coverage of the intervals by feature set, on the held-out samples or evenly chosen ones of them."""
    run, rows = ensemble.written.run, ensemble.rows_of("test", target)
    x, lower, upper = [], [], []
    for batch, low, high in ensemble.batches(sources, target, rows, LEVEL):
        x.append(batch.values(target)[0].numpy())
        lower.append(low)
        upper.append(high)
    parts = [np.concatenate(part) if part else np.empty((0, 0)) for part in (x, lower, upper)]
    found = {"all": coverage(*parts)}
    sets = feature_sets(ensemble.written, run.modalities[target])
    for name in ("shared", "other") if sets is not None and x else ():
        found[name] = coverage(*(part[:, sets == name] for part in parts))
    return found


def _stability(matched: Matched) -> dict[str, Any] | None:
    """Stability of the shared block over replicates; None for a single one."""
    run = matched.run
    if run.n_replicates < 2:
        return None
    rows = matched.aligned.places_of(run.samples[(run.splits != "").any(0)])
    splits = run.splits[:, np.searchsorted(run.samples.astype(str), matched.aligned.names[rows].astype(str))]
    block = run.spec.layout.shared_block
    latents = [matched.replicate(index).embed(rows)[:, block] for index in range(run.n_replicates)]
    return stability(latents, splits == "train", splits == "test")
