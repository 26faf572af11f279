"""From aligned values to training data on the device: all at once, or window by window where they stay on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from mmvae_cli.config import TrainConfig
from mmvae_cli.data.aligned import Aligned
from mmvae_cli.data.covariates import Covariates
from mmvae_cli.data.dataset import Matrix
from mmvae_cli.data.on_disk import OnDisk
from mmvae_cli.errors import DataError
from mmvae_cli.pipeline.prepared import Prepared
from mmvae_cli.pipeline.tensors import device_data, label_tensors, totals_of, with_covariates
from mmvae_cli.training.run import ModalityRecord
from mmvae_cli.training.source import Data, DeviceData
from mmvae_cli.training.streamed import StreamedData

# A block of 16 rows is read as fast as one of 64, unless the file packs more rows together; 128 blocks in a window mix
# data that are sorted by label so well that training does not tell
FEWEST_IN_BLOCK, MOST_IN_BLOCK = 16, 64
BLOCKS_IN_WINDOW = 128
WINDOW_BYTES = 96 * 2**20  # of one window; two are in memory

Values = Callable[[ModalityRecord, np.ndarray | None], Matrix]


def any_data(
    values: Values,
    aligned: Aligned,
    observed: np.ndarray,
    records: tuple[ModalityRecord, ...],
    device: torch.device,
    label: tuple[torch.Tensor, torch.Tensor] | None = None,
    totals: Mapping[str, np.ndarray] | None = None,
    stand_ins: Mapping[str, np.ndarray] | None = None,
    covariates: Covariates | None = None,
) -> Data:
    """Training data as ``tensors.device_data`` makes them, or a stream of such where values are on disk.

    Parameters
    ----------
    values
        From a record and the numbers of samples (None for all) to their values, as in ``tensors.device_data``.
    """

    def load(samples: np.ndarray | None) -> DeviceData:
        rows = slice(None) if samples is None else samples
        of_samples = None if label is None else (label[0][:, rows], label[1][:, rows])
        sizes = {name: size[rows] for name, size in (totals or {}).items()}
        data = device_data(
            lambda record: values(record, samples), observed[rows], records, device, of_samples, sizes, stand_ins
        )
        return with_covariates(data, covariates, device, samples)

    if not on_disk_modalities(aligned):
        return load(None)
    block, window = _sizes(aligned)
    return StreamedData(load, torch.from_numpy(_places(aligned)), block, window, len(records))


def training_data(prepared: Prepared, config: TrainConfig, device: torch.device) -> Data:
    """What a model is trained on; raises DataError where no training sample has the label to learn."""
    study, label = prepared.study, None
    if config.supervised and study.label is not None:
        if not (study.label.labelled & (study.splits == "train")).any(1).all():
            raise DataError(
                f"no training sample has the label {study.label.name!r}",
                hint="train without --supervised, or split anew",
            )
        label = label_tensors(study.label, study.splits == "train", device)
    totals = totals_of(study.aligned, prepared.records)
    aligned = study.aligned
    return any_data(
        prepared.values,
        aligned,
        aligned.observed,
        prepared.records,
        device,
        label,
        totals,
        covariates=study.covariates,
    )


def on_disk_modalities(aligned: Aligned) -> list[OnDisk]:
    """Values that stay on disk, those with the largest rows first."""
    found = [modality.values for modality in aligned.modalities.values() if isinstance(modality.values, OnDisk)]
    return sorted(found, key=lambda values: -values.row_bytes)


def _sizes(aligned: Aligned) -> tuple[int, int]:
    """Samples in a block, and in a window."""
    found = on_disk_modalities(aligned)
    per_chunk = max(values.rows_per_chunk for values in found)
    block = int(np.clip(per_chunk, FEWEST_IN_BLOCK, MOST_IN_BLOCK))
    fits = int(WINDOW_BYTES / max(sum(values.row_bytes for values in found), 1.0))
    return block, max(min(BLOCKS_IN_WINDOW * block, fits), FEWEST_IN_BLOCK)


def _places(aligned: Aligned) -> np.ndarray:
    """(n_samples,) order of the samples in the modality with the largest rows; those it lacks follow, by the next."""
    sizes = {
        name: modality.values.row_bytes if isinstance(modality.values, OnDisk) else 0.0
        for name, modality in aligned.modalities.items()
    }
    places, free = np.full(len(aligned.names), -1), 0
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        rows = aligned.rows[name]
        new = (places < 0) & (rows >= 0)
        places[new] = free + rows[new]
        free += len(aligned.modalities[name].obs)
    return np.where(places < 0, free, places)
