"""Features that the user's options leave: by a column of ``var``, and the most variable ones."""

from __future__ import annotations

import logging

import numpy as np

from mmvae_cli.data.count_transforms import stored_values
from mmvae_cli.data.dataset import Matrix, Modality
from mmvae_cli.data.transforms import TRANSFORMS
from mmvae_cli.data.variability import highest, normalised_dispersion, variance
from mmvae_cli.errors import DataError, counted_of, did_you_mean, listed
from mmvae_cli.pipeline.choices import Choice
from mmvae_cli.pipeline.study import Study

log = logging.getLogger("mmvae_cli")


def named_by_column(modality: Modality, column: str) -> np.ndarray:
    """(n_features,) True where a column of ``var`` is.

    Raises
    ------
    DataError
        If there is none of that name, it is not of True and False, or never True.
    """
    name, var = modality.name, modality.var
    known = [str(each) for each in var.columns]
    if column not in var:
        raise DataError(
            f"--use-var: modality {name!r} has no column {column!r} in var",
            hint=f"{did_you_mean(column, known)}there are {listed(known) or 'none'}",
        )
    values = var[column]
    if values.dtype.kind != "b" or values.isna().any():
        raise DataError(
            f"--use-var: column {column!r} of modality {name!r} is of type {values.dtype}, not of True and False alone",
            hint=f"make it boolean: mdata[{name!r}].var[{column!r}] = ...astype(bool)",
        )
    chosen = values.to_numpy(dtype=bool)
    if not chosen.any():
        raise DataError(
            f"--use-var: column {column!r} of modality {name!r} is True for no feature", hint="choose another column"
        )
    return chosen


def entering_features(
    study: Study, name: str, choice: Choice, counts: Matrix, usable: np.ndarray, asked: str | None
) -> tuple[np.ndarray, dict[str, str]]:
    """Features that enter after ``--var-filter``, ranked on the training samples of each replicate.

    Counts are ranked by their dispersion, other values (as they are after the transform) by their variance.

    Parameters
    ----------
    study
        Its values transformed.
    counts
        (n_samples, n_features) values as they were read.
    usable
        (n_features,) False for features that are left out for other reasons.
    asked
        Name and number, as in ``highly_variable:2000``; None for no filter.

    Returns
    -------
    (1 or replicates, n_features) True for the features that enter; and those that enter nowhere, with the reason.

    Raises
    ------
    DataError
        If counts have missing entries.
    """
    if asked is None:
        return usable[None], {}
    by_dispersion = choice.kind == "counts" and not TRANSFORMS[choice.transform].sized
    if by_dispersion and np.isnan(stored_values(counts)).any():
        raise DataError(
            f"modality {name!r} has missing entries, and --var-filter {asked} needs whole samples of counts",
            hint="choose features with --use-var, or leave out what is missing",
        )
    n_features, kept = int(asked.partition(":")[2]), []
    for replicate in range(len(study.splits)):
        rows = study.aligned.own_rows(name, study.part("train", replicate))
        if by_dispersion:
            strength = normalised_dispersion(counts, rows, usable)
        else:
            strength = variance(study.seen_by(replicate).aligned.modalities[name].values, rows)
        kept.append(highest(strength, usable, n_features))
    entering = np.stack(kept)
    log.info(
        "modality %r: %s enter, the most variable by %s (--var-filter)",
        name, counted_of(entering[0].sum(), usable.sum(), "feature"),
        "dispersion of the counts" if by_dispersion else "variance",
    )  # fmt: skip
    index = study.aligned.modalities[name].var.index[usable & ~entering.any(axis=0)]
    return entering, {str(feature): f"is not among the features of --var-filter {asked}" for feature in index}
