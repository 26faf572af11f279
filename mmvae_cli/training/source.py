"""The training data on the device, and the batches the engine is fed with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from mmvae_cli.model.batch import Batch
from mmvae_cli.training.tables import DenseTable, Table

VALUES_AT_ONCE = 2**23  # of a modality, in batches that are not trained on: 32 MB


def _of(tensor: Tensor | None, replicates: Sequence[int]) -> Tensor | None:
    """Rows of some replicates, (replicates, …); what all replicates share, a single row, stays."""
    return tensor if tensor is None or tensor.shape[0] == 1 else tensor[list(replicates)]


@dataclass(frozen=True)
class ModalityTensors:
    """One modality on the device: stored once, however many replicates look at it.

    Attributes
    ----------
    table
        (samples, features) transformed values; anything in unobserved rows, and 0 for missing entries.
    observed
        (samples,) True where the modality is observed; None where it is for all samples.
    columns
        (replicates, chosen features) the features each replicate sees; None where all see all.
    mean, sd
        (1 or replicates, chosen features), applied to what is taken; None where the table is scaled already.
    weights
        Same shape: values x that are taken become ``log(1 + x w)`` before; None where they are not weighted.
    known
        (samples, features) False for missing entries; None where there are none.
    fill
        (1 or replicates, chosen features) training means, which stand in for missing entries; None for 0, the mean of
        standardised values.
    log_size
        (1 or replicates, samples) log of the library sizes relative to the training median; None without.
    proportional
        Whether values are in proportion to them.
    covariates
        (1 or replicates, samples, columns) as the modality's networks see them; None without.
    """

    table: Table
    observed: Tensor | None
    columns: Tensor | None = None
    mean: Tensor | None = None
    sd: Tensor | None = None
    weights: Tensor | None = None
    known: Tensor | None = None
    fill: Tensor | None = None
    log_size: Tensor | None = None
    proportional: bool = True
    covariates: Tensor | None = None

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        """Values (replicates, samples, chosen features) of rows (replicates, samples), and which of them are known."""
        taken = self.table.take(rows, self.columns)
        if self.weights is not None:
            taken = torch.log1p(taken * self.weights.unsqueeze(1))
        if self.mean is not None and self.sd is not None:
            taken = (taken - self.mean.unsqueeze(1)) / self.sd.unsqueeze(1)
        if self.known is None:
            return taken, None
        known = DenseTable(self.known).take(rows, self.columns)
        stand_in = taken.new_zeros(()) if self.fill is None else self.fill.unsqueeze(1)
        return torch.where(known, taken, stand_in), known

    @property
    def n_features(self) -> int:
        """How many features a replicate sees."""
        return self.table.n_features if self.columns is None else self.columns.shape[1]

    def sizes(self, rows: Tensor) -> Tensor | None:
        """Log of the relative library sizes, (replicates, samples), of rows (replicates, samples)."""
        return None if self.log_size is None else self.log_size.expand(len(rows), -1).gather(1, rows)

    def covariates_of(self, rows: Tensor) -> Tensor | None:
        """Covariates (replicates, samples, columns) of rows (replicates, samples)."""
        if self.covariates is None:
            return None
        of_all = self.covariates.expand(len(rows), -1, -1)
        return of_all.gather(1, rows.unsqueeze(-1).expand(-1, -1, of_all.shape[2]))

    def keep(self, replicates: Sequence[int]) -> ModalityTensors:
        """Only some replicates' view."""
        columns = None if self.columns is None else self.columns[list(replicates)]
        mean, sd, fill, log_size = (_of(each, replicates) for each in (self.mean, self.sd, self.fill, self.log_size))
        kept = replace(self, columns=columns, mean=mean, sd=sd, fill=fill, log_size=log_size)
        return replace(kept, covariates=_of(self.covariates, replicates), weights=_of(self.weights, replicates))


class Data(Protocol):
    """Samples by number, as training and evaluation ask for them."""

    shares_order: bool  # whether all replicates take the samples in one order

    @property
    def n_modalities(self) -> int:
        """How many there are."""

    def batch(self, rows: Tensor) -> Batch:
        """Batch of rows (replicates, samples); a row of -1 is padding that counts nowhere."""

    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]:
        """Batches of at most ``size`` samples, fewer of wide ones, in the order of ``rows`` (replicates, samples)."""

    def steps(self, rows: Tensor, size: int) -> Iterator[Batch]:
        """Batches of ``size`` samples, in the order of ``rows``."""

    def reading_order(self, rows: Tensor) -> Tensor:
        """(samples,) places in ``rows`` (samples,), in the order in which these are read fastest."""

    def shuffled(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Rows (samples,) in random order."""

    def keep(self, replicates: Sequence[int]) -> Data:
        """Only some replicates' view."""


@dataclass(frozen=True)
class DeviceData:
    """All modalities on the device, and the label where it is learned.

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

    shares_order = False

    @property
    def n_modalities(self) -> int:
        """How many there are."""
        return len(self.modalities)

    def reading_order(self, rows: Tensor) -> Tensor:
        """As they are: all are at hand."""
        return torch.arange(len(rows), device=rows.device)

    def shuffled(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """As ``Data``."""
        return rows[torch.randperm(len(rows), generator=generator).to(rows.device)]

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
        x, known = zip(*(modality.take(at) for modality in self.modalities), strict=True)
        log_sizes = tuple(modality.sizes(at) for modality in self.modalities)
        covariates = tuple(modality.covariates_of(at) for modality in self.modalities)
        proportional = tuple(modality.proportional for modality in self.modalities)
        batch = Batch(
            x, tuple(observed), n_samples,
            known=known, log_sizes=log_sizes, proportional=proportional, covariates=covariates,
        )  # fmt: skip
        if self.label is None or self.labelled is None:
            return batch
        label = self.label.expand(len(rows), -1).gather(1, at).unsqueeze(-1)
        return replace(batch, label=label, labelled=self.labelled.expand(len(rows), -1).gather(1, at) & present)

    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]:
        """Batches of at most ``size`` samples, fewer of wide ones, in the order of ``rows`` (replicates, samples)."""
        widest = max(modality.n_features for modality in self.modalities)
        yield from self.steps(rows, max(1, min(size, VALUES_AT_ONCE // max(1, len(rows) * widest))))

    def steps(self, rows: Tensor, size: int) -> Iterator[Batch]:
        """As ``Data``."""
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
