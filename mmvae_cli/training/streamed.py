"""Training data that stay on disk: a window of samples in memory, the next one read while this one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mmvae_cli.model.batch import Batch
from mmvae_cli.training.source import DeviceData


@dataclass(frozen=True)
class StreamedData:
    """All modalities of all samples, of which those of a window at a time are on the device.

    Attributes
    ----------
    load
        Reads samples (n,), by number: row i of what it gives is the i-th of them.
    place
        (samples,) where each stands in the file: near ones are read together.
    block
        Samples next to each other in the file that stay together when the order is shuffled, up to the window.
    window
        Samples that are in memory together, in an order of their own.
    """

    load: Callable[[np.ndarray], DeviceData]
    place: Tensor
    block: int
    window: int
    n_modalities: int

    shares_order = True

    def batch(self, rows: Tensor) -> Batch:
        """As ``DeviceData.batch``."""
        data, local = self._loaded(rows)
        return data.batch(local)

    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]:
        """As ``DeviceData.batches``."""
        for data, local in self._windows(rows, size):
            yield from data.batches(local, size)

    def steps(self, rows: Tensor, size: int) -> Iterator[Batch]:
        """As ``DeviceData.steps``."""
        for data, local in self._windows(rows, size):
            yield from data.steps(local, size)

    def _windows(self, rows: Tensor, size: int) -> Iterator[tuple[DeviceData, Tensor]]:
        """Windows of whole batches, and where their rows stand in them; the next one is read meanwhile."""
        width = max(1, self.window // size) * size
        windows = [rows[:, start : start + width] for start in range(0, rows.shape[1], width)]
        with ThreadPoolExecutor(1, thread_name_prefix="read") as reading:
            upcoming = [reading.submit(self._loaded, window) for window in windows[:1]]
            for number in range(len(windows)):
                loaded = upcoming.pop().result()
                upcoming += [reading.submit(self._loaded, window) for window in windows[number + 1 : number + 2]]
                yield loaded
                del loaded  # or three windows would be in memory

    def _loaded(self, rows: Tensor) -> tuple[DeviceData, Tensor]:
        """The samples of rows (replicates, samples), and where each of these stands among them; -1 stays."""
        at = rows.cpu().numpy()
        samples = np.unique(at[at >= 0])
        local = np.where(at >= 0, np.searchsorted(samples, at), -1)
        return self.load(samples), torch.from_numpy(local).to(rows.device)

    def reading_order(self, rows: Tensor) -> Tensor:
        """As ``Data``: that of the file."""
        return torch.argsort(self.place[rows.cpu()], stable=True).to(rows.device)

    def shuffled(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Rows (samples,) in random order: blocks of the file are shuffled, then the samples of each window."""
        blocks = torch.split(rows[self.reading_order(rows)], self.block)
        order = torch.cat([blocks[number] for number in torch.randperm(len(blocks), generator=generator).tolist()])
        windows = torch.split(order, self.window)
        return torch.cat([one[torch.randperm(len(one), generator=generator).to(rows.device)] for one in windows])

    def keep(self, replicates: Sequence[int]) -> StreamedData:
        """Only some replicates' view."""
        load = self.load
        return replace(self, load=lambda samples: load(samples).keep(replicates))
