"""The values that are not of the kind that others are, and where the first of them is.

One -1 among counts makes all of them continuous values, for which another model is right: it has to be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mmvae_cli.data.dataset import Matrix, Modality
from mmvae_cli.data.kinds import entry_blocks
from mmvae_cli.data.on_disk import blocks

# by kind of values: which (finite) ones are none of it
OUTSIDE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "counts": lambda x: (x < 0) | (x != np.floor(x)),
    "fractions": lambda x: (x < 0) | (x > 1),
    "binary": lambda x: (x != 0) & (x != 1),
}

# by kind: up to which share of the values that are not 0 the others are exceptions. Expected counts (RSEM) are whole
# but for some; methylation is in 0..1 but for what a correction pushed out, while of log-normalised values many are.
FEW = {"counts": 0.05, "fractions": 0.01}


@dataclass(frozen=True)
class OddValues:
    """Values that are not as others are.

    Attributes
    ----------
    kind
        The kind that they are not of; empty where they are odd in another way.
    count, size
        How many they are, and how many values there are in all, missing and infinite ones aside.
    among
        How many values are not 0.
    sample, feature, value
        The first one.
    """

    kind: str
    count: int
    size: int
    among: int
    sample: str
    feature: str
    value: float

    def __str__(self) -> str:
        """Say how many there are, and the first with its place."""
        first = f"the first {self.value:.6g} at sample {self.sample!r}, feature {self.feature!r}"
        return f"{self.count:,} of {self.size:,}, {first}"


def odd_values(modality: Modality, kind: str) -> OddValues | None:
    """Values of a modality that are not of a kind of ``OUTSIDE``, missing and infinite ones aside; None without one."""
    return values_where(modality, OUTSIDE[kind], kind)


def values_where(modality: Modality, is_odd: Callable[[np.ndarray], np.ndarray], kind: str = "") -> OddValues | None:
    """(Finite) values of a modality, of a sparse one the stored ones, for which ``is_odd``; None without one."""
    values = modality.values
    count = among = 0
    size = int(values.shape[0]) * int(values.shape[1])
    first = None
    for start, block in entry_blocks(values):
        finite = np.isfinite(block)
        odd = finite & is_odd(block)
        size -= int((~finite).sum())
        among += int((finite & (block != 0)).sum())
        count += int(odd.sum())
        if first is None and odd.any():
            first = start + int(odd.argmax())
    if first is None:
        return None
    row, column, value = _entry(values, first)
    sample, feature = str(modality.obs.index[row]), str(modality.var.index[column])
    return OddValues(kind, count, size, among, sample, feature, float(value))


def _entry(values: Matrix, place: int) -> tuple[int, int, float]:
    """Row, column and value of an entry, by its place among those that ``entry_blocks`` yields."""
    before = 0
    for part in blocks(values):
        n_entries = part.size if isinstance(part, np.ndarray) else part.nnz
        if place < n_entries:
            break
        place, before = place - n_entries, before + part.shape[0]
    if isinstance(part, np.ndarray):
        row, column = divmod(place, part.shape[1])
        return before + row, column, part[row, column]
    row = int(np.searchsorted(part.indptr, place, "right")) - 1
    return before + row, part.indices[place], part.data[place]


def exceptions(modality: Modality) -> OddValues | None:
    """The few values without which a modality would be counts, or in 0..1; None where there are none, or many."""
    for kind, few in FEW.items():
        odd = odd_values(modality, kind)
        if odd is not None and odd.count <= few * odd.among:
            return odd
    return None
