"""Which columns of the samples go with which latents: all columns, all latents, one false discovery rate."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mmvae_cli.data.annotations import column_names, find_column
from mmvae_cli.data.confounding import NEARLY, determination
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.false_discovery import benjamini_hochberg
from mmvae_cli.data.labels import Label, make_label
from mmvae_cli.errors import DataError
from mmvae_cli.evaluation.association import AUC, Association, ranked, with_classes, with_numbers
from mmvae_cli.pipeline.apply import Applied
from mmvae_cli.pipeline.embed import block_order
from mmvae_cli.pipeline.results import FIELDS
from mmvae_cli.pipeline.select import RANKED_FOR
from mmvae_cli.training.run import Run

log = logging.getLogger("mmvae_cli")

FEWEST = 10  # samples of a test: below, p-values that hold for many samples are too far off
ALL, HELD_OUT = "all", "held-out"


@dataclass(frozen=True)
class Tested:
    """A column, and the samples of the internal order that it is tested on."""

    label: Label
    rows: np.ndarray
    samples: str


def associations(applied: Applied) -> dict[str, Any]:
    """Test every latent against every column of ``obs``, on all samples that have both.

    A column that the model has seen, and one that gives it or is given by it, is tested on held-out samples alone. The
    private latents of a modality are tested on the samples that have it.

    Returns
    -------
    ``tests``, by latent and column: each has the fields of ``FIELDS``. ``effect`` is an AUC of at least 0.5 (two
    classes; ``higher_in`` names the one with the larger values), Spearman's ρ or ε². And ``left_out``: by column the
    reason.
    """
    run, dataset = applied.run, applied.aligned.dataset
    latents = applied.embed(np.arange(len(applied.aligned.names))).astype(np.float64)
    columns, left_out = _columns(applied, dataset)
    covariates = {one.name for one in run.design}
    *private, (shared, shared_block) = block_order(run)
    blocks = [_Block(name, latents[:, block], applied.observed[:, run.index(name)]) for name, block in private]
    blocks.append(_Block(shared, latents[:, shared_block], _observed(applied)))
    tests = [
        test
        for block in blocks
        if block.latents.shape[1]
        for column in columns
        for test in _tests(block, column, covariates)
    ]
    q = benjamini_hochberg(np.array([test["p"] for test in tests]))
    found = [{**test, "q": float(value)} for test, value in zip(tests, q, strict=True)]
    tested = {test["column"] for test in tests}
    few = {one.label.name: f"fewer than {FEWEST} samples, or constant" for one in columns}
    left_out |= {name: reason for name, reason in few.items() if name not in tested}
    return {"tests": [{field: test[field] for field in FIELDS} for test in found], "left_out": left_out}


def as_table(found: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Tests as columns of one length, which every reader of MuData knows."""
    return {field: np.array([test[field] for test in found["tests"]], kind) for field, kind in FIELDS.items()}


def _observed(applied: Applied) -> np.ndarray:
    """(n_samples,) True where a sample has a modality."""
    return np.asarray(applied.observed.any(axis=1))


def _columns(applied: Applied, dataset: Dataset) -> tuple[list[Tested], dict[str, str]]:
    """Columns to test, and why others are not."""
    observed, names = _observed(applied), applied.aligned.names
    held = pd.Index(names).isin(applied.run.part(applied.replicate, "test"))
    columns: list[Tested] = []
    left_out: dict[str, str] = {}
    seen = [make_label(column.reindex(names), name, quietly=True) for name, column in _seen(applied.run, dataset)]
    for name, column in _found(dataset):
        try:
            label = make_label(column.reindex(names).where(observed), name, most_integer_classes=0, quietly=True)
        except DataError as error:
            left_out[name] = str(error.args[0])
            continue
        is_seen = any(max(determination(label, one), determination(one, label)) >= NEARLY for one in seen)
        rows = label.labelled & (held if is_seen else observed)
        columns.append(Tested(label, rows, HELD_OUT if is_seen else ALL))
    return columns, left_out


def _found(dataset: Dataset) -> Iterator[tuple[str, pd.Series]]:
    """Every column that mmvae did not write, once; those that modalities contradict each other in, of each of them."""
    addressed = {f"{holder}:{name}" for holder, obs in dataset.annotations.items() for name in obs}
    for name in column_names(dataset):
        if name in addressed:
            continue
        try:
            yield name, find_column(dataset, name)
        except DataError:
            for holder, obs in dataset.annotations.items():
                if name in obs:
                    yield f"{holder}:{name}", find_column(dataset, f"{holder}:{name}")


def _seen(run: Run, dataset: Dataset) -> Iterator[tuple[str, pd.Series]]:
    """Columns that shaped the latents: the label of a supervised model, and that by which features were ranked."""
    label = (run.record["label"] or {}).get("name")
    names = [label] if run.spec.label is not None else []
    if any(record.shared_set is not None for record in run.modalities):
        record = dataset.uns.get(run.record["key"])
        ranked_for = record.get(RANKED_FOR) if isinstance(record, Mapping) else None
        names.append(ranked_for or label)
        if run.record["config"].get("select_on") == "all" and names[-1] is not None:
            log.warning(
                "features were ranked by %r on held-out samples, too: its associations look stronger", names[-1]
            )
    for name in dict.fromkeys(name for name in names if name is not None):
        try:
            yield str(name), find_column(dataset, str(name))
        except DataError as error:
            log.warning(
                "the label of the run is not in the data, associations with it are not known: %s", error.args[0]
            )


@dataclass
class _Block:
    """The latents of a block on the samples that it is tested on, ranked once for all columns that have the same."""

    name: str
    latents: np.ndarray
    there: np.ndarray
    rows: np.ndarray | None = None
    ranks: np.ndarray | None = None

    def on(self, rows: np.ndarray) -> np.ndarray:
        """(n_rows, n_latents) ranks."""
        if self.ranks is None or self.rows is None or not np.array_equal(rows, self.rows):
            self.rows, self.ranks = rows, ranked(self.latents[rows])
        return self.ranks


def _tests(block: _Block, column: Tested, covariates: Collection[str]) -> Iterator[dict[str, Any]]:
    """One column against the latents of a block; nothing where there are too few samples."""
    rows, label = column.rows & block.there, column.label
    classes, codes = np.unique(label.values[rows], return_inverse=True)
    if rows.sum() < FEWEST or len(classes) < 2:
        return
    names = [label.classes[int(code)] for code in classes] if label.classes else []
    ranks = block.on(rows)
    found = with_classes(ranks, codes) if names else with_numbers(ranks, label.values[rows])
    for place in np.flatnonzero(~np.isnan(found.p)).tolist():
        effect, higher_in = _effect(found, place, names)
        yield {
            "latent": f"{block.name}_{place + 1}",
            "column": label.name,
            "measure": found.measure,
            "effect": effect,
            "higher_in": higher_in,
            "n": int(rows.sum()),
            "p": float(found.p[place]),
            "samples": column.samples,
            "covariate": label.name in covariates,
        }


def _effect(found: Association, place: int, classes: list[str]) -> tuple[float, str]:
    """The effect on one latent, and the class with the larger values where there are two."""
    effect = float(found.effect[place])
    if found.measure != AUC:
        return effect, ""
    return (effect, classes[1]) if effect >= 0.5 else (1.0 - effect, classes[0])
