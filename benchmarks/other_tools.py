"""Other tools on the splits, features and scales of ``mmvae benchmark``; see ``benchmarks/README.md``.

    python benchmarks/other_tools.py [--data cll] [--models mmvaepp,mmvaex] [--replicates 5] [--factors N]

MOFA (mofapy2) is trained on the training samples of each replicate, with as many factors as the models have latents
unless --factors says otherwise.
Held-out samples get the posterior mean of the factors: given all modalities for the label, given all but one for the
prediction of that one.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmvae_cli import api
from mmvae_cli.data.aligned import Aligned
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.formats import read
from mmvae_cli.data.labels import Label
from mmvae_cli.errors import MmvaeError
from mmvae_cli.evaluation.metrics import continuous_separation, label_separation, r2_per_feature, summarise
from mmvae_cli.evaluation.mofa import FactorModel, fit_mofa
from mmvae_cli.evaluation.tables import median_with_sd
from mmvae_cli.pipeline.apply import in_prediction_unit
from mmvae_cli.pipeline.benchmark import benchmark
from mmvae_cli.pipeline.benchmark_options import BenchmarkConfig
from mmvae_cli.pipeline.evaluate import feature_sets
from mmvae_cli.pipeline.grid import Cell, cells
from mmvae_cli.pipeline.input import input_of, read_input
from mmvae_cli.pipeline.latent_sizes import latent_sizes
from mmvae_cli.pipeline.prepare import prepare
from mmvae_cli.pipeline.prepared import Prepared
from mmvae_cli.pipeline.simulate import simulate
from mmvae_cli.pipeline.study import make_study

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("MMVAE_DATA", REPOSITORY.parent / "shared")) / "data"
OTHER = {"rna": 1000, "methylation": 100}
SETTING: dict[str, Any] = {"shared": 10, "other": OTHER, "latent": "2+2+2", "splits": "own", "jobs": 1}
SHOWN = (
    ("auc", "all", "AUC of the label, all latents"),
    ("auc", "shared", "AUC of the label, shared latents"),
    ("r2", "all", "R² of the label, all latents"),
    ("r2", "shared", "R² of the label, shared latents"),
    ("r2_cross_median", "shared", "R² of shared features"),
    ("r2_cross_median", "other", "R² of other features"),
    ("seconds", "", "seconds per replicate"),
)
MODEL = "mofa"
Row = dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """Data, and what ``mmvae benchmark`` is asked to do with them."""

    title: str
    file: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


COMPARISONS = {
    "cll": Comparison(
        "CLL, IGHV", "cll.h5mu", {"modalities": "rna,methylation", "complete_only": True, "label": "IGHV"}
    ),
    "simulated": Comparison("simulated", None, {"simulate": True}),
}


@dataclass(frozen=True)
class Replicate:
    """What ``feature_sets`` asks of a trained model."""

    aligned: Aligned
    replicate: int


def mofa_rows(cell: Cell, dataset: Dataset, began: float, n_factors: int | None = None) -> list[Row]:
    """Every number of all replicates of a cell, as ``mmvae benchmark`` writes those of its models."""
    config = cell.config
    study = make_study(dataset, config, config.label, config.key, config.replicates if config.splits == "own" else 0)
    prepared = prepare(study, config, config, config.scale_on)
    private, shared = latent_sizes(config.latent, study.aligned.file_order)
    n_factors = n_factors or shared + sum(private.values())
    rows = []
    for index in range(config.replicates):
        values = [standardised(prepared, place, index) for place in range(len(prepared.records))]
        train, test = (study.part(part, index if len(study.splits) > 1 else 0) for part in ("train", "test"))
        model = fit_mofa([x[train] for x in values], n_factors, config.seed + index)
        held = {place: x[test] for place, x in enumerate(values)}
        found = [*cross_rows(prepared, model, held, index)]
        if study.label is not None:
            factors = model.factors(dict(enumerate(values)))
            found += label_rows(factors[train], factors[test], study.label, train, test)
        rows += [{"replicate": config.seed + index, **row} for row in found]
    seconds = (time.perf_counter() - began) / config.replicates
    for index in range(config.replicates):
        rows.append({"replicate": config.seed + index, **_row("seconds", "", "", seconds)})
    return [{"model": MODEL, **row} for row in rows]


def standardised(prepared: Prepared, place: int, replicate: int) -> np.ndarray:
    """(n_samples, n_features) of a modality as a replicate sees it; nan where it is not observed."""
    record, aligned = prepared.records[place], prepared.study.aligned
    names = pd.Index(record.feature_names(replicate))
    columns = aligned.modalities[record.name].var.index.get_indexer(names)
    values = aligned.dense(record.name, columns).astype(np.float64)
    if record.sd is not None:
        values = (values - record.view(record.mean, replicate)) / record.view(record.sd, replicate)
    values[~aligned.observed[:, place]] = np.nan
    return values


def cross_rows(prepared: Prepared, model: FactorModel, held: dict[int, np.ndarray], replicate: int) -> Iterator[Row]:
    """Median R² of each modality, from the factors that all others give."""
    for target, record in enumerate(prepared.records):
        predicted = model.predict({place: x for place, x in held.items() if place != target}, target)
        known = ~np.isnan(predicted[:, 0]) & ~np.isnan(held[target]).all(axis=1)
        truth, guess = (in_prediction_unit(x[known], record, replicate, scaled=True) for x in (held[target], predicted))
        sets = feature_sets(Replicate(prepared.study.aligned, replicate), record)
        for part, numbers in summarise(r2_per_feature(truth, guess), sets).items():
            yield _row("r2_cross_median", record.name, part, numbers["median"])


def label_rows(
    train: np.ndarray, test: np.ndarray, label: Label, in_train: np.ndarray, in_test: np.ndarray
) -> Iterator[Row]:
    """How well the factors give the label; a factor model has no shared block."""
    arguments = (train, label.values[in_train], test, label.values[in_test])
    if label.kind == "categorical":
        found = label_separation(*arguments, label.classes)
    else:
        found = continuous_separation(*arguments)
    for metric, value in found.items():
        yield _row(metric, "", "all", value)


def _row(metric: str, modality: str, part: str, value: float | int | None) -> Row:
    return {"metric": metric, "modality": modality, "part": part, "value": np.nan if value is None else value}


def dataset_of(cell: Cell, config: BenchmarkConfig, inputs: Sequence[str]) -> Dataset:
    """Drawn, or read once."""
    if cell.draw is not None:
        return read(simulate(cell.draw)[0], None, {})
    return read_input(input_of(inputs, None, config, None))


def compare(
    comparison: Comparison, models: str, replicates: int, out: Path, n_factors: int | None = None, **more: Any
) -> pd.DataFrame:
    """Rows of MOFA and of the models; ``more`` are options of ``mmvae benchmark``."""
    inputs = [] if comparison.file is None else [str(DATA / comparison.file)]
    given = {**comparison.options, "models": models, "replicates": replicates, "out": str(out), **more}
    config = api.options_of("benchmark", {**SETTING, **given})
    grid = cells(config, [*OTHER])
    rows: list[Row] = []
    for cell in grid:
        if cell.factors["model"] == grid[0].factors["model"]:  # the others differ in the model alone
            if inputs:
                dataset_of(cell, config, inputs)  # reading is not timed, as it is not for the models
            began = time.perf_counter()
            rows += mofa_rows(cell, dataset_of(cell, config, inputs), began, n_factors)
    benchmark(inputs or None, config)
    ours = pd.read_csv(out / "results.csv", keep_default_na=False)
    return pd.concat([pd.DataFrame(rows), ours.assign(replicate=ours["seed"])[[*rows[0]]]], ignore_index=True)


def table(results: pd.DataFrame) -> str:
    """A line for each quantity, a column for each model, as Markdown."""
    models = list(dict.fromkeys(results["model"]))
    lines = ["| | " + " | ".join(models) + " |", "|---" * (len(models) + 1) + "|"]
    for metric, part, title in SHOWN:
        rows = results[(results["metric"] == metric) & (results["part"] == part)]
        for modality, group in rows.groupby("modality", sort=True):
            values = [median_with_sd(group.loc[group["model"] == model, "value"]) for model in models]
            lines.append(f"| {title}{', ' * bool(modality)}{modality} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The words that the script takes."""
    found = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    found.add_argument("--data", choices=[*COMPARISONS], help="leave the other out")
    found.add_argument("--models", default="mmvaepp,mmvaex", help="as for mmvae benchmark")
    found.add_argument("--replicates", type=int, default=5)
    found.add_argument("--factors", type=int, help="of MOFA (default: as many as the models have latents)")
    found.add_argument("--out", type=Path, default=Path("other_tools"), help="folder of the results")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table for each data set."""
    given = parser().parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    for name in [given.data] if given.data else COMPARISONS:
        comparison = COMPARISONS[name]
        if comparison.file is not None and not (DATA / comparison.file).exists():
            print(f"{name}: left out, there is no {comparison.file} in {DATA}; MMVAE_DATA names the folder above data/")
            continue
        try:
            results = compare(comparison, given.models, given.replicates, given.out / name, given.factors)
        except MmvaeError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
        results.to_csv(given.out / f"{name}.csv", index=False)
        print(f"\n{comparison.title}\n\n{table(results)}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
