"""What the engine is fed with, whatever the data come from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Some samples of every modality, for every replicate its own.

    Attributes
    ----------
    x
        Per modality (replicates, samples, features); what stands in unobserved rows does not matter.
    observed
        Per modality (replicates, samples), True where the sample has the modality; None where all have it.
    label
        (replicates, samples, 1) class codes or numbers; None where there is no label to learn.
    labelled
        (replicates, samples), True where the label is known; None where it is known for all.
    known
        Per modality (replicates, samples, features), False for single entries that are missing, where ``x`` holds a
        stand-in that encoders may read and no likelihood scores; None where all are known. Empty: all None.
    log_sizes
        Per modality (replicates, samples), log of the sample's library size relative to the training median; None where
        library sizes are not known. Empty: all None.
    covariates
        Per modality (replicates, samples, columns), what its networks are told of every sample beside values and
        latents; also of samples that lack the modality. None or empty where there are no covariates.
    proportional
        Per modality, whether values are in proportion to the library size, as counts are and 0/1 values are not.
        Empty: all are.
    n_samples
        Number of samples the loss is divided by: one for all replicates, or (replicates,).
    """

    x: tuple[Tensor, ...]
    observed: tuple[Tensor | None, ...]
    n_samples: int | Tensor
    label: Tensor | None = None
    labelled: Tensor | None = None
    known: tuple[Tensor | None, ...] = ()
    log_sizes: tuple[Tensor | None, ...] = ()
    covariates: tuple[Tensor | None, ...] = ()
    proportional: tuple[bool, ...] = ()

    def observed_mask(self) -> Tensor:
        """(modalities, replicates, samples) True where a modality is observed."""
        return torch.stack(
            [
                torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if mask is None else mask
                for x, mask in zip(self.x, self.observed, strict=True)
            ]
        )

    def known_entries(self, modality: int) -> Tensor | None:
        """(replicates, samples, features) True where an entry is known; None where all are."""
        return self.known[modality] if self.known else None

    def log_size(self, modality: int) -> Tensor | None:
        """(replicates, samples) log of the relative library sizes; None where there are none."""
        return self.log_sizes[modality] if self.log_sizes else None

    def covariates_of(self, modality: int) -> Tensor | None:
        """(replicates, samples, columns) covariates as the modality's networks see them; None where there are none."""
        return self.covariates[modality] if self.covariates else None

    def values(self, modality: int) -> Tensor:
        """Values of a modality in the unit of predictions, counts at the median library size; nan for missing entries.

        What stands in unobserved rows does not matter.
        """
        known, log_size = self.known_entries(modality), self.log_size(modality)
        if self.proportional and not self.proportional[modality]:
            log_size = None
        x = self.x[modality] if log_size is None else self.x[modality] * torch.exp(-log_size).unsqueeze(-1)
        return x if known is None else torch.where(known, x, torch.nan)

    def clean(self, modality: int) -> Tensor:
        """Values of a modality with 0 in unobserved rows, so that nothing in them can reach the result."""
        mask = self.observed[modality]
        return self.x[modality] if mask is None else torch.where(mask.unsqueeze(-1), self.x[modality], 0.0)
