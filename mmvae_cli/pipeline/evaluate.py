"""``mmvae evaluate``: how well modalities are predicted and the label is separated, on held-out samples."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mudata import MuData

from mmvae_cli._version import __version__
from mmvae_cli.config import EvaluateConfig, MeasureOptions
from mmvae_cli.data.aligned import align
from mmvae_cli.data.annotations import column_marks
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.formats import Source
from mmvae_cli.data.labels import Label
from mmvae_cli.errors import DataError
from mmvae_cli.evaluation.metrics import median_and_sd, r2_per_feature, summarise
from mmvae_cli.pipeline.apply import Applied, match
from mmvae_cli.pipeline.associations import as_table, associations
from mmvae_cli.pipeline.baselines import compare
from mmvae_cli.pipeline.destination import check_page
from mmvae_cli.pipeline.figures import FigureFolder, results_of
from mmvae_cli.pipeline.held_out import feature_sets, observed_values
from mmvae_cli.pipeline.one_model import with_model_record
from mmvae_cli.pipeline.outcome import Outcome, as_json
from mmvae_cli.pipeline.pairs import pairs
from mmvae_cli.pipeline.results import ASSOCIATIONS
from mmvae_cli.pipeline.reuse import open_data
from mmvae_cli.pipeline.sampling import evaluation_sample
from mmvae_cli.pipeline.separation import batches_of, label_of, separation
from mmvae_cli.pipeline.study import warn_of_few_held_out
from mmvae_cli.pipeline.uncertainty import uncertainty
from mmvae_cli.pipeline.variance import variance_of
from mmvae_cli.training.identity import fingerprint
from mmvae_cli.training.run import ModalityRecord, Run, load_run

log = logging.getLogger("mmvae_cli")

ROWS_AT_ONCE = 512  # of training samples, in float64
KINDS = ("cross", "self", "joint")


@dataclass(frozen=True)
class ReplicateMetrics:
    """Metrics of one replicate, and its R² per feature: kind → modality → (n_features of the model,)."""

    metrics: dict[str, Any]
    r2: Mapping[str, Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Evaluation:
    """What was measured, and on what.

    Attributes
    ----------
    run, dataset, written
        The model, the data and the written replicate on them; where values stay on disk, the samples that were drawn.
    folder
        Of the run.
    summary
        JSON-able: all metrics.
    by_feature
        Kind → modality → (n_features of the written replicate,).
    associations
        Of latents with columns of the samples; None where they were not tested.
    """

    run: Run
    dataset: Dataset
    written: Applied
    folder: str
    summary: dict[str, Any]
    by_feature: Mapping[str, Mapping[str, np.ndarray]]
    associations: Mapping[str, Any] | None

    def entries(self) -> dict[str, object]:
        """What ``uns`` shall hold of it."""
        metrics: dict[str, object] = {"metrics": as_json(self.summary)}
        return metrics if self.associations is None else {**metrics, ASSOCIATIONS: as_table(self.associations)}

    @property
    def columns(self) -> list[str]:
        """Columns of the samples that were read: the label, batches, and those that were tested."""
        label, tests = self.summary["label"], (self.associations or {"tests": []})["tests"]
        of_label = [] if label is None else [label["column"]]
        return list(dict.fromkeys([*of_label, *self.summary["mixing"], *(test["column"] for test in tests)]))

    def updates(self) -> dict[str, object]:
        """Values per feature of the written replicate in the order of the file; nan for features not modelled."""
        run, aligned, updates = self.run, self.written.aligned, dict[str, object]()
        for kind, by_modality in self.by_feature.items():
            for name, values in by_modality.items():
                names = run.modality(name).feature_names(run.replicate)
                updates[f"mod/{name}/var/{run.record['key']}_{kind}"] = aligned.by_feature(name, names, values)
        return updates


def evaluate(
    source: Source | MuData | None, config: EvaluateConfig, *, force: bool = False, command_line: str = ""
) -> Outcome:
    """Evaluate every replicate on its own held-out samples.

    Parameters
    ----------
    force
        Replace a page that exists.

    Raises
    ------
    DataError
        If nothing was held out, or the held-out samples are not in the data.
    """
    if config.html is not None:
        check_page(config.html, "--html", force=force)
    run = load_run(config.run)
    figures = None if config.figures is None else FigureFolder(Path(config.figures), config.figures_format)
    if figures is not None:
        figures.check()
    found = evaluated(run, evaluation_sample(open_data(run, source, config.on_disk), run), config)
    key, aligned = run.record["key"], align(found.dataset)
    mark = {**evaluation_mark(config), "columns": column_marks(found.dataset, found.columns)}
    entries = {**found.entries(), "evaluated": as_json(mark), "evaluate_command_line": command_line}
    entries["command"] = "evaluate"
    updates = with_model_record(found.updates(), run, config.run, aligned, entries, replaces=("evaluate",))
    summary: dict[str, Any] = {**found.summary, "associations": found.associations}
    pages: dict[Path, str] = {}
    if figures is not None or config.html is not None:
        results = results_of(found.written, updates, key)
    if figures is not None:
        summary["figures"] = figures.write(results, key)
    if config.html is not None:
        from mmvae_cli.pipeline.report import page_of  # which imports this module

        summary["html"] = config.html
        pages[Path(config.html)] = page_of(found, results, {"evaluation": command_line})
    return Outcome(summary, updates, pages)


def evaluation_mark(config: MeasureOptions) -> dict[str, Any]:
    """What an evaluation depends on beside the data: the trained model, the options, the version."""
    names = ("label", "batch", "baselines", "associations", "min_features", "unseen_covariate")
    options = {name: getattr(config, name) for name in names}
    return {
        "model": fingerprint(config.run),
        "version": __version__,
        **options,
        "batch": list(config.batch),
    }


def evaluated(run: Run, dataset: Dataset, config: MeasureOptions) -> Evaluation:
    """Evaluate every replicate of a run; raises as ``evaluate``."""
    columns = _columns(run, dataset, config.label, config.batch)
    matched = match(run, dataset, config.min_features, unseen_covariate=config.unseen_covariate)
    replicates = [_replicate(matched.replicate(index), *columns) for index in range(run.n_replicates)]
    chosen, trust = replicates[run.replicate], uncertainty(matched, feature_sets)
    written = matched.replicate(run.replicate)
    shares = variance_of(written)
    baselines = compare(written, chosen.r2["cross"]) if config.baselines else None
    summary = {
        "command": "evaluate",
        "run": config.run,
        "model": run.record["summary"]["title"],
        "replicate": run.replicate,
        **chosen.metrics,
        "variance": shares.metrics,
        "baselines": baselines,
        "uncertainty": trust.metrics,
        "changed_samples": matched.changed,
        "replicates": [one.metrics for one in replicates],
        "over_replicates": over_replicates([one.metrics for one in replicates]),
    }
    by_feature = {
        **{f"r2_{kind}": values for kind, values in chosen.r2.items()},
        **trust.by_feature,
        **shares.by_feature,
    }
    tests = associations(written) if config.associations else None
    return Evaluation(run, dataset, written, config.run, summary, by_feature, tests)


def evaluate_run(
    run: Run, dataset: Dataset, label: str | None = None, min_features: float = 1.0
) -> list[ReplicateMetrics]:
    """Metrics of every replicate of a run, on its own held-out samples; raises as ``evaluate``.

    Parameters
    ----------
    label
        Column to separate; None for the label of the run.
    """
    columns = _columns(run, dataset, label, ())
    matched = match(run, dataset, min_features)
    return [_replicate(matched.replicate(index), *columns) for index in range(run.n_replicates)]


def _columns(
    run: Run, dataset: Dataset, label: str | None, batch: Sequence[str]
) -> tuple[Label | None, Sequence[Label]]:
    """Columns to separate and not to, after a look whether there is anything to evaluate on."""
    if not (run.splits == "test").any():
        raise DataError("the run holds no samples out", hint="train with --test-fraction above 0")
    _require_held_out(run, dataset)
    warn_of_few_held_out(run.splits)
    return label_of(run, dataset, label), batches_of(run, dataset, batch)


def _require_held_out(run: Run, dataset: Dataset) -> None:
    """Refuse data that lack held-out samples of any replicate."""
    held = run.samples[(run.splits == "test").any(0)]
    lacking = [name for name in held if name not in dataset.obs.index]
    known = any(record.name in dataset.modalities for record in run.modalities)
    if lacking and known:  # data of another study altogether are refused in other words
        raise DataError(
            f"{len(lacking):,} of {len(held):,} held-out samples are not in the data, such as {lacking[0]!r}",
            hint="evaluate on the data the run was trained on",
        )


def _replicate(applied: Applied, label: Label | None, batches: Sequence[Label]) -> ReplicateMetrics:
    run = applied.run
    places = {name: row for row, name in enumerate(applied.aligned.names)}
    held = run.part(applied.replicate, "test")
    rows = np.array([places[name] for name in held], dtype=np.int64)
    r2: dict[str, dict[str, np.ndarray]] = {kind: {} for kind in KINDS}
    metrics: dict[str, Any] = {"n_test": len(held), "r2": {}, "pairs": {}, "label": None, "mixing": {}}
    for name in run.record["modality_order"]:
        if name in applied.aligned.modalities:
            metrics["r2"][name] = _modality(applied, run.index(name), run.modality(name), rows, r2)
    metrics["pairs"] = pairs(applied, rows)
    if label is not None:
        metrics["label"] = separation(applied, label, places)
    metrics["mixing"] = {batch.name: separation(applied, batch, places) for batch in batches}
    return ReplicateMetrics(metrics, r2)


def _modality(
    applied: Applied, target: int, record: ModalityRecord, rows: np.ndarray, r2: dict[str, dict[str, np.ndarray]]
) -> dict[str, Any]:
    """R² of one modality, by kind and by feature set."""
    everything = range(len(applied.run.modalities))
    sources = {"cross": [m for m in everything if m != target], "self": [target], "joint": list(everything)}
    sets = feature_sets(applied, record)
    training_mean = _training_mean(applied, target, record)
    found: dict[str, Any] = {}
    for kind, chosen in sources.items():
        counted = rows[applied.observed[rows, target] & applied.observed[rows][:, chosen].any(1)]
        x = observed_values(applied, record, counted)
        per_feature = r2_per_feature(x, applied.predict(chosen, target, counted))
        r2[kind][record.name] = per_feature
        by_mean = r2_per_feature(x, np.broadcast_to(training_mean, x.shape))
        baseline = summarise(by_mean, None)["all"]["median"]
        found[kind] = {**summarise(per_feature, sets), "n": len(counted), "baseline_mean": baseline}
    return found


def _training_mean(applied: Applied, target: int, record: ModalityRecord) -> np.ndarray:
    """(features of the replicate,) mean over the training samples, in the unit of the predictions."""
    rows = applied.aligned.places_of(applied.run.part(applied.replicate, "train"))
    rows = rows[applied.observed[rows, target]]
    total, count = np.zeros((2, record.columns.shape[1]))
    for block in np.array_split(rows, len(rows) // ROWS_AT_ONCE + 1):
        values = observed_values(applied, record, block)
        total, count = total + np.nansum(values, axis=0), count + (~np.isnan(values)).sum(axis=0)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def over_replicates(metrics: list[Any]) -> Any:
    """Median and sd of every number, in the structure of one replicate's metrics."""
    first = next((one for one in metrics if one is not None), None)
    if isinstance(first, dict):
        return {name: over_replicates([one.get(name) if one else None for one in metrics]) for name in first}
    if isinstance(first, (int, float)) or first is None:
        return median_and_sd(metrics)
    return first
