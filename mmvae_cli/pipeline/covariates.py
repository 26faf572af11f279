"""The covariates of a study: read, fitted on its training samples, and looked at for what they cannot be told from."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mmvae_cli.data.aligned import Aligned
from mmvae_cli.data.annotations import find_column
from mmvae_cli.data.confounding import NEARLY, counts_by_modality, determination
from mmvae_cli.data.covariates import AVERAGE, AVERAGE_HINT, Covariate, Covariates, coded, fit_covariate
from mmvae_cli.data.labels import Label, make_label
from mmvae_cli.data_options import CovariateOptions
from mmvae_cli.errors import DataError, UsageError, listed
from mmvae_cli.pipeline.study import Study

log = logging.getLogger("mmvae_cli")


def with_covariates(study: Study, options: CovariateOptions) -> Study:
    """Read the covariates that are asked for, and fit their coding on the training samples.

    Raises
    ------
    UsageError
        If the label is one of them.
    DataError
        If there is no such column, it does not vary, or samples lack a value or have one that is in no training sample,
        unless these are to get the average.
    """
    if not options.covariate:
        return study
    average, there = options.unseen_covariate == AVERAGE, np.asarray(study.aligned.observed.any(1))
    design, values = [], []
    for name in options.covariate:
        if study.label is not None and name == study.label.name:
            raise UsageError(
                f"{name!r} is the label, so it cannot be a covariate", hint="latents would lose what it is about"
            )
        column, label = _column(study.aligned, name)
        fitted = fit_covariate(label, study.splits == "train", study.aligned.observed)
        if not average:
            _require_trained(study, fitted, label)
        of_samples, unknown = coded(fitted, column, there, average=average)
        _say_unknown(fitted, unknown)
        _warn_of_confounding(study, fitted, label)
        design.append(fitted)
        values.append(of_samples)
    return replace(study, covariates=Covariates(tuple(design), tuple(values)))


def covariates_of(
    design: Sequence[Covariate], aligned: Aligned, observed: np.ndarray, *, average: bool
) -> Covariates | None:
    """Values of data for a design that was fitted before; None for an empty one.

    Raises
    ------
    DataError
        As ``data.covariates.coded``; a column that is not there lacks all values.
    """
    values = []
    for one in design:
        try:
            column = find_column(aligned.dataset, one.name, "covariate").iloc[aligned.order]
        except DataError:
            if not average:
                raise
            column = pd.Series(np.nan, aligned.names, dtype=object)
        of_samples, unknown = coded(one, column, np.asarray(observed.any(1)), average=average)
        _say_unknown(one, unknown)
        values.append(of_samples)
    return Covariates(tuple(design), tuple(values)) if design else None


def covariate_tables(study: Study, options: CovariateOptions) -> list[dict[str, Any]]:
    """Describe the covariates that are asked for: how many samples of each category have each modality.

    Columns that cannot be used are left out; ``with_covariates`` says why.
    """
    found = []
    for name in options.covariate:
        try:
            label = _column(study.aligned, name, quietly=True)[1]
        except DataError:
            continue
        known = int(label.labelled.sum())
        one: dict[str, Any] = {
            "column": name,
            "kind": label.kind,
            "missing": int(study.aligned.observed.any(1).sum()) - known,
            "given_by_label": _given(study.label, label),
            "gives_label": _given(label, study.label),
        }
        if label.classes:
            counts, names = counts_by_modality(label, study.aligned.observed), list(study.aligned.modalities)
            one["categories"] = {
                category: {each: int(counts[row, names.index(each)]) for each in study.aligned.file_order}
                for row, category in enumerate(label.classes)
            }
        found.append(one)
    return found


def _given(known: Label | None, guessed: Label | None) -> float | None:
    return None if known is None or guessed is None else round(determination(known, guessed), 4)


def _column(aligned: Aligned, name: str, *, quietly: bool = False) -> tuple[pd.Series, Label]:
    """A column of the samples in the internal order, and its classes or numbers among those with a modality."""
    column = find_column(aligned.dataset, name, "covariate").iloc[aligned.order]
    return column, make_label(column.where(np.asarray(aligned.observed.any(1))), name, "covariate", quietly=quietly)


def _require_trained(study: Study, fitted: Covariate, label: Label) -> None:
    """Refuse a category that some replicate holds out altogether; ``coded`` refuses what all of them do."""
    if not fitted.categories:
        return
    lacking = ~fitted.trained.any(axis=1)  # (replicates, categories)
    for replicate, category in zip(*np.nonzero(lacking), strict=True):
        raise DataError(
            f"covariate {fitted.name!r}: no training sample of replicate {replicate + 1} has "
            f"{fitted.categories[category]!r}",
            hint=f"use another --split, or {AVERAGE_HINT}",
        )


def _say_unknown(covariate: Covariate, unknown: str) -> None:
    if unknown:
        log.warning("covariate %r: %s; the mean of what was seen stands in", covariate.name, unknown)


def _warn_of_confounding(study: Study, fitted: Covariate, label: Label) -> None:
    """Say what a model cannot tell from the effects of a covariate."""
    for modality, name in enumerate(study.aligned.modalities):
        trained: list[bool] = np.all(fitted.trained[:, modality], axis=0).tolist()
        lacking = [category for category, has in zip(fitted.categories, trained, strict=True) if not has]
        if lacking:
            log.warning(
                "covariate %r: no training sample of %s has the modality %r, so what it does there is not known; the "
                "mean of the other categories stands in",
                fitted.name, listed(lacking, most=5), name,
            )  # fmt: skip
    if study.label is None:
        return
    if max(determination(label, study.label), determination(study.label, label)) >= NEARLY:
        log.warning(
            "covariate %r and label %r go together almost perfectly: a model that is told the one has no need to keep "
            "the other in its latents",
            fitted.name, study.label.name,
        )  # fmt: skip
