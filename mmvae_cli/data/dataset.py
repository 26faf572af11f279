"""What was read from the input: modalities with their own samples, and the samples' labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
from scipy import sparse

Matrix: TypeAlias = np.ndarray | sparse.csr_matrix


@dataclass(frozen=True)
class Modality:
    """One modality as it was read: its own samples, in its own order.

    Attributes
    ----------
    name
        The file's own name of the modality.
    values
        (n_own_samples, n_features) float32, dense or CSR; ``nan`` where an entry is missing.
    obs, var
        Annotations; the index holds the names of the samples and of the features, both unique.
    layer
        The layer the values come from; None for ``X``.
    """

    name: str
    values: Matrix
    obs: pd.DataFrame
    var: pd.DataFrame
    layer: str | None = None

    @property
    def n_features(self) -> int:
        """How many features the modality has."""
        return int(self.values.shape[1])


@dataclass(frozen=True)
class Dataset:
    """The modalities that were asked for, and the samples of the whole file.

    Attributes
    ----------
    modalities
        By name, in the order of the file (or of ``--modalities``).
    obs
        Annotations of all samples; the index is the union of the samples of all modalities
        of the file, in the file's order.
    annotations
        The own ``obs`` of every modality of the file, by name; also of those that were not asked for
        (a label may stand there), and with the index not aligned to ``obs``.
    uns
        What this tool wrote into ``uns`` before, by key (``{"mmvae": {...}}``); empty where nothing was.
    path
        The file the data came from; None for tables and for objects in memory.
    """

    modalities: dict[str, Modality]
    obs: pd.DataFrame
    annotations: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    uns: Mapping[str, object] = field(default_factory=dict)
    path: Path | None = None

    @property
    def sample_names(self) -> np.ndarray:
        """(n_samples,) names of all samples, in the order of the file."""
        return self.obs.index.to_numpy()

    def rows(self, modality: str) -> np.ndarray:
        """Row of each sample of the data set in a modality's own table, (n_samples,); -1 where it is absent."""
        return self.modalities[modality].obs.index.get_indexer(self.obs.index)


@dataclass(frozen=True)
class Results:
    """What earlier commands wrote of each feature, under one key.

    Attributes
    ----------
    record
        What stands in ``uns`` under the key; empty where nothing does.
    var
        Annotations of the features of each modality, in the order of the file.
    loadings, variance
        (n_features, n_latents) by modality: loadings, and shares of the variance; without modalities that have none.
    """

    record: Mapping[str, object]
    var: Mapping[str, pd.DataFrame]
    loadings: Mapping[str, np.ndarray]
    variance: Mapping[str, np.ndarray]
