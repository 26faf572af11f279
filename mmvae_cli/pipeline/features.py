"""Which features of a modality enter the models: those that can be used, and those selected by label."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from mmvae_cli.data.dataset import Modality
from mmvae_cli.data.features import Selection, label_correlation, leaking_features, select_features
from mmvae_cli.data.kinds import feature_ranges
from mmvae_cli.data_options import SelectionOptions
from mmvae_cli.errors import DataError, UsageError, counted, listed
from mmvae_cli.pipeline.per_modality import per_modality
from mmvae_cli.pipeline.study import Study
from mmvae_cli.pipeline.var_filters import named_by_column

log = logging.getLogger("mmvae_cli")

CONSTANT, NO_VALUE = "is constant in the training samples", "is without a value in the training samples"


def numbers_wanted(study: Study, selection: SelectionOptions) -> dict[str, tuple[int, int] | None]:
    """Numbers of shared and other features asked for, per modality; None where all are used."""
    names = study.aligned.file_order
    shared = per_modality(selection.shared, names, "--shared")
    other = per_modality(selection.other, names, "--other")
    if (selection.shared or selection.other) and study.label is None:
        raise UsageError("--shared and --other rank features by a label", hint="name it with --label")
    return {
        name: None if shared[name] is None and other[name] is None else (int(shared[name] or 0), int(other[name] or 0))
        for name in names
    }


def usable_features(
    study: Study, name: str, selection: SelectionOptions, column: str | None = None
) -> tuple[dict[str, str], np.ndarray]:
    """Features left out and why, and (n_features,) True for those that remain; ``column`` is that of ``--use-var``."""
    modality = study.aligned.modalities[name]
    reasons: dict[int, str] = {}
    if column is not None:
        others = np.flatnonzero(~named_by_column(modality, column))
        reasons = {int(index): f"is not chosen by --use-var {column}" for index in others}
    if study.label is not None and not selection.keep_label_features:
        target = study.aligned.to_own(name, study.label.values)
        leaking = leaking_features(
            modality.values, list(modality.var.index), target, study.label.classes, study.label.name
        )
        found = [(index, reason) for index, reason in leaking if index not in reasons]
        reasons.update(found)
        if found:
            log.warning(
                "modality %r: left out %s, which %s (--keep-label-features keeps such features)",
                name, listed([str(modality.var.index[index]) for index, _ in found]), found[0][1],
            )  # fmt: skip
    for replicate in range(len(study.splits)):
        rows = study.aligned.own_rows(name, study.part("train", replicate))
        if len(rows) == 0:
            raise DataError(
                f"no training sample has the modality {name!r}", hint="leave it out with --modalities, or split anew"
            )
        low, high = feature_ranges(modality.values, rows)
        for index in np.flatnonzero(~(high > low)):
            reasons.setdefault(int(index), NO_VALUE if np.isnan(low[index]) else CONSTANT)
    _say_left_out(modality, reasons)
    usable = np.ones(modality.n_features, dtype=bool)
    usable[list(reasons)] = False
    if not usable.any():
        raise DataError(
            f"modality {name!r} has no feature left",
            hint="leave it out with --modalities, or mend what the log says of its features",
        )
    return {str(modality.var.index[index]): reason for index, reason in sorted(reasons.items())}, usable


def _say_left_out(modality: Modality, reasons: Mapping[int, str]) -> None:
    for reason in (NO_VALUE, CONSTANT):
        found = [str(modality.var.index[index]) for index, its in reasons.items() if its == reason]
        if found:
            log.warning(
                "modality %r: left out %s, %s: %s",
                modality.name, counted(len(found), "feature"), reason.removeprefix("is "), listed(found, most=5),
            )  # fmt: skip


def select_by_label(
    study: Study, name: str, selection: SelectionOptions, wanted: tuple[int, int] | None, entering: np.ndarray
) -> list[Selection] | None:
    """Selection of each replicate, one where all agree; None where all are used that enter.

    ``entering`` (1 or replicates, n_features) are the features to choose from.
    """
    if wanted is None or study.label is None:
        return None
    target = study.aligned.to_own(name, study.label.values)
    n_rankings = 1 if selection.select_on == "all" else len(study.splits)
    found = []
    for replicate in range(max(n_rankings, len(entering))):
        looked_at = study.taking_part if selection.select_on == "all" else study.part("train", replicate)
        among = np.where(study.aligned.to_own(name, looked_at), target, np.nan)
        values = study.seen_by(replicate).aligned.modalities[name].values
        correlation = label_correlation(values, among, study.label.classes)
        among_these = entering[replicate if len(entering) > 1 else 0]
        found.append(select_features(np.where(among_these, correlation, np.nan), *wanted, name))
    return found


def reuse_selection(sets: np.ndarray, usable: np.ndarray, name: str) -> Selection:
    """Selection made before, without features that cannot be used now; ranks are not known here."""
    sets = np.where(usable & np.isin(sets, ("shared", "other")), sets, "unused")
    if (sets == "unused").all():
        raise DataError(f"modality {name!r}: no feature is selected", hint="select anew with --shared and --other")
    return Selection(sets, np.zeros(len(sets), dtype=np.int64))
