"""One cell of a benchmark: train, evaluate, and the numbers as rows; a baseline is evaluated without a training."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmvae_cli.config import TrainConfig
from mmvae_cli.data.atomic import write_file
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.formats import read
from mmvae_cli.pipeline.apply import match
from mmvae_cli.pipeline.baselines import measured, prepared_for
from mmvae_cli.pipeline.evaluate import evaluate_run
from mmvae_cli.pipeline.grid import Cell
from mmvae_cli.pipeline.held_out import ReplicateView, View, feature_sets
from mmvae_cli.pipeline.input import Input, read_input
from mmvae_cli.pipeline.simulate import simulate
from mmvae_cli.pipeline.train import fit_run
from mmvae_cli.training.run import ModalityRecord

DIGITS = 6  # significant ones of numbers in results
FEATURE_COLUMNS = ("replicate", "seed", "modality", "feature", "part", "r2_cross")

Row = dict[str, Any]


@dataclass(frozen=True)
class Evaluated:
    """A replicate of a model or baseline.

    Attributes
    ----------
    metrics
        As ``evaluate`` gives them.
    cross
        By modality (n_features of the replicate,) R² from all other modalities.
    view, records
        What the replicate sees, and how it was prepared.
    """

    metrics: Mapping[str, Any]
    cross: Mapping[str, np.ndarray]
    view: View
    records: Sequence[ModalityRecord]


def run_cell(cell: Cell, given: Input | None, path: Path) -> float:
    """Run a cell and write its results, a JSON object, to ``path``; returns the seconds it took.

    Raises
    ------
    MmvaeError
        As ``train`` and ``evaluate``.
    """
    began = time.perf_counter()
    dataset = _data(cell, given)
    evaluated = _trained(dataset, cell.config) if cell.baseline is None else _baseline(dataset, cell)
    seconds = time.perf_counter() - began
    rows, features = [], []
    for index, one in enumerate(evaluated):
        seed = cell.config.seed + index
        rows += [{"replicate": index, "seed": seed, **row} for row in _rows(one, seconds / len(evaluated))]
        features += [[index, seed, *row] for row in _features(one)]
    content = {
        "factors": dict(cell.factors),
        "seconds": round(seconds, 3),
        "config": cell.config.as_dict(),
        "rows": rows,
        "features": features,
    }
    write_file(path, json.dumps(content, allow_nan=False, ensure_ascii=False).encode())
    return seconds


def _data(cell: Cell, given: Input | None) -> Dataset:
    if cell.draw is not None:
        return read(simulate(cell.draw)[0], None, {})
    assert given is not None
    return read_input(given)


def _trained(dataset: Dataset, config: TrainConfig) -> list[Evaluated]:
    run = fit_run(dataset, config).run
    metrics, aligned = evaluate_run(run, dataset), match(run, dataset).aligned
    records = [run.modality(name) for name in run.record["modality_order"]]
    return [
        Evaluated(one.metrics, one.r2["cross"], ReplicateView(aligned, index), records)
        for index, one in enumerate(metrics)
    ]


def _baseline(dataset: Dataset, cell: Cell) -> list[Evaluated]:
    assert cell.baseline is not None
    return [
        Evaluated(*measured(seen, cell.baseline), seen, seen.records) for seen in prepared_for(dataset, cell.config)
    ]


def _rows(one: Evaluated, seconds: float) -> Iterator[Row]:
    """Every metric of a replicate, one number a row; those without a value are left out."""
    for name, kinds in one.metrics["r2"].items():
        for kind, found in kinds.items():
            for part, value in found.items():
                values = value if isinstance(value, Mapping) else {part: value}
                place = part if isinstance(value, Mapping) else ""
                for statistic, number in values.items():
                    yield from _row(f"r2_{kind}_{statistic}", name, place, number)
    yield from _separations("", one.metrics["label"] or {})
    for column, found in one.metrics.get("mixing", {}).items():
        yield from _separations(f"{column}_", found)
    for record in one.records:
        if record.role_shared is not None:
            called = int(record.view(record.role_shared, one.view.replicate).sum())
            yield from _row("features_called_shared", record.name, "", called)
    yield from _row("seconds", "", "", seconds)


def _separations(prefix: str, found: Mapping[str, Any]) -> Iterator[Row]:
    """How well each block of latents gives a column."""
    for metric, blocks in found.items():
        if isinstance(blocks, Mapping):
            for block, value in blocks.items():
                values = value if isinstance(value, Mapping) else {"": value}
                for name, number in values.items():
                    yield from _row(f"{prefix}{metric}", name, block, number)


def _row(metric: str, modality: str, part: str, value: Any) -> Iterator[Row]:
    if isinstance(value, (int, float)) and math.isfinite(value):
        yield {"metric": metric, "modality": modality, "part": part, "value": _rounded(value)}


def _features(one: Evaluated) -> Iterator[list[Any]]:
    """Cross-modal R² of every feature: modality, feature, set, value."""
    records = {record.name: record for record in one.records}
    for name, values in one.cross.items():
        record = records[name]
        sets = feature_sets(one.view, record)
        parts = np.full(len(values), "all") if sets is None else sets
        for feature, part, value in zip(record.feature_names(one.view.replicate), parts, values, strict=True):
            if math.isfinite(value):
                yield [name, str(feature), str(part), _rounded(value)]


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
