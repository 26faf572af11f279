"""The record of how a modality was prepared, with the scaling of its features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mmvae_cli.data.depth import at_library_size, library_sizes
from mmvae_cli.data.features import Selection
from mmvae_cli.data.transforms import TRANSFORMS, Scaling, fit_scaling
from mmvae_cli.model.likelihoods import LIKELIHOODS
from mmvae_cli.pipeline.choices import Choice
from mmvae_cli.pipeline.study import Study
from mmvae_cli.training.run import ModalityRecord


def fitted_weights(study: Study, choices: Mapping[str, Choice], scale_on: str) -> dict[str, np.ndarray]:
    """Weights of the features (1 or replicates, n_features) of the modalities whose transform fits them.

    Parameters
    ----------
    study
        Its values transformed.
    scale_on
        See ``prepare``.
    """
    found = {}
    for name, choice in choices.items():
        fit = TRANSFORMS[choice.transform].fit
        if fit is not None:
            values = study.aligned.modalities[name].values
            found[name] = np.stack([fit(values, rows) for rows in _fitted_on(study, name, scale_on)])
    return found


def _fitted_on(study: Study, name: str, scale_on: str) -> list[np.ndarray]:
    """Rows in the table of a modality that each replicate's preparation is fitted on, once where all agree."""
    if scale_on == "all":
        return [study.aligned.own_rows(name, study.taking_part)]
    return [study.aligned.own_rows(name, study.part("train", replicate)) for replicate in range(len(study.splits))]


def modality_record(
    study: Study,
    name: str,
    choice: Choice,
    selections: list[Selection] | None,
    entering: np.ndarray,
    scale_on: str,
) -> ModalityRecord:
    """Fit the scaling of the features that are used.

    Parameters
    ----------
    study
        Its values transformed.
    choice
        Transform and likelihood.
    selections
        One per replicate, or a single one; None where all features of ``entering`` are used.
    entering
        (1 or replicates, n_features) False for features that are left out, as many in each row.
    scale_on
        See ``prepare``.
    """
    modality = study.aligned.modalities[name]
    if selections is None:
        columns = np.stack([np.flatnonzero(row) for row in entering])
    else:
        columns = np.stack([np.flatnonzero(one.sets != "unused") for one in selections])
    kept = np.unique(columns)  # positions in the modality of all features that any replicate uses, in file order
    scaling = _scaling(study, name, columns, scale_on, choice)
    record = ModalityRecord(
        name=name,
        features=tuple(modality.var.index[kept].astype(str)),
        columns=np.searchsorted(kept, columns).astype(np.int64),
        mean=np.stack([one.mean for one, _ in scaling]),
        **{"sd" if TRANSFORMS[choice.transform].standardise else "spread": np.stack([one.sd for one, _ in scaling])},
        transform=choice.transform,
        likelihood=choice.likelihood,
        value_kind=choice.kind,
        layer=modality.layer,
        weights=_weights_of(study, name, columns),
        median_size=np.array([library for _, library in scaling]) if choice.sized else None,
    )
    if selections is None:
        return record
    sets = np.stack([one.sets[row] for one, row in zip(selections, columns, strict=True)])
    return replace(record, shared_set=sets == "shared", other_set=sets == "other")


def _weights_of(study: Study, name: str, columns: np.ndarray) -> np.ndarray | None:
    """Weights of the features that are used, (1 or replicates, n_features of the model)."""
    if name not in study.weights:
        return None
    weights = study.weights[name]
    n_different = max(len(weights), len(columns))
    pairs = zip(*(np.broadcast_to(each, (n_different, each.shape[1])) for each in (weights, columns)), strict=True)
    return np.stack([of_all[chosen] for of_all, chosen in pairs])


def _scaling(
    study: Study, name: str, columns: np.ndarray, scale_on: str, choice: Choice
) -> list[tuple[Scaling, float]]:
    """Mean and sd of each replicate's features, and the median library size, once where all agree.

    The moments of counts are those at the median library size, where that is known.
    """
    values, fitted = study.aligned.modalities[name].values, []
    are_counts = LIKELIHOODS[choice.likelihood].sized
    sizes = library_sizes(values) if choice.sized else np.ones(values.shape[0])
    values = at_library_size(values, 1.0) if are_counts else values
    fitted_on = _fitted_on(study, name, scale_on)
    for replicate in range(max(len(fitted_on), len(columns))):
        rows = fitted_on[replicate if len(fitted_on) > 1 else 0]
        chosen = columns[replicate if len(columns) > 1 else 0]
        library = float(np.median(sizes[rows]))
        seen = study.seen_by(replicate).aligned.modalities[name].values if name in study.weights else values
        found, unit = fit_scaling(seen, rows, chosen), library if are_counts else 1.0
        fitted.append((Scaling(found.mean * unit, found.sd * unit), library))
    return fitted
