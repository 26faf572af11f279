"""Held-out scores during training: how well modalities predict each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmvae_cli.model.vae import MultimodalVAE
from mmvae_cli.training.source import Data

EVALUATION_BATCH = 1024  # samples


@dataclass(frozen=True)
class HeldOut:
    """Scores per replicate, (replicates,).

    Attributes
    ----------
    score
        How well modalities predict each other, per value, averaged over the modalities: each from all others, at the
        posterior mean. A modality's own width does not decide what it weighs. Only features that other modalities
        predict are scored. Where the likelihood has a noise scale: −½ squared error, in units of the training variance;
        the scales are learned on training residuals, and too small where these are overfitted, so that the likelihood
        would stop a model while its predictions still improve. Else the log-likelihood in nats.
    r2
        Median over modalities of the median cross R² of the features asked for (a rare feature that is almost
        constant here can have any R²); nan where nothing can be said.
    """

    score: Tensor
    r2: Tensor


class _Sums:
    """Running sums of one modality, over batches: (replicates,) or (replicates, features)."""

    def __init__(self) -> None:
        self.entries: Tensor | float = 0.0
        self.log_likelihood: Tensor | float = 0.0
        self.x: Tensor | float = 0.0
        self.squares: Tensor | float = 0.0
        self.residuals: Tensor | float = 0.0

    def add(self, x: Tensor, predicted: Tensor, counted: Tensor, known: Tensor | None) -> None:
        """Add a batch: values, predictions, known entries (replicates, samples, features), counted without features."""
        at = _entries(x, counted, known)
        x = torch.where(at, x, 0.0)
        residuals = torch.where(at, x - predicted, 0.0)
        self.entries = self.entries + at.sum(1)
        self.x = self.x + x.sum(1)
        self.squares = self.squares + x.square().sum(1)
        self.residuals = self.residuals + residuals.square().sum(1)

    def n_values(self) -> Tensor:
        """How many entries were predicted, (replicates,)."""
        return torch.where(torch.as_tensor(self.residuals).isnan(), 0, torch.as_tensor(self.entries)).sum(-1)

    def errors(self, variance: Tensor) -> Tensor:
        """Sum of squared errors, each in units of the feature's variance, (replicates,)."""
        scaled = torch.as_tensor(self.residuals) / variance
        return torch.where(variance > 0, scaled, torch.nan).nansum(-1)

    def r2(self) -> Tensor:
        """R² of each feature, (replicates, features); nan where it is constant."""
        count = torch.as_tensor(self.entries).clamp(min=1)
        total = torch.as_tensor(self.squares) - torch.as_tensor(self.x).square() / count
        return torch.where(total > 1e-8 * count, 1.0 - torch.as_tensor(self.residuals) / total, torch.nan)


def _entries(x: Tensor, counted: Tensor, known: Tensor | None) -> Tensor:
    """(replicates, samples, features) True for known entries of samples that count."""
    at = counted.unsqueeze(-1).expand_as(x)
    return at if known is None else at & known


@torch.no_grad()
def training_variance(data: Data, rows: Tensor) -> list[Tensor]:
    """Variance of every feature over rows (replicates, samples), by modality (replicates, features)."""
    sums = [torch.zeros(3, 1, 1, dtype=torch.float64) for _ in range(data.n_modalities)]
    for batch in data.batches(rows, EVALUATION_BATCH):
        observed = batch.observed_mask()
        for modality, so_far in enumerate(sums):
            values = batch.values(modality)
            at = _entries(values, observed[modality], batch.known_entries(modality))
            x = torch.where(at, values, 0.0).double()
            sums[modality] = so_far.to(x.device) + torch.stack([at.sum(1), x.sum(1), x.square().sum(1)])
    counts, totals, squares = zip(*(each.unbind() for each in sums), strict=True)
    return [
        (square / count.clamp(min=1) - (total / count.clamp(min=1)).square()).float()
        for count, total, square in zip(counts, totals, squares, strict=True)
    ]


@torch.no_grad()
def held_out(
    model: MultimodalVAE,
    data: Data,
    rows: Tensor,
    variances: Sequence[Tensor],
    focus: tuple[Tensor | None, ...] | None = None,
) -> HeldOut:
    """Score each modality's prediction from all others on the given rows (replicates, samples).

    Parameters
    ----------
    variances
        Per modality (replicates, features), of the training samples; see ``training_variance``.
    focus
        Per modality (1 or replicates, features), the features whose R² is reported; None for all.
    """
    n_modalities = len(model.names)
    sums = [_Sums() for _ in range(n_modalities)]
    has_scale = [model.networks(target).likelihood.has_scale for target in range(n_modalities)]
    for batch in data.batches(rows, EVALUATION_BATCH):
        observed, encoded = batch.observed_mask(), model.encode(batch)
        for target in range(n_modalities):
            sources = [modality for modality in range(n_modalities) if modality != target]
            latents = model.cross_latents(encoded, sources)
            counted = observed[target] & observed[sources].any(0)
            predicted, known = model.decode_cross(target, batch, latents), batch.known_entries(target)
            values = torch.nan_to_num(batch.values(target))
            sums[target].add(values, predicted, counted, known)
            if not has_scale[target]:
                log_likelihood = model.cross_log_likelihood(target, batch, latents)
                sums[target].log_likelihood += torch.where(counted, log_likelihood, 0.0).sum(1)
    scores, r2 = [], []
    for target, total in enumerate(sums):
        n_values = total.n_values()
        score = -0.5 * total.errors(variances[target]) if has_scale[target] else torch.as_tensor(total.log_likelihood)
        scores.append(torch.where(n_values > 0, score / n_values, torch.nan))
        per_feature = total.r2()
        wanted = focus[target] if focus is not None else None
        r2.append((per_feature if wanted is None else torch.where(wanted, per_feature, torch.nan)).nanmedian(-1).values)
    return HeldOut(torch.stack(scores).nanmean(0), torch.stack(r2).nanmedian(0).values)
