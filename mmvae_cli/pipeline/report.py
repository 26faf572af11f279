"""``mmvae report``: a page for the browser about a trained model; also that of ``mmvae evaluate --html``."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mudata import MuData

from mmvae_cli.config import ReportConfig
from mmvae_cli.data.aligned import align
from mmvae_cli.data.annotations import column_marks
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.formats import Source
from mmvae_cli.errors import listed
from mmvae_cli.pipeline.apply import match
from mmvae_cli.pipeline.destination import check_page
from mmvae_cli.pipeline.evaluate import Evaluation, evaluated, evaluation_mark
from mmvae_cli.pipeline.figures import Results, results_of
from mmvae_cli.pipeline.outcome import Outcome, earlier_record
from mmvae_cli.pipeline.report_content import content_of
from mmvae_cli.pipeline.results import ASSOCIATIONS, FIELDS
from mmvae_cli.pipeline.reuse import open_data
from mmvae_cli.pipeline.sampling import evaluation_sample
from mmvae_cli.reporting.page import page
from mmvae_cli.training.history import load_history
from mmvae_cli.training.run import Run, load_run

log = logging.getLogger("mmvae_cli")

NEEDED = "r2_cross"  # measured of every modality
MEASURED = (NEEDED, "r2_self", "r2_joint", "p_cross", "q_cross", "variance_shared", "variance_private")


def report(
    source: Source | MuData | None, config: ReportConfig, *, force: bool = False, command_line: str = ""
) -> Outcome:
    """Make the page, of the evaluation of this model that stands in the data, or else of a new one.

    Raises
    ------
    MmvaeError
        As ``evaluate``, and where the page cannot be written.
    """
    check_page(config.out, "--out", force=force)
    run = load_run(config.run)
    dataset = evaluation_sample(open_data(run, source, config.on_disk), run)
    found = _earlier(run, dataset, config)
    facts = {"evaluation": "", "report": command_line}
    if found is None:
        log.info("evaluating: mmvae evaluate would keep the result in the data")
        found = evaluated(run, dataset, config)
        facts["evaluation"] = "made for this page"
    else:
        said = earlier_record(align(dataset), run.record["key"]).get("evaluate_command_line", "")
        facts["evaluation"] = f"read from the data: {said}"
    key = run.record["key"]
    updates = {**found.updates(), **{f"uns/{key}/{name}": value for name, value in found.entries().items()}}
    text = page_of(found, results_of(found.written, updates, key), facts)
    summary = {
        "command": "report",
        "run": config.run,
        "output": config.out,
        "evaluation": "made" if facts["evaluation"].startswith("made") else "read",
        "bytes": len(text.encode()),
    }
    return Outcome(summary, pages={Path(config.out): text})


def page_of(found: Evaluation, results: Results, facts: Mapping[str, str]) -> str:
    """Return the page about an evaluation; see ``content_of``."""
    curves = {name: values for name, values in load_history(found.folder).items() if np.isfinite(values).any()}
    results.uns[found.run.record["key"]]["history"] = curves
    return page(content_of(found, results, facts))


def _earlier(run: Run, dataset: Dataset, config: ReportConfig) -> Evaluation | None:
    """The evaluation that stands in the data; None where it is of another model, another version or other options."""
    key = run.record["key"]
    record: dict[str, Any] = earlier_record(align(dataset), key)
    try:
        mark, summary = json.loads(str(record["evaluated"])), json.loads(str(record["metrics"]))
    except (KeyError, ValueError):
        return None
    seen = mark.pop("columns", {})
    differing = _differing(mark, evaluation_mark(config)) + _changed_columns(seen, column_marks(dataset, seen))
    if differing:
        log.info("the evaluation in the data is not used: %s", "; ".join(differing))
        return None
    by_feature: dict[str, dict[str, np.ndarray]] = {}
    for name in summary["r2"]:
        if name not in dataset.modalities or f"{key}_{NEEDED}" not in dataset.modalities[name].var:
            return None
        var = dataset.modalities[name].var
        names = run.modality(name).feature_names(run.replicate)
        for kind in MEASURED:
            if f"{key}_{kind}" in var:
                by_feature.setdefault(kind, {})[name] = var[f"{key}_{kind}"].reindex(names).to_numpy(dtype=np.float64)
    matched = match(run, dataset, config.min_features, unseen_covariate=config.unseen_covariate)
    return Evaluation(run, dataset, matched.replicate(run.replicate), config.run, summary, by_feature, _tests(record))


def _differing(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """In what the evaluation in the data, by its mark, differs from the one that is asked for."""
    other = {name: value for name, value in here.items() if there.get(name) != value}
    said = {"model": "it is of another model", "version": f"it is of another version, {there.get('version')}"}
    return [
        said.get(name, f"--{name.replace('_', '-')} is {_shown(there.get(name))} there, {_shown(value)} here")
        for name, value in other.items()
    ]


def _changed_columns(there: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """The columns that the evaluation read and that are others now."""
    changed = [name for name, mark in there.items() if here.get(name) != mark]
    return [f"{listed(changed, most=3)} changed after it"] if changed else []


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "not given" if value in (None, []) else listed(value) if isinstance(value, list) else str(value)


def _tests(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Associations as ``associations`` gives them; without the columns that were left out."""
    table = record.get(ASSOCIATIONS)
    if not isinstance(table, Mapping):
        return None
    columns = {field: np.asarray(table[field]).tolist() for field in FIELDS}
    tests = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return {"tests": tests, "left_out": {}}
