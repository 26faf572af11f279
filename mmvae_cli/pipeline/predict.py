"""``mmvae predict``: what some modalities say about another, for every sample that has one of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from mudata import MuData

from mmvae_cli.config import PredictConfig
from mmvae_cli.data.formats import Source
from mmvae_cli.data.updates import REMOVE
from mmvae_cli.errors import DataError, UsageError, did_you_mean, listed, pick
from mmvae_cli.pipeline.apply import Applied, match, prediction_unit
from mmvae_cli.pipeline.intervals import Ensemble
from mmvae_cli.pipeline.one_model import with_model_record
from mmvae_cli.pipeline.outcome import Outcome, earlier_record, written_paths
from mmvae_cli.pipeline.reuse import open_data
from mmvae_cli.training.run import Run, load_run

log = logging.getLogger("mmvae_cli")

LARGE = 1e9  # bytes of a prediction above which leave is asked
WORTH_SAYING = 1e7
SUFFIXES = ("", "_lower", "_upper")  # of the names of a prediction and of the ends of its intervals


@dataclass(frozen=True)
class Prediction:
    """Prediction of one modality.

    Attributes
    ----------
    values
        (n_samples, n_features) float32 in the internal order of the samples; nan without a source.
    features
        (n_features,) names, in the order in which the run knows them.
    unit
        ``input`` for the unit of the input, else the name of the transformed unit.
    ends
        Lower and upper ends of the intervals, as ``values``; empty where none were asked for.
    """

    target: str
    values: np.ndarray
    features: np.ndarray
    unit: str
    ends: tuple[np.ndarray, ...] = ()

    def parts(self) -> list[tuple[str, np.ndarray]]:
        """Everything that is written, by the suffix of its name."""
        return list(zip(SUFFIXES, (self.values, *self.ends), strict=False))


def predict(source: Source | MuData | None, config: PredictConfig, *, command_line: str = "") -> Outcome:
    """Predict modalities and write them into the data."""
    run, applied, predictions = predictions_of(source, config)
    key, joined = run.record["key"], "+".join(config.source)
    updates: dict[str, object] = {}
    for prediction in predictions:
        updates |= _updates(applied, prediction, key, config.source)
    entries = {
        "command": "predict",
        "predict_command_line": command_line,
        **{f"unit_{prediction.target}": prediction.unit for prediction in predictions},
    }
    summary = {
        "command": "predict",
        "run": config.run,
        "from": list(config.source),
        "replicate": run.replicate,
        "missing_features": {name: len(names) for name, names in applied.missing.items() if name in config.source},
        "targets": {
            prediction.target: {
                "samples": int((~np.isnan(prediction.values).all(1)).sum()),
                "features": len(prediction.features),
                "unit": prediction.unit,
                **_without_target(applied, prediction, key, updates),
            }
            for prediction in predictions
        },
        "intervals": config.intervals,
        "joined": joined,
    }
    return Outcome(summary, with_model_record(updates, run, config.run, applied.aligned, entries))


def prediction_table(source: Source | MuData | None, config: PredictConfig) -> tuple[pd.DataFrame, str]:
    """Prediction of one modality as a table, samples × features, for samples with a source; and its unit."""
    if len(config.target) != 1:
        raise UsageError("a table holds the prediction of one modality", hint="name one with --to, or write .h5mu")
    if config.intervals is not None:
        raise UsageError("a table holds the prediction alone", hint="leave --intervals out, or write .h5mu")
    _, applied, (prediction,) = predictions_of(source, config)
    order = applied.aligned.order.argsort()
    table = pd.DataFrame(prediction.values, applied.aligned.names, prediction.features).iloc[order]
    return table[~table.isna().all(axis=1)].rename_axis("sample"), prediction.unit


def predictions_of(
    source: Source | MuData | None, config: PredictConfig
) -> tuple[Run, Applied, tuple[Prediction, ...]]:
    """Predict every target asked for.

    Raises
    ------
    UsageError
        If source or target is not named.
    DataError
        If the run or the data do not have them.
    """
    if not config.source or not config.target:
        lacking = " and ".join(
            flag for flag, given in (("--from", config.source), ("--to", config.target)) if not given
        )
        raise UsageError(f"{lacking} not given", hint="say what to predict from what: --from rna --to methylation")
    run = load_run(config.run)
    names, known = [record.name for record in run.modalities], run.record["modality_order"]
    sources = [names.index(pick(name, known, "modality", where="--from")) for name in config.source]
    targets = [names.index(pick(name, known, "modality", where="--to")) for name in config.target]
    if seen := [name for name in config.target if name in config.source]:
        log.info("%s in --from and --to: reconstructed from values that the model is given", listed(seen))
    if config.intervals is not None and set(sources) & set(targets):
        raise UsageError(
            "--intervals are for predictions from other modalities", hint="name in --to what is not in --from"
        )
    dataset = open_data(run, source, config.on_disk)
    matched = match(run, dataset, config.min_features, config.source, config.unseen_covariate)
    applied = matched.replicate(run.replicate)
    if not applied.observed[:, sources].any():
        raise DataError(
            f"no sample of the data has {' or '.join(config.source)}", hint="give data with the modality of --from"
        )
    rows = np.arange(len(applied.aligned.names))
    chosen = _features(run, targets, config.features)
    n_parts = 1 if config.intervals is None else len(SUFFIXES)
    _check_size(n_parts * len(rows) * sum(len(columns) for columns in chosen.values()) * 4, config.yes)
    ensemble = None if config.intervals is None else Ensemble.of(matched)
    predictions = []
    for target in targets:
        record = run.modalities[target]
        columns = chosen[target]
        values = applied.predict(sources, target, rows, columns, np.float32)
        features = record.feature_names(run.replicate)[columns]
        ends: tuple[np.ndarray, ...] = ()
        if ensemble is not None and config.intervals is not None:
            ends = ensemble.interval(sources, target, rows, columns, config.intervals)
        predictions.append(Prediction(record.name, values, features, prediction_unit(record), ends))
    return run, applied, tuple(predictions)


def _features(run: Run, targets: Sequence[int], asked: Sequence[str]) -> dict[int, np.ndarray]:
    """Columns of each target that are asked for."""
    known = {target: run.modalities[target].feature_names(run.replicate) for target in targets}
    everything = {name for names in known.values() for name in names}
    for name in asked:
        if name not in everything:
            raise DataError(
                f"the model does not know the feature {name!r}",
                hint=f"{did_you_mean(name, everything)}it models {len(everything):,} features of the target",
            )
    return {
        target: np.flatnonzero(pd.Index(names).isin(asked)) if asked else np.arange(len(names))
        for target, names in known.items()
    }


def _updates(applied: Applied, prediction: Prediction, key: str, sources: Sequence[str]) -> dict[str, object]:
    """Where a prediction is written: a layer of the target for its samples, obsm of the sources for all of theirs."""
    aligned, target = applied.aligned, prediction.target
    updates: dict[str, object] = {}
    modality = aligned.dataset.modalities.get(target)
    covered = np.zeros(len(aligned.names), dtype=bool)
    if modality is not None:
        place = modality.var.index.get_indexer(pd.Index(prediction.features))
        for suffix, values in prediction.parts():
            layer = np.full((len(modality.obs), modality.n_features), np.nan, dtype=np.float32)
            own = aligned.to_own(target, values)
            layer[:, place[place >= 0]] = own[:, place >= 0]
            updates[f"mod/{target}/layers/{key}_from_{'+'.join(sources)}{suffix}"] = layer
        covered = aligned.rows[target] >= 0
    lacking = [name for name in sources if name in aligned.modalities and (~covered & (aligned.rows[name] >= 0)).any()]
    for name in lacking:
        for suffix, values in prediction.parts():
            updates[f"mod/{name}/obsm/{key}_{target}{suffix}"] = aligned.to_own(name, values)
    if lacking:
        updates |= _other_features(applied, prediction, key, updates)
        updates[f"uns/{key}/features_{target}"] = prediction.features.astype(object)
    return updates


def _without_target(
    applied: Applied, prediction: Prediction, key: str, updates: Mapping[str, object]
) -> dict[str, object]:
    """How many predicted samples the target lacks, and where they stand: beside the sources."""
    rows = applied.aligned.rows.get(prediction.target, np.full(len(prediction.values), -1))
    without = int(((rows < 0) & ~np.isnan(prediction.values).all(1)).sum())
    name = f"{key}_{prediction.target}"
    return {
        "without": without,
        "beside": {m: name for m in applied.aligned.modalities if f"mod/{m}/obsm/{name}" in updates},
    }


def _other_features(
    applied: Applied, prediction: Prediction, key: str, updates: Mapping[str, object]
) -> dict[str, object]:
    """Remove earlier predictions of other features: only one list of their names can stand beside them."""
    record = earlier_record(applied.aligned, key)
    if list(record.get(f"features_{prediction.target}", prediction.features)) == list(prediction.features):
        return {}
    places = tuple(f"/obsm/{key}_{prediction.target}{suffix}" for suffix in SUFFIXES)
    void = [path for path in written_paths(record) if path.endswith(places) and path not in updates]
    for path in void:
        log.warning("removed %s: it holds an earlier prediction, of other features", path)
    return dict.fromkeys(void, REMOVE)


def _check_size(size: int, leave: bool) -> None:
    """Ask for leave before bytes of that size are predicted; features that are not modelled take no room in a layer."""
    if size > LARGE and not leave:
        raise UsageError(
            f"the predictions take {size / 1e9:.1f} GB",
            hint="choose some with --features, or write them all with --yes",
        )
    if size > WORTH_SAYING:
        log.info("predictions: %.0f MB", size / 1e6)
