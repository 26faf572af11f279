"""Decode latents that were changed: for variance explained and loadings."""

from __future__ import annotations

import numpy as np
import torch

from mmvae_cli.model.batch import Batch
from mmvae_cli.pipeline.apply import Applied, in_prediction_unit

MOST_SAMPLES, FEWEST_SAMPLES = 2000, 100
MOST_VALUES = 10_000_000  # samples × features decoded at once; fewer samples where features are many
BATCH = 512  # samples


def _some_of(rows: np.ndarray, n_features: int, generator: np.random.Generator) -> np.ndarray:
    """Rows as many as can be decoded at once, drawn at random where there are more, in their order."""
    most = min(MOST_SAMPLES, max(MOST_VALUES // n_features, FEWEST_SAMPLES))
    return rows if len(rows) <= most else np.sort(generator.choice(rows, most, replace=False))


class LatentDecoder:
    """Decodes a modality from latents of some samples, changed or exchanged for those of other samples.

    Parameters
    ----------
    target
        Index of the modality.
    rows
        Samples, in the internal order; those without the modality do not count.
    generator
        Chooses some where there are more than can be decoded at once.

    Attributes
    ----------
    rows
        The samples.
    latents
        (n_samples, n_latents of the model) joint embeddings.
    covariates
        (n_samples, n_columns); None without any.
    """

    @torch.no_grad()
    def __init__(self, applied: Applied, target: int, rows: np.ndarray, generator: np.random.Generator) -> None:
        self.applied, self.target = applied, target
        rows = rows[applied.observed[rows, target]]
        self.rows = _some_of(rows, applied.run.modalities[target].columns.shape[1], generator)
        batches = [(applied.model.embed(batch)[0], batch.covariates_of(target)) for batch in applied.batches(self.rows)]
        nothing = torch.zeros(0, applied.run.spec.layout.size)
        self.latents = torch.cat([nothing, *(latents for latents, _ in batches)])
        known = [covariates[0] for _, covariates in batches if covariates is not None]
        self.covariates = torch.cat(known) if known else None

    @property
    def owned(self) -> np.ndarray:
        """Latents that the modality's decoder reads."""
        return np.flatnonzero(self.applied.model.owned[self.target, 0].numpy())

    def __call__(self, kept: np.ndarray, order: torch.Tensor, *, covariates: bool) -> np.ndarray:
        """(n_samples, n_features) in the unit of predictions: what is not kept comes from the samples in ``order``."""
        mixed = torch.where(torch.from_numpy(kept), self.latents, self.latents[order])
        told = self.covariates if covariates or self.covariates is None else self.covariates[order]
        return self.decoded(mixed, told)

    @torch.no_grad()
    def decoded(self, latents: torch.Tensor, covariates: torch.Tensor | None) -> np.ndarray:
        """(n_samples, n_features) in the unit of predictions, of latents (n_samples, n_latents of the model)."""
        model, record = self.applied.model, self.applied.run.modalities[self.target]
        parts = []
        for start in range(0, len(latents), BATCH):
            part = latents[None, start : start + BATCH]
            told = None if covariates is None else covariates[None, start : start + BATCH]
            batch = Batch((), (), part.shape[1], covariates=(told,) * len(model.names))
            parts.append(model.decode(self.target, batch, part)[0].double().numpy())
        return in_prediction_unit(np.concatenate(parts), record, self.applied.replicate, scaled=True)
