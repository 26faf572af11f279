"""The training data on the device, and the batches the engine is fed with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mmvae_cli.model.batch import Batch


def _of(tensor: Tensor | None, replicates: Sequence[int]) -> Tensor | None:
    """Rows of some replicates, (replicates, …); what all replicates share, a single row, stays."""
    return tensor if tensor is None or tensor.shape[0] == 1 else tensor[list(replicates)]


@dataclass(frozen=True)
class ModalityTensors:
    """One modality on the device: stored once, however many replicates look at it.

    Attributes
    ----------
    x
        (samples, features) transformed values, 0 in unobserved rows.
    observed
        (samples,) True where the modality is observed; None where it is for all samples.
    columns
        (replicates, chosen features) the features each replicate sees; None where all see all.
    mean, sd
        (1 or replicates, chosen features), applied to what is taken; None where ``x`` is scaled already.
    """

    x: Tensor
    observed: Tensor | None
    columns: Tensor | None = None
    mean: Tensor | None = None
    sd: Tensor | None = None

    def take(self, rows: Tensor) -> Tensor:
        """Values (replicates, samples, chosen features) of rows (replicates, samples)."""
        taken = self.x[rows] if self.columns is None else self.x[rows.unsqueeze(-1), self.columns.unsqueeze(1)]
        if self.mean is None or self.sd is None:
            return taken
        return (taken - self.mean.unsqueeze(1)) / self.sd.unsqueeze(1)

    def keep(self, replicates: Sequence[int]) -> ModalityTensors:
        """Only some replicates' view."""
        columns = None if self.columns is None else self.columns[list(replicates)]
        return replace(self, columns=columns, mean=_of(self.mean, replicates), sd=_of(self.sd, replicates))


@dataclass(frozen=True)
class DeviceData:
    """All modalities, and the label where it is learned.

    Attributes
    ----------
    modalities
        In the model's order.
    label, labelled
        (1 or replicates, samples) codes or scaled numbers, and where they are known; None where no label is learned.
    """

    modalities: tuple[ModalityTensors, ...]
    label: Tensor | None = None
    labelled: Tensor | None = None

    def batch(self, rows: Tensor) -> Batch:
        """Batch of rows (replicates, samples); a row of -1 is padding that counts nowhere."""
        present = rows >= 0
        padded = not bool(present.all())
        at = rows.clamp(min=0)
        observed: list[Tensor | None] = []
        for modality in self.modalities:
            mask = None if modality.observed is None else modality.observed[at]
            if padded:
                mask = present if mask is None else mask & present
            observed.append(mask)
        n_samples: int | Tensor = present.sum(1).clamp(min=1) if padded else rows.shape[1]
        x = tuple(modality.take(at) for modality in self.modalities)
        if self.label is None or self.labelled is None:
            return Batch(x, tuple(observed), n_samples)
        label = self.label.expand(len(rows), -1).gather(1, at).unsqueeze(-1)
        labelled = self.labelled.expand(len(rows), -1).gather(1, at) & present
        return Batch(x, tuple(observed), n_samples, label, labelled)

    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]:
        """Batches of at most ``size`` samples, in the order of ``rows`` (replicates, samples)."""
        for start in range(0, rows.shape[1], size):
            yield self.batch(rows[:, start : start + size])

    def keep(self, replicates: Sequence[int]) -> DeviceData:
        """Only some replicates' view."""
        modalities = tuple(modality.keep(replicates) for modality in self.modalities)
        return DeviceData(modalities, _of(self.label, replicates), _of(self.labelled, replicates))


def padded_rows(rows: Sequence[Sequence[int]], device: torch.device | str = "cpu") -> Tensor:
    """Row lists of the replicates as one (replicates, longest) tensor, padded with -1."""
    longest = max((len(one) for one in rows), default=0)
    table = torch.full((len(rows), longest), -1, dtype=torch.long)
    for replicate, one in enumerate(rows):
        table[replicate, : len(one)] = torch.as_tensor(list(one), dtype=torch.long)
    return table.to(device)
