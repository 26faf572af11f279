"""``mmvae check``: what training would be given, and whether it would be refused."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from mudata import MuData

from mmvae_cli.config import CheckConfig
from mmvae_cli.data.aligned import has_values, samples_with_values
from mmvae_cli.data.annotations import find_column
from mmvae_cli.data.copies import warn_of_copies
from mmvae_cli.data.dataset import Dataset, Modality
from mmvae_cli.data.formats import Source, modality_names, read
from mmvae_cli.data.kinds import feature_ranges, value_kind
from mmvae_cli.data.labels import Label, make_label
from mmvae_cli.data.validate import problems, require_overlap, require_several
from mmvae_cli.errors import MmvaeError
from mmvae_cli.pipeline.choices import CHOSEN, row_for
from mmvae_cli.pipeline.covariates import covariate_tables, with_covariates
from mmvae_cli.pipeline.outcome import Outcome
from mmvae_cli.pipeline.per_modality import per_modality
from mmvae_cli.pipeline.prepare import prepare
from mmvae_cli.pipeline.study import Study, make_study, warn_of_few_held_out

log = logging.getLogger("mmvae_cli")


def check(source: Source | MuData, config: CheckConfig) -> Outcome:
    """Describe the data, and try everything that comes before training.

    Returns
    -------
    A summary whose ``problems`` is empty exactly where ``mmvae train`` with the same options would start; each
    problem has a message, a hint and the exit code.
    """
    asked = list(config.modalities) or None
    layers = per_modality(config.layer, asked or modality_names(source), "--layer")
    dataset = read(source, asked, {name: str(layer) for name, layer in layers.items() if layer is not None})
    found, study = _tried(dataset, config)
    summary = {
        "command": "check",
        "samples": len(dataset.obs),
        "modalities": {name: _describe(modality) for name, modality in dataset.modalities.items()},
        "overlap": _overlap(dataset),
        "label": _label(dataset, config, quietly=study is not None),
        "covariates": [] if study is None else covariate_tables(study, config),
        "shared_feature_names": _shared_names(dataset),
        "problems": [
            {"message": str(error.args[0]), "hint": error.hint, "exit_code": error.exit_code} for error in found
        ],
    }
    return Outcome(summary)


def _tried(dataset: Dataset, config: CheckConfig) -> tuple[list[MmvaeError], Study | None]:
    """Everything that training would refuse, and its study: made of sound data only."""
    found: list[MmvaeError] = []
    for test in (require_several, require_overlap):
        try:
            test(dataset)
        except MmvaeError as error:
            found.append(error)
            break  # one modality alone overlaps with none
    found.extend(problems(dataset, masked=config.missing_values == "mask"))
    warn_of_copies(dataset)
    study = None
    if not found:
        try:
            study = make_study(dataset, config, config.label, config.key)
            warn_of_few_held_out(study.splits)
            prepare(with_covariates(study, config), config, config)
        except MmvaeError as error:
            found.append(error)
    return found, study


def _describe(modality: Modality) -> dict[str, Any]:
    """Size, kind of values, and what stands out."""
    values = modality.values
    stored = values if isinstance(values, np.ndarray) else values.data
    finite = stored[np.isfinite(stored)]
    if stored.size < values.shape[0] * values.shape[1]:
        finite = np.append(finite, 0.0)  # what a sparse matrix does not store
    kind, n_with_values = value_kind(values), int(has_values(modality).sum())
    lowest, highest = feature_ranges(values)
    varies = finite.size and finite.min() < finite.max()
    likelihood, transform = CHOSEN[row_for(modality, kind)][:2] if varies else (None, None)
    size = values.shape[0] * values.shape[1]
    sparse_zeros = 0 if isinstance(values, np.ndarray) else size - len(stored)
    return {
        "samples": n_with_values,
        "samples_without_values": values.shape[0] - n_with_values,
        "features": values.shape[1],
        "layer": modality.layer,
        "values": kind,
        "range": [float(finite.min()), float(finite.max())] if finite.size else None,
        "zeros": round(float((np.sum(stored == 0) + sparse_zeros) / max(size, 1)), 4),
        "missing_entries": int(np.isnan(stored).sum()),
        "infinite_entries": int(np.isinf(stored).sum()),
        "constant_features": int((lowest == highest).sum()),
        "features_without_values": int(np.isnan(lowest).sum()),
        "duplicated_features": int(modality.var.index.duplicated().sum()),
        "duplicated_samples": int(modality.obs.index.duplicated().sum()),
        "suggested_likelihood": likelihood,
        "suggested_transform": transform,
    }


def _overlap(dataset: Dataset) -> dict[str, int]:
    """Number of samples by the modalities they have, most frequent first."""
    names, there = list(dataset.modalities), _there(dataset)
    patterns = ["+".join(name for name, has in zip(names, row, strict=True) if has) or "none" for row in there]
    found, counts = np.unique(patterns, return_counts=True)
    return {str(found[index]): int(counts[index]) for index in np.argsort(-counts, kind="stable")}


def _there(dataset: Dataset) -> np.ndarray:
    """(n_samples, n_modalities) True where training takes a sample as having a modality."""
    with_values = [samples_with_values(modality) for modality in dataset.modalities.values()]
    return np.stack([dataset.obs.index.isin(names) for names in with_values], axis=1)


def _label(dataset: Dataset, config: CheckConfig, *, quietly: bool) -> dict[str, Any] | None:
    """Balance of the label among the samples with a modality; None without one, or where it cannot be used."""
    if config.label is None:
        return None
    try:
        column = find_column(dataset, config.label, "label")
        there: np.ndarray = np.any(_there(dataset), axis=1)
        label: Label = make_label(column.where(there), config.label, quietly=quietly)
    except MmvaeError:
        return None  # reported among the problems
    known = label.values[label.labelled]
    found: dict[str, Any] = {
        "column": label.name,
        "kind": label.kind,
        "unlabelled": int((~label.labelled & there).sum()),
    }
    if label.kind == "categorical":
        found["classes"] = {name: int((known == code).sum()) for code, name in enumerate(label.classes)}
    else:
        found["range"] = [float(known.min()), float(known.max())]
    return found


def _shared_names(dataset: Dataset) -> int:
    """Number of feature names that several modalities use; they are told apart by modality."""
    names = np.concatenate([np.unique(modality.var.index.astype(str)) for modality in dataset.modalities.values()])
    return int((np.unique(names, return_counts=True)[1] > 1).sum())
