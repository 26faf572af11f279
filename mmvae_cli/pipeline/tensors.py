"""From aligned values and the record of a preparation to tensors on the device."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from mmvae_cli.data.labels import Label
from mmvae_cli.training.run import ModalityRecord
from mmvae_cli.training.source import DeviceData, ModalityTensors


def modality_tensors(
    values: np.ndarray, observed: np.ndarray, record: ModalityRecord, device: torch.device
) -> ModalityTensors:
    """Tensors of one modality.

    Parameters
    ----------
    values
        (n_samples, len(record.features)) transformed values, anything in unobserved rows.
    observed
        (n_samples,) True where the modality is observed.
    """
    columns = None
    if len(record.columns) == 1:
        values = values[:, record.columns[0]]
    else:
        columns = torch.from_numpy(record.columns).to(device)
    mean = sd = None
    x = np.where(observed[:, None], values, 0.0).astype(np.float64)
    if record.sd is not None:
        if len(record.mean) == 1 and columns is None:
            x = (x - record.mean) / record.sd
        else:
            x, mean, sd = _relative(x, observed, record, record.sd, device)
    x[~observed] = 0.0
    return ModalityTensors(
        torch.from_numpy(x.astype(np.float32)).to(device),
        None if observed.all() else torch.from_numpy(observed).to(device),
        columns,
        mean,
        sd,
    )


def _relative(
    x: np.ndarray, observed: np.ndarray, record: ModalityRecord, sds: np.ndarray, device: torch.device
) -> tuple[np.ndarray, torch.Tensor, torch.Tensor]:
    """Scale once in float64, and leave each replicate's small difference to float32: nothing is lost to rounding."""
    centre = x[observed].mean(0)
    spread = x[observed].std(0)
    spread[spread == 0] = 1.0
    at_centre, at_spread = centre[None], spread[None]
    if len(record.columns) > 1:
        at_centre, at_spread = centre[record.columns], spread[record.columns]
    mean = torch.from_numpy(((record.mean - at_centre) / at_spread).astype(np.float32)).to(device)
    sd = torch.from_numpy((sds / at_spread).astype(np.float32)).to(device)
    return (x - centre) / spread, mean, sd


def label_tensors(label: Label, train: np.ndarray, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Label and where it is known, (1 or replicates, n_samples); a number is standardised on the training samples."""
    values = label.values[None]
    if label.kind == "continuous":
        means = [[label.values[part & label.labelled].mean()] for part in train]
        sds = [[label.values[part & label.labelled].std() or 1.0] for part in train]
        values = (values - np.array(means)) / np.array(sds)
    filled = np.where(label.labelled[None], values, 0.0).astype(np.float32)
    return torch.from_numpy(filled).to(device), torch.from_numpy(label.labelled[None]).to(device)


def device_data(
    values: Mapping[str, np.ndarray],
    observed: np.ndarray,
    records: tuple[ModalityRecord, ...],
    device: torch.device,
    label: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> DeviceData:
    """All modalities on the device, in the order of the records; ``observed`` (n_samples, n_modalities)."""
    modalities = tuple(
        modality_tensors(values[record.name], observed[:, index], record, device)
        for index, record in enumerate(records)
    )
    return DeviceData(modalities, *(label or (None, None)))
