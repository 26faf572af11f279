"""``mmvae select``: which features enter, ranked by their correlation with the label on training samples."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from mudata import MuData

from mmvae_cli.config import SelectConfig, TrainConfig
from mmvae_cli.data.aligned import input_hash
from mmvae_cli.data.features import Selection
from mmvae_cli.data.formats import Source
from mmvae_cli.errors import UsageError
from mmvae_cli.pipeline.load import load
from mmvae_cli.pipeline.outcome import Outcome, as_json, earlier_record, versions, with_record
from mmvae_cli.pipeline.prepare import Prepared, prepare
from mmvae_cli.pipeline.study import Study, make_study

log = logging.getLogger("mmvae_cli")

RANKED_FOR = "selected_for"  # in uns: the label by which features were ranked


def select(source: Source | MuData, config: SelectConfig, *, command_line: str = "") -> Outcome:
    """Split the samples if they are not split yet, rank the features and mark the chosen ones."""
    if config.label is None:
        raise UsageError("features are ranked by a label", hint="name its column with --label")
    if not config.shared and not config.other:
        raise UsageError("nothing to select", hint="say how many: --shared 10 --other 100, or --shared rna=10")
    study = make_study(load(source, config), config, config.label, config.key)
    prepared = prepare(study, config, config)
    target = None if study.label is None else study.label.values
    summary: dict[str, Any] = {
        "command": "select",
        "label": config.label,
        "select_on": config.select_on,
        "split": study.split_origin,
        "modalities": {
            name: _counts(prepared.selections[name][0])
            for name in study.aligned.file_order
            if name in prepared.selections
        },
    }
    entries = {
        "command": "select",
        "select_parameters": as_json(config.as_dict()),
        "select_command_line": command_line,
        RANKED_FOR: config.label,
        "versions": as_json(versions()),
        "input_hash": input_hash(study.aligned, target),
    }
    updates = selection_updates(prepared, config.key, 0)
    return Outcome(summary, with_record(updates, prepared.study.aligned, config.key, entries, replaces=("select",)))


def _counts(selection: Selection) -> dict[str, int]:
    return {name: int((selection.sets == name).sum()) for name in ("shared", "other", "unused")}


def selection_updates(prepared: Prepared, key: str, replicate: int) -> dict[str, object]:
    """Return split, sets and ranks of a replicate, as they are written into the data."""
    aligned = prepared.study.aligned
    splits = prepared.study.splits
    split = splits[replicate if len(splits) > 1 else 0]
    updates: dict[str, object] = {f"obs/{key}_split": aligned.to_file(split.astype(object))}
    for name, found in prepared.selections.items():
        selection = found[replicate if len(found) > 1 else 0]
        updates[f"mod/{name}/var/{key}_set"] = selection.sets.astype(object)
        var, ranks = aligned.modalities[name].var, f"{key}_rank"
        if selection.rank.any():
            updates[f"mod/{name}/var/{ranks}"] = selection.rank
        elif ranks in var:  # a selection that was read back keeps the ranks it has
            updates[f"mod/{name}/var/{ranks}"] = var[ranks].to_numpy()
    return updates


def earlier_sets(study: Study, key: str) -> dict[str, np.ndarray]:
    """Sets (n_features,) that ``mmvae select`` wrote under this key, by modality."""
    column = f"{key}_set"
    return {
        name: modality.var[column].astype(str).to_numpy()
        for name, modality in study.aligned.modalities.items()
        if column in modality.var
    }


def selection_label(study: Study, config: TrainConfig) -> str | None:
    """Label by which the features are, or were before, ranked; None where that is not known."""
    if config.shared or config.other:
        return config.label
    known = earlier_record(study.aligned, config.key).get(RANKED_FOR)
    return None if known is None else str(known)


def sets_to_reuse(study: Study, config: TrainConfig) -> dict[str, np.ndarray]:
    """Sets that ``mmvae select`` wrote, unless the options ask for a selection or for splits of their own."""
    found = {} if config.shared or config.other else earlier_sets(study, config.key)
    if found and not study.split_reused:
        log.warning("var[%r] is not used: its features were selected on another split", f"{config.key}_set")
        return {}
    ranked_for = selection_label(study, config)
    if found and config.label is not None and ranked_for not in (None, config.label):
        log.warning("var[%r] is not used: its features were ranked for %r", f"{config.key}_set", ranked_for)
        return {}
    if found:
        log.info("features: selection read from var[%r] (--shared and --other make a new one)", f"{config.key}_set")
    return found
