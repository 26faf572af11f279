"""``mmvae select``: which features enter by their correlation with a label, or which carry shared signal."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from mudata import MuData

from mmvae_cli.config import SelectConfig, TrainConfig
from mmvae_cli.data.aligned import input_hash
from mmvae_cli.data.features import Selection
from mmvae_cli.data.formats import Source
from mmvae_cli.data.updates import REMOVE
from mmvae_cli.errors import UsageError
from mmvae_cli.pipeline.covariates import with_covariates
from mmvae_cli.pipeline.load import load
from mmvae_cli.pipeline.outcome import Outcome, as_json, earlier_record, with_record, written_paths
from mmvae_cli.pipeline.prepare import prepare
from mmvae_cli.pipeline.prepared import Prepared
from mmvae_cli.pipeline.screen import (
    CRITERIA,
    SPREAD,
    TAKEN_OUT,
    OnScreening,
    covariate_names,
    criteria,
    role_updates,
    say_screened,
    screen_study,
)
from mmvae_cli.pipeline.study import Study, make_study
from mmvae_cli.versions import versions

log = logging.getLogger("mmvae_cli")

RANKED_FOR = "selected_for"  # in uns: the label by which features were ranked
COLUMNS = ("set", "rank", "role", "score", "q")  # of var, in each modality
Marked = tuple[dict[str, Any], dict[str, object], dict[str, object]]  # summary, updates, entries of the record


def select(
    source: Source | MuData, config: SelectConfig, *, command_line: str = "", on_screening: OnScreening | None = None
) -> Outcome:
    """Split the samples if they are not split yet, and mark the features: by their rank, or by their role.

    Parameters
    ----------
    on_screening
        Called with the share of the screening that is done.
    """
    way = WAYS[config.by]
    way.check(config)
    study = with_covariates(make_study(load(source, config), config, config.label, config.key), config)
    prepared = prepare(study, config, config)
    summary, updates, own = way.mark(prepared, config, on_screening)
    entries = {
        "command": "select",
        "select_parameters": as_json(config.as_dict()),
        "select_command_line": command_line,
        **own,
        "versions": as_json(versions()),
        "input_hash": input_hash(study.aligned, study.columns),
    }
    summary = {"command": "select", "by": config.by, "label": config.label, "split": study.split_origin, **summary}
    updates = {**_void(prepared.study, config.key), **updates}
    return Outcome(summary, with_record(updates, prepared.study.aligned, config.key, entries, replaces=("select",)))


def _void(study: Study, key: str) -> dict[str, object]:
    """Remove what an earlier selection left, also where a training has written it again."""
    written = written_paths(earlier_record(study.aligned, key))
    columns = [f"mod/{name}/var/{key}_{column}" for name in study.aligned.modalities for column in COLUMNS]
    entries = [f"uns/{key}/{name}" for name in (RANKED_FOR, TAKEN_OUT, SPREAD, *CRITERIA)]
    return {path: REMOVE for path in (*columns, *entries) if path in written}


def _require_label(config: SelectConfig) -> None:
    if config.label is None:
        raise UsageError(
            "features are ranked by a label", hint="name its column with --label, or use none: --by screening"
        )
    if not config.shared and not config.other:
        raise UsageError("nothing to select", hint="say how many: --shared 10 --other 100, or --shared rna=10")


def _rank(prepared: Prepared, config: SelectConfig, _: OnScreening | None) -> Marked:
    counts = {
        name: _counts(prepared.selections[name][0])
        for name in prepared.study.aligned.file_order
        if name in prepared.selections
    }
    summary = {"select_on": config.select_on, "modalities": counts}
    return summary, selection_updates(prepared, config.key, 0), {RANKED_FOR: config.label}


def _counts(selection: Selection) -> dict[str, int]:
    return {name: int((selection.sets == name).sum()) for name in ("shared", "other", "unused")}


def _refuse_numbers(config: SelectConfig) -> None:
    if config.shared or config.other:
        raise UsageError(
            "--by screening finds by itself how many features are shared, --shared and --other rank them by a label",
            hint="leave them out; --screen-fdr says how strict it is",
        )
    if config.select_on != "train":
        raise UsageError("--by screening looks at training samples only", hint="leave out --select-on")


def _screen(prepared: Prepared, config: SelectConfig, on_screening: OnScreening | None) -> Marked:
    study, entering = prepared.study, prepared.entering()
    screenings = screen_study(prepared.depth_free, entering, config, config.seed, on_screening, prepared.nuisance)
    say_screened(screenings, entering)
    found = screenings[0]
    modalities = {
        name: {
            "n_shared_features": found[name].n_shared,
            "features": int(entering[name].sum()),
            "of": study.aligned.modalities[name].n_features,
        }
        for name in study.aligned.file_order
    }
    used = dict(zip(CRITERIA, criteria(config), strict=True))
    total = sum(one.n_shared for one in found.values())
    updates = {**selection_updates(prepared, config.key, 0), **role_updates(screenings, config.key, 0)}
    spread = any(one.spread for one in found.values())
    entries: dict[str, object] = {**used, TAKEN_OUT: covariate_names(study), SPREAD: spread}
    return {**entries, "n_shared_features": total, "modalities": modalities}, updates, entries


@dataclass(frozen=True)
class Way:
    """One way to select.

    Attributes
    ----------
    check
        Refuses options that it cannot use.
    mark
        Gives what it adds to the summary, to the data, and to the record in uns.
    """

    check: Callable[[SelectConfig], None]
    mark: Callable[[Prepared, SelectConfig, OnScreening | None], Marked]


WAYS = {"label": Way(_require_label, _rank), "screening": Way(_refuse_numbers, _screen)}


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
