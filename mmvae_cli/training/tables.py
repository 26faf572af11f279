"""Values of one modality on the device, dense or sparse. What is taken from them is dense, made on that device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Table(Protocol):
    """(samples, features) values."""

    @property
    def n_features(self) -> int:
        """How many features it holds."""

    def take(self, rows: Tensor, columns: Tensor | None = None) -> Tensor:
        """Values (replicates, samples, chosen features) of rows (replicates, samples).

        ``columns`` (replicates, chosen features) are the features each replicate sees; None for all.
        """


@dataclass(frozen=True)
class DenseTable:
    """A table of which every value is stored: ``values`` (samples, features)."""

    values: Tensor

    @property
    def n_features(self) -> int:
        """As ``Table``."""
        return self.values.shape[1]

    def take(self, rows: Tensor, columns: Tensor | None = None) -> Tensor:
        """As ``Table``."""
        return self.values[rows] if columns is None else self.values[rows.unsqueeze(-1), columns.unsqueeze(1)]


@dataclass(frozen=True)
class SparseTable:
    """A table of which, row by row, only the entries are stored that are not 0 in the data.

    Attributes
    ----------
    starts
        (samples + 1,) where the entries of each row begin, and their number at the end.
    features, values
        (entries,) the feature an entry is of, int32, and its value; each feature at most once in a row.
    background
        (features,) values of all other entries: what scaling makes of a 0.
    """

    starts: Tensor
    features: Tensor
    values: Tensor
    background: Tensor

    @property
    def n_features(self) -> int:
        """As ``Table``."""
        return len(self.background)

    def take(self, rows: Tensor, columns: Tensor | None = None) -> Tensor:
        """As ``Table``."""
        row, entry = self._entries(rows)
        # index_select and scatter_: on a CPU they take a third of the time of indexing
        feature, values = self.features.index_select(0, entry).long(), self.values.index_select(0, entry)
        background = self.background
        if columns is not None:
            background = background[columns].unsqueeze(1)  # (replicates, 1, chosen features)
            feature = self._places(columns)[row // rows.shape[1], feature]
            chosen = feature >= 0
            row, feature, values = row[chosen], feature[chosen], values[chosen]
        width = background.shape[-1]
        taken = background.expand(*rows.shape, width).clone(memory_format=torch.contiguous_format)
        taken.view(-1).scatter_(0, row * width + feature, values)
        return taken

    def _entries(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Where the entries of rows stand, and which of the rows, all replicates one after the other, they are of."""
        first = self.starts[rows].flatten()
        lengths = self.starts[rows + 1].flatten() - first
        row = torch.repeat_interleave(lengths)
        before = lengths.cumsum(0) - lengths
        return row, torch.arange(len(row), device=row.device) + (first - before).index_select(0, row)

    def _places(self, columns: Tensor) -> Tensor:
        """(replicates, features) place of a feature among the columns of a replicate, -1 where it is not chosen."""
        places = columns.new_full((len(columns), len(self.background)), -1)
        return places.scatter_(1, columns, torch.arange(columns.shape[1], device=columns.device).expand_as(columns))
