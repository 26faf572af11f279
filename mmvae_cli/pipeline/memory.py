"""How much memory a training will take, from the sizes of what it gets; refused where there is not as much."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mmvae_cli.config import TrainConfig
from mmvae_cli.data.dataset import Matrix
from mmvae_cli.data.on_disk import OnDisk
from mmvae_cli.errors import OutOfMemoryError
from mmvae_cli.model.chunks import is_wide
from mmvae_cli.model.objectives import OBJECTIVES
from mmvae_cli.model.spec import ModelSpec
from mmvae_cli.pipeline.device_tables import table_bytes
from mmvae_cli.pipeline.prepared import Prepared
from mmvae_cli.pipeline.sampling import most_samples
from mmvae_cli.pipeline.streamed import on_disk_modalities
from mmvae_cli.training.memory import free_memory, taken_memory
from mmvae_cli.training.source import VALUES_AT_ONCE
from mmvae_cli.training.validation import EVALUATION_BATCH

log = logging.getLogger("mmvae_cli")

FLOAT = 4  # bytes
WEIGHTS = 6  # of each weight there are: itself, its gradient, two moments of Adam, the best so far, a copy in use
INPUTS = 6  # of a batch's values: as taken, cleaned, as encoders see them, with dropout, twice with a shared encoder
KEPT, WORKING = 2, 5  # of a decoder's outputs: what the backward pass needs, and what there is besides of one decoder
EVALUATED = 14  # of a batch's values where nothing is trained: inputs, predictions, residuals and what is made of them
OF_ENTRY = 24  # bytes for each entry of a sparse modality while it is normalised and screened
GIGABYTE = 1e9
WORTH_SAYING = 0.25 * GIGABYTE


@dataclass(frozen=True)
class Size:
    """How large a modality is; ``n_entries`` those that a sparse one stores, None for a dense one."""

    n_samples: int
    n_features: int
    n_entries: int | None = None

    @staticmethod
    def of(values: Matrix) -> Size:
        """Size of values (n_samples, n_features)."""
        n_samples, n_features = values.shape
        is_dense = isinstance(values, np.ndarray) or (isinstance(values, OnDisk) and values.starts is None)
        return Size(n_samples, n_features, None if is_dense else int(values.nnz))  # type: ignore[union-attr]

    def of_samples(self, most: int) -> Size:
        """Size of some samples."""
        n_samples = min(self.n_samples, most)
        entries = None if self.n_entries is None else self.n_entries * n_samples // max(1, self.n_samples)
        return Size(n_samples, self.n_features, entries)

    @property
    def stored(self) -> int:
        """Bytes of its values."""
        return FLOAT * self.n_samples * self.n_features if self.n_entries is None else 2 * FLOAT * self.n_entries


@dataclass(frozen=True)
class Need:
    """Bytes that a training needs beyond what was read and transformed: of the machine, and of the GPU it uses."""

    machine: int
    gpu: int = 0


def training_need(sizes: Sequence[Size], config: TrainConfig, *, on_gpu: bool = False) -> Need:
    """Estimate what a training on modalities of these sizes needs; all features count as shared ones."""
    tables = sum(table_bytes(size.n_samples, size.n_features, size.n_entries) for size in sizes)
    weights = _weights(sizes, config)
    fitting = (
        tables + WEIGHTS * weights + max(_step(sizes, config, on_gpu=on_gpu), _evaluation(sizes, config.replicates))
    )
    screening = sum(OF_ENTRY * (size.n_entries or 0) for size in sizes)
    using = sum(size.stored for size in sizes) + tables + 2 * weights + _evaluation(sizes, 1)
    return Need(max(screening, using), fitting) if on_gpu else Need(max(screening, fitting, using))


def _weights(sizes: Sequence[Size], config: TrainConfig) -> int:
    """Bytes of the layers that have a weight for each feature."""
    networks = 4 if OBJECTIVES[config.model].shared_path else 2
    n_hidden = ModelSpec((), 1, "mixture").n_hidden
    return FLOAT * config.replicates * networks * n_hidden * sum(size.n_features for size in sizes)


def _step(sizes: Sequence[Size], config: TrainConfig, *, on_gpu: bool) -> int:
    """Bytes of a training step."""
    terms = OBJECTIVES[config.model].terms(len(sizes))
    rows, total, largest = config.replicates * config.batch_size, 0, 0
    for index, size in enumerate(sizes):
        decoded = sum(decode.modality == index for term in terms for decode in term.decodes)
        outputs = 0 if is_wide(rows * decoded * size.n_features, on_gpu=on_gpu) else decoded * size.n_features
        total += INPUTS * size.n_features + KEPT * outputs
        largest = max(largest, outputs)
    return FLOAT * rows * (total + WORKING * largest)


def _evaluation(sizes: Sequence[Size], n_replicates: int) -> int:
    """Bytes while samples are scored or predicted, some at a time."""
    widest = n_replicates * max(size.n_features for size in sizes)
    n_rows = max(1, min(EVALUATION_BATCH, VALUES_AT_ONCE // widest, max(size.n_samples for size in sizes)))
    return FLOAT * EVALUATED * n_rows * widest


def require_memory(prepared: Prepared, config: TrainConfig, device: torch.device) -> None:
    """Say how much memory the training will take at most, where it is not little.

    Raises
    ------
    OutOfMemoryError
        If there is not as much.
    """
    values = {name: modality.values for name, modality in prepared.study.aligned.modalities.items()}
    sizes = [_entering(values[record.name], len(record.features)) for record in prepared.records]
    if on_disk_modalities(prepared.study.aligned):  # what is fitted on a sample takes more than two windows
        sizes = [size.of_samples(most_samples(prepared.study.aligned.modalities.values())) for size in sizes]
    need = training_need(sizes, config, on_gpu=device.type == "cuda")
    taken, free = taken_memory(), free_memory()
    if taken is not None and need.machine + need.gpu > WORTH_SAYING:
        on_gpu = f", {need.gpu / GIGABYTE:.1f} GB of the GPU" if need.gpu else ""
        log.info("memory: about %.1f GB at most%s", (taken + need.machine) / GIGABYTE, on_gpu)
    if free is not None and need.machine > free:
        raise _too_little(need.machine, free, "memory")
    if need.gpu and need.gpu > (free_on_gpu := torch.cuda.mem_get_info(device)[0]):
        raise _too_little(need.gpu, free_on_gpu, "memory of the GPU")


def _entering(values: Matrix, n_features: int) -> Size:
    """Size of the features that enter; entries are taken to be spread evenly."""
    size = Size.of(values)
    entries = None if size.n_entries is None else size.n_entries * n_features // max(1, size.n_features)
    return Size(size.n_samples, n_features, entries)


def _too_little(need: int, free: int, what: str) -> OutOfMemoryError:
    return OutOfMemoryError(
        f"the training needs about {need / GIGABYTE:.1f} GB more {what}, {free / GIGABYTE:.1f} GB are free",
        hint="use --on-disk, fewer features (--shared, --other), --replicates or --batch-size, or a machine with more",
    )
