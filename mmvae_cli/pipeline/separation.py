"""How well latents tell samples apart by a column: a label, which they should, or a batch, which they should not."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmvae_cli.data.annotations import find_column
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.labels import Label, make_label
from mmvae_cli.errors import DataError
from mmvae_cli.evaluation.metrics import continuous_separation, label_separation
from mmvae_cli.pipeline.apply import Applied
from mmvae_cli.training.run import Run

log = logging.getLogger("mmvae_cli")


def label_of(run: Run, dataset: Dataset, asked: str | None) -> Label | None:
    """Label in the order of the run's samples: the one asked for, else that of the run."""
    name = asked or (run.record["label"] or {}).get("name")
    return None if name is None else _column(run, dataset, name, "label", needed=asked is not None)


def batches_of(run: Run, dataset: Dataset, asked: Sequence[str]) -> list[Label]:
    """Columns that latents should not separate, as ``label_of``: those asked for, else the covariates of the run."""
    names = asked or [one.name for one in run.design]
    found = [_column(run, dataset, name, "covariate", needed=bool(asked)) for name in names]
    return [column for column in found if column is not None]


def _column(run: Run, dataset: Dataset, name: str, kind: str, *, needed: bool) -> Label | None:
    try:
        column = find_column(dataset, name, kind).reindex(run.samples)
    except DataError as error:
        if needed:
            raise
        log.warning("the %s of the run is not in the data, so its separation is left out: %s", kind, error.args[0])
        return None
    return make_label(column.where((run.splits != "").any(0)), name, kind)


def separation(applied: Applied, label: Label, places: Mapping[str, int]) -> dict[str, Any]:
    """How well each block of latents gives a column, learned on training and measured on held-out samples.

    Parameters
    ----------
    label
        In the order of the run's samples.
    places
        Row of each sample, by name, in the internal order of the data.

    Returns
    -------
    ``column``, ``kind``, ``classes``; and by measure (``auc`` and ``accuracy``, or ``r2`` for numbers) its value in
    the ``shared`` block, by modality in its ``private`` block, and in ``all``.
    """
    run, layout = applied.run, applied.run.layout(applied.replicate)
    parts = {}
    for part in ("train", "test"):
        chosen = [i for i in np.flatnonzero(run.splits[applied.replicate] == part) if run.samples[i] in places]
        rows = np.array([places[run.samples[i]] for i in chosen], dtype=np.int64)
        parts[part] = (applied.embed(rows), label.values[chosen])
    names = [record.name for record in run.modalities]
    blocks = {"shared": layout.shared_block, "all": slice(None)}
    blocks |= {f"private {name}": layout.private_block(index) for index, name in enumerate(names)}
    (train, train_target), (test, test_target) = parts["train"], parts["test"]
    scores: dict[str, dict[str, float | None]] = {}
    for block_name, block in blocks.items():
        arguments = (train[:, block], train_target, test[:, block], test_target)
        if label.kind == "categorical":
            scores[block_name] = label_separation(*arguments, label.classes)
        else:
            scores[block_name] = continuous_separation(*arguments)
    found: dict[str, Any] = {"column": label.name, "kind": label.kind, "classes": list(label.classes)}
    for metric in scores["shared"]:
        private = {name: scores[f"private {name}"][metric] for name in run.record["modality_order"]}
        found[metric] = {"shared": scores["shared"][metric], "private": private, "all": scores["all"][metric]}
    return found
