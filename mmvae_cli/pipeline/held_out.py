"""Held-out samples as evaluation sees them: their values in the unit of predictions, and the sets of features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from mmvae_cli.data.aligned import Aligned
from mmvae_cli.data.depth import library_sizes
from mmvae_cli.model.likelihoods import LIKELIHOODS
from mmvae_cli.pipeline.apply import in_prediction_unit
from mmvae_cli.training.run import ModalityRecord


class View(Protocol):
    """Data in the internal order, and the replicate that looks at them."""

    @property
    def aligned(self) -> Aligned:
        """Transformed values."""

    @property
    def replicate(self) -> int:
        """Index of the replicate."""


@dataclass(frozen=True)
class ReplicateView:
    """The data and which replicate looks at them, where no model is asked."""

    aligned: Aligned
    replicate: int


def observed_values(view: View, record: ModalityRecord, rows: np.ndarray) -> np.ndarray:
    """(n_rows, features of the replicate) values in the unit of the predictions; nan for features the data lack."""
    names = pd.Index(record.feature_names(view.replicate))
    place = view.aligned.modalities[record.name].var.index.get_indexer(names)
    values = view.aligned.dense(record.name, np.maximum(place, 0), rows).astype(np.float64)
    values[:, place < 0] = np.nan
    if record.weights is not None:
        values = np.log1p(values * record.view(record.weights, view.replicate))
    if record.median_size is not None and LIKELIHOODS[record.likelihood].sized:
        own = library_sizes(view.aligned.modalities[record.name].values[view.aligned.rows[record.name][rows]])
        values *= (record.view(record.median_size, view.replicate) / own)[:, None]
    return in_prediction_unit(values, record, view.replicate, scaled=False)


def feature_sets(view: View, record: ModalityRecord) -> np.ndarray | None:
    """Sets of the replicate's features: selected by label, else the truth of simulated data, else roles."""
    if record.shared_set is not None and record.other_set is not None:
        shared = record.view(record.shared_set, view.replicate)
        return np.where(shared, "shared", "other")
    var = view.aligned.modalities[record.name].var
    if "true_set" in var:
        return var["true_set"].astype(str).reindex(record.feature_names(view.replicate)).to_numpy()
    if record.role_shared is not None:
        return np.where(record.view(record.role_shared, view.replicate), "shared", "other")
    return None
