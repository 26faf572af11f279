"""Use a trained run on data: match the features, transform and scale as in training, one replicate's model."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from mmvae_cli.data.aligned import Aligned, align
from mmvae_cli.data.covariates import AVERAGE, Covariates
from mmvae_cli.data.dataset import Dataset, Matrix
from mmvae_cli.data.names import other_versions
from mmvae_cli.data.transforms import TRANSFORMS
from mmvae_cli.errors import DataError, counted, counted_of, listed
from mmvae_cli.model.batch import Batch
from mmvae_cli.model.likelihoods import LIKELIHOODS
from mmvae_cli.model.vae import MultimodalVAE
from mmvae_cli.pipeline.covariates import covariates_of
from mmvae_cli.pipeline.new_values import check_kind
from mmvae_cli.pipeline.replicates import single_model
from mmvae_cli.pipeline.streamed import any_data
from mmvae_cli.pipeline.tensors import totals_of
from mmvae_cli.pipeline.unlike_training import look
from mmvae_cli.training.run import ModalityRecord, Run
from mmvae_cli.training.source import Data
from mmvae_cli.training.validation import EVALUATION_BATCH

log = logging.getLogger("mmvae_cli")


@dataclass(frozen=True)
class Applied:
    """A run, the data it is used on, and the model of one replicate.

    Attributes
    ----------
    aligned
        In the internal order, values transformed; holds only the modalities of the run that are there.
    observed
        (n_samples, n_modalities of the run) True where a sample has a modality.
    missing
        Per modality, names of the run's features that the data lack.
    """

    run: Run
    replicate: int
    aligned: Aligned
    observed: np.ndarray
    model: MultimodalVAE
    data: Data
    missing: dict[str, list[str]]

    def batches(self, rows: np.ndarray) -> Iterator[Batch]:
        """Batches of rows of the internal order."""
        return self.data.batches(torch.from_numpy(rows)[None], EVALUATION_BATCH)

    def reading_order(self, rows: np.ndarray) -> np.ndarray:
        """(n_rows,) places in ``rows``, in the order in which these are read fastest."""
        return self.data.reading_order(torch.from_numpy(rows)).numpy()

    @torch.no_grad()
    def embed(self, rows: np.ndarray) -> np.ndarray:
        """(n_rows, n_latents of the replicate) joint embedding; nan for samples without any modality of the run."""
        latents = np.zeros((len(rows), self.run.layout(self.replicate).size), np.float32)
        order = self.reading_order(rows)
        parts = [self.model.embed(batch)[0] for batch in self.batches(rows[order])]
        if parts:
            latents[order] = torch.cat(parts)[:, : latents.shape[1]].numpy()
        return np.where(self.observed[rows].any(1)[:, None], latents, np.nan).astype(np.float32)

    @torch.no_grad()
    def predict(
        self,
        sources: Sequence[int],
        target: int,
        rows: np.ndarray,
        columns: np.ndarray | None = None,
        dtype: type[np.floating] = np.float64,
    ) -> np.ndarray:
        """(n_rows, n_columns) mean of a modality in the unit of predictions; nan without a source.

        ``columns`` are features of the replicate, all by default; the unit is undone in float64, a batch at a time.
        """
        record = self.run.modalities[target]
        columns = np.arange(record.columns.shape[1]) if columns is None else columns
        predicted, done, order = np.empty((len(rows), len(columns)), dtype=dtype), 0, self.reading_order(rows)
        for batch in self.batches(rows[order]):
            part = self.model.predict(batch, sources, target)[0].double().numpy()
            places = order[done : done + len(part)]
            if target not in sources:
                part = self._mean_where_not_predicted(part, record, self.observed[rows[places]], sources)
            predicted[places] = in_prediction_unit(part, record, self.replicate, scaled=True)[:, columns]
            done += len(part)
        return predicted

    def _mean_where_not_predicted(
        self, part: np.ndarray, record: ModalityRecord, observed: np.ndarray, sources: Sequence[int]
    ) -> np.ndarray:
        """Training mean of features without shared signal, in the model's unit, where a sample has a source."""
        if record.role_shared is None:
            return part
        mean, _ = record.training_moments(self.replicate)
        other = ~record.view(record.role_shared, self.replicate)
        return np.where(other & observed[:, list(sources)].any(1, keepdims=True), mean, part)


def in_prediction_unit(values: np.ndarray, record: ModalityRecord, replicate: int, *, scaled: bool) -> np.ndarray:
    """Undo the scaling (where ``scaled``) and, where the run alone can, the transform."""
    if scaled and record.sd is not None:
        values = values * record.view(record.sd, replicate) + record.view(record.mean, replicate)
    undo = TRANSFORMS[record.transform].undo
    return values if undo is None else undo(values)


def prediction_unit(record: ModalityRecord) -> str:
    """Unit of the predictions of a modality, for the user."""
    transform = TRANSFORMS[record.transform]
    return (None if transform.changes else LIKELIHOODS[record.likelihood].unit) or transform.unit


@dataclass(frozen=True)
class Matched:
    """Data in the form a run was trained on, for any of its replicates; attributes as in ``Applied``.

    Attributes
    ----------
    places
        Per modality, where the features of the record stand in the data; -1 where the data lack one.
    totals
        Library sizes, see ``tensors.totals_of``.
    covariates
        Of the samples; None where the run knows none.
    changed
        Per modality whose values are used, how many samples of the training have other values than then, of those
        looked at.
    """

    run: Run
    aligned: Aligned
    observed: np.ndarray
    places: dict[str, np.ndarray]
    missing: dict[str, list[str]]
    totals: dict[str, np.ndarray]
    covariates: Covariates | None
    changed: dict[str, int]

    def replicate(self, index: int) -> Applied:
        """Use one replicate; features that the data lack get its own training mean."""
        stand_ins = {
            record.name: _stand_in(record, index, self.places[record.name])
            for record in self.run.modalities
            if self.missing[record.name]
        }
        cpu, model = torch.device("cpu"), single_model(self.run, index)
        data = any_data(
            self.values,
            self.aligned,
            self.observed,
            self.run.modalities,
            cpu,
            totals=self.totals,
            stand_ins=stand_ins,
            covariates=self.covariates,
        )
        return Applied(self.run, index, self.aligned, self.observed, model, data.keep([index]), self.missing)

    def values(self, record: ModalityRecord, samples: np.ndarray | None = None) -> Matrix:
        """(n_samples, features of the record) transformed values, a copy; 0 for what the data lack."""
        if record.name in self.aligned.modalities:
            return self.aligned.taken(record.name, self.places[record.name], samples)
        n_samples = len(self.aligned.names) if samples is None else len(samples)
        return sparse.csr_matrix((n_samples, len(record.features)), dtype=np.float32)


def match(
    run: Run,
    dataset: Dataset,
    min_features: float = 1.0,
    needed: Collection[str] | None = None,
    unseen_covariate: str | None = None,
    *,
    own: bool = False,
) -> Matched:
    """Bring data into the form a run was trained on.

    Features are matched by name, whatever their order; those the data lack get their training mean.

    Parameters
    ----------
    min_features
        Least fraction of the run's features that each modality in the data must have.
    needed
        Modalities whose values are used; None for all. Others may lack any features.
    unseen_covariate
        Whether covariates may be missing or unseen: ``error`` or ``average``; None for what the training allowed.
    own
        These are the data of the training: not compared with them.

    Raises
    ------
    DataError
        If too many features are missing, no modality of the run is there, the values are of another kind, or
        covariates are missing or unseen.
    """
    names = [record.name for record in run.modalities]
    there = [name for name in names if name in dataset.modalities]
    if not there:
        raise DataError(
            f"the data hold none of the model's modalities, but {listed(dataset.modalities)}",
            hint=f"the model knows {listed(names)}",
        )
    aligned = align(dataset, there)
    transformed = {}
    for name in there:
        if needed is None or name in needed:
            check_kind(run.modality(name), aligned.modalities[name])
        transform = TRANSFORMS[run.modality(name).transform]
        transformed[name] = transform.applied(aligned.modalities[name].values, name)
    aligned = aligned.with_values(transformed)
    observed = np.zeros((len(aligned.names), len(names)), dtype=bool)
    places, missing, changed = {}, {}, {}
    for index, record in enumerate(run.modalities):
        if record.name in there:
            observed[:, index] = aligned.rows[record.name] >= 0
        is_needed = needed is None or record.name in needed
        places[record.name], missing[record.name] = _matched(aligned, record, min_features if is_needed else None)
        if is_needed and record.name in there:
            _warn_of_other_features(run, record, aligned.modalities[record.name].n_features)
            changed[record.name] = 0 if own else look(run, record, aligned, places[record.name])
    average = (unseen_covariate or run.record["config"].get("unseen_covariate")) == AVERAGE
    covariates = covariates_of(run.design, aligned, observed, average=average)
    totals = totals_of(aligned, run.modalities)
    return Matched(run, aligned, observed, places, missing, totals, covariates, changed)


def _warn_of_other_features(run: Run, record: ModalityRecord, n_features: int) -> None:
    """Say where a sample's total over other features makes its values differ from those of the training."""
    trained_on = run.record["summary"]["modalities"][record.name]["of"]
    needs_all = TRANSFORMS[record.transform].needs_all or record.median_size is not None
    if needs_all and n_features != trained_on:
        log.warning(
            "modality %r has %s, in training it had %s: totals of samples depend on them all, so values are "
            "not quite comparable; give the same features where you can",
            record.name, counted(n_features, "feature"), f"{trained_on:,}",
        )  # fmt: skip


def _hint_of_features(aligned: Aligned, record: ModalityRecord, min_features: float, lacking: Sequence[str]) -> str:
    modality = aligned.modalities[record.name]
    if modality.obs.index.isin(record.features).any():
        return f"its samples are named like the model's features: add --transpose {record.name}, if they are features"
    there = modality.var.index.astype(str)
    versions = other_versions(lacking, there)
    if versions:
        mine, other = next(iter(versions.items()))
        return (
            f"{len(versions):,} of them are there in another version, such as {mine} as {other}: name the features of "
            "the data as in training"
        )
    names = listed(there[:3], most=3)
    return f"at least {min_features:.0%} are needed (--min-features); the data have names such as {names}"


def _matched(aligned: Aligned, record: ModalityRecord, min_features: float | None) -> tuple[np.ndarray, list[str]]:
    """Places of the record's features, and names of missing ones; ``min_features`` None where that does not matter."""
    if record.name not in aligned.modalities:
        return np.full(len(record.features), -1), []
    place = aligned.modalities[record.name].var.index.get_indexer(pd.Index(record.features))
    found = place >= 0
    lacking = [name for name, is_there in zip(record.features, found, strict=True) if not is_there]
    if min_features is not None and (found.mean() < min_features or not found.any()):  # means alone are no data
        raise DataError(
            f"modality {record.name!r} has {int(found.sum()):,} of the model's {len(found):,} features; "
            f"missing: {listed(lacking, most=5)}",
            hint=_hint_of_features(aligned, record, min_features, lacking),
        )
    if lacking and min_features is not None:
        log.warning(
            "modality %r: %s are missing and set to their training mean: %s",
            record.name, counted_of(len(lacking), len(found), "feature"), listed(lacking, most=5),
        )  # fmt: skip
    return place, lacking


def _stand_in(record: ModalityRecord, replicate: int, places: np.ndarray) -> np.ndarray:
    """(features of the record,) what gives the replicate's training mean where the data lack a feature, else 0."""
    stand_in, columns = np.zeros(len(places)), record.view(record.columns, replicate)
    mean = record.view(record.mean, replicate)
    stand_in[columns] = mean if record.weights is None else np.expm1(mean) / record.view(record.weights, replicate)
    return np.where(places < 0, stand_in, 0.0)
