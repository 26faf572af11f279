"""From aligned values and the record of a preparation to tensors on the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch

from mmvae_cli.data.aligned import Aligned
from mmvae_cli.data.covariates import Covariates
from mmvae_cli.data.dataset import Matrix
from mmvae_cli.data.depth import library_sizes
from mmvae_cli.data.labels import Label
from mmvae_cli.data.transforms import Scaling, fit_scaling
from mmvae_cli.model.likelihoods import LIKELIHOODS
from mmvae_cli.pipeline.device_tables import dense_table, saves_memory, sparse_table
from mmvae_cli.training.run import ModalityRecord
from mmvae_cli.training.source import DeviceData, ModalityTensors
from mmvae_cli.training.tables import Table


def modality_tensors(
    values: Matrix,
    observed: np.ndarray,
    record: ModalityRecord,
    device: torch.device,
    totals: np.ndarray | None = None,
    stand_in: np.ndarray | None = None,
) -> ModalityTensors:
    """Tensors of one modality: a sparse table where the values are sparse and it saves memory, else a dense one.

    Parameters
    ----------
    values
        (n_samples, len(record.features)) transformed values, nan for missing entries, 0 in unobserved rows. Dense
        ones are overwritten.
    observed
        (n_samples,) True where the modality is observed.
    totals
        (n_samples,) library sizes; None where they are not known.
    stand_in
        (len(record.features),) added to the values: what stands for features that the data lack, 0 for others.
    """
    columns = torch.from_numpy(record.columns).to(device) if len(record.columns) > 1 else None
    if columns is None and not np.array_equal(record.columns[0], np.arange(values.shape[1])):
        values = values[:, record.columns[0]]
        stand_in = None if stand_in is None else stand_in[record.columns[0]]
    centre, spread, mean, sd = np.zeros(values.shape[1]), np.ones(values.shape[1]), None, None
    if record.weights is not None and record.sd is not None:
        mean, sd = record.mean.astype(np.float32), record.sd.astype(np.float32)  # of weighted values: as they are taken
    elif record.sd is not None and len(record.mean) == 1 and columns is None:
        centre, spread = record.mean[0], record.sd[0]
    elif record.sd is not None and observed.any():
        centre, spread, mean, sd = _relative(values, observed, record, record.sd)
    scaling = Scaling(centre if stand_in is None else centre - stand_in, spread)
    known = None
    if isinstance(values, np.ndarray) or not saves_memory(values):
        values = values if isinstance(values, np.ndarray) else values.toarray()
        missing = np.isnan(values) & observed[:, None]
        table: Table = dense_table(values, observed, scaling, device)
        known = torch.from_numpy(~missing).to(device) if missing.any() else None
    else:
        table = sparse_table(values, scaling, device)
    fill = None if record.sd is not None or known is None else torch.from_numpy(record.mean.astype(np.float32))
    return ModalityTensors(
        table,
        None if observed.all() else torch.from_numpy(observed).to(device),
        columns,
        None if mean is None else torch.from_numpy(mean).to(device),
        None if sd is None else torch.from_numpy(sd).to(device),
        None if record.weights is None else torch.from_numpy(record.weights).to(device),
        known,
        None if fill is None else fill.to(device),
        None if totals is None else torch.from_numpy(_log_sizes(totals, record)).to(device),
        LIKELIHOODS[record.likelihood].sized,
    )


def _log_sizes(totals: np.ndarray, record: ModalityRecord) -> np.ndarray:
    """(1 or replicates, n_samples) log of the library sizes relative to the training median."""
    assert record.median_size is not None
    return (np.log(totals) - np.log(record.median_size)[:, None]).astype(np.float32)


def totals_of(aligned: Aligned, records: tuple[ModalityRecord, ...]) -> dict[str, np.ndarray]:
    """By modality where they are known, the library size of every sample, 1 where it lacks the modality."""
    found = {}
    for record in records:
        if record.median_size is not None and record.name in aligned.modalities:
            rows = aligned.rows[record.name]
            own = library_sizes(aligned.modalities[record.name].values)
            found[record.name] = np.where(rows >= 0, own[rows], 1.0)
    return found


def _relative(
    values: Matrix, observed: np.ndarray, record: ModalityRecord, sds: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Common centre and spread, and each replicate's mean and sd relative to them.

    The large part is taken out in float64, once; what is left for float32 is small, and nothing is lost to rounding.
    """
    common = fit_scaling(values, np.flatnonzero(observed))
    centre, spread = common.mean, common.sd
    own_centre, own_spread = centre[None], spread[None]
    if len(record.columns) > 1:
        own_centre, own_spread = centre[record.columns], spread[record.columns]
    mean = ((record.mean - own_centre) / own_spread).astype(np.float32)
    return centre, spread, mean, (sds / own_spread).astype(np.float32)


def label_tensors(label: Label, train: np.ndarray, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Label and where it is known, (1 or replicates, n_samples); a number is standardised on the training samples."""
    values = label.values[None]
    if label.kind == "continuous":
        means = [[label.values[part & label.labelled].mean()] for part in train]
        sds = [[label.values[part & label.labelled].std() or 1.0] for part in train]
        values = (values - np.array(means)) / np.array(sds)
    filled = np.where(label.labelled[None], values, 0.0).astype(np.float32)
    return torch.from_numpy(filled).to(device), torch.from_numpy(label.labelled[None]).to(device)


def with_covariates(
    data: DeviceData, covariates: Covariates | None, device: torch.device, samples: np.ndarray | None = None
) -> DeviceData:
    """The data with what is known of their samples besides; ``samples`` are those of the data, by number."""
    if covariates is None:
        return data
    rows = slice(None) if samples is None else samples
    modalities = [
        replace(modality, covariates=torch.from_numpy(covariates.of(index)[:, rows]).to(device))
        for index, modality in enumerate(data.modalities)
    ]
    return replace(data, modalities=tuple(modalities))


def device_data(
    values: Callable[[ModalityRecord], Matrix],
    observed: np.ndarray,
    records: tuple[ModalityRecord, ...],
    device: torch.device,
    label: tuple[torch.Tensor, torch.Tensor] | None = None,
    totals: Mapping[str, np.ndarray] | None = None,
    stand_ins: Mapping[str, np.ndarray] | None = None,
) -> DeviceData:
    """All modalities on the device, in the order of the records; ``observed`` (n_samples, n_modalities).

    ``values`` gives those of a modality, one after the other; they and ``stand_ins``, by modality, are as in
    ``modality_tensors``, ``totals`` those of ``totals_of``. See ``with_covariates`` for these.
    """
    totals, stand_ins = totals or {}, stand_ins or {}
    modalities = tuple(
        modality_tensors(
            values(record), observed[:, index], record, device, totals.get(record.name), stand_ins.get(record.name)
        )
        for index, record in enumerate(records)
    )
    return DeviceData(modalities, *(label or (None, None)))
