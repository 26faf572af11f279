"""How far each encoder is to be trusted in the joint embedding, found on validation samples.

Precisions are learned on training samples, where an encoder that is overfitted seems as sure as one that is not.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mmvae_cli.data.evenly import evenly
from mmvae_cli.model.batch import Batch
from mmvae_cli.model.vae import MultimodalVAE
from mmvae_cli.training.source import Data
from mmvae_cli.training.validation import EVALUATION_BATCH

MOST_SAMPLES, FEWEST_SAMPLES = 1000, 10
SURE = 3.0  # standard errors by which a change must be better
LEAST = 2.0**-6  # factor of a precision


@torch.no_grad()
def calibrate(model: MultimodalVAE, data: Data, rows: Tensor, variances: list[Tensor]) -> None:
    """Set the ``trust`` of a model: one factor for each encoder and replicate, the largest of which is 1.

    From 1 for all, the factor that helps most is halved, again and again, as long as what the joint embedding says of
    validation samples with two modalities or more gets better by more than three standard errors. The score is that of
    early stopping (``training.validation``), of a sample: per value, mean over its modalities.

    Parameters
    ----------
    rows
        (replicates, samples) validation samples, padded with -1.
    variances
        Per modality (replicates, features), of the training samples.
    """
    if not (model.rule.calibrated and model.spec.joint == "calibrated") or len(model.names) < 2:
        return
    rows = rows[:, torch.from_numpy(evenly(rows.shape[1], MOST_SAMPLES)).to(rows.device)]
    (best,) = _scores(model, data, rows, variances, [model.trust])
    while True:
        candidates = [_halved(model.trust, modality) for modality in range(len(model.names))]
        found = _scores(model, data, rows, variances, candidates)
        gains = torch.stack([_gain(one, best) for one in found])  # (modalities, replicates)
        allowed = torch.stack(candidates).amin(1) >= LEAST
        gain, which = torch.where(allowed, gains, 0.0).max(0)
        if not (gain > 0).any():
            return
        for replicate in (gain > 0).nonzero().flatten().tolist():
            model.trust[:, replicate] = candidates[which[replicate]][:, replicate]
            best[replicate] = found[which[replicate], replicate]


def _halved(trust: Tensor, modality: int) -> Tensor:
    """Factors of which one is halved, scaled so that the largest is 1."""
    changed = trust.clone()
    changed[modality] /= 2.0
    return changed / changed.amax(0)


def _gain(scores: Tensor, best: Tensor) -> Tensor:
    """(replicates,) mean gain over samples, 0 where it is not sure."""
    gains = scores - best
    count = (~gains.isnan()).sum(1)
    mean = gains.nanmean(1)
    variance = (gains - mean.unsqueeze(1)).square().nansum(1) / (count - 1).clamp(min=1)
    sure = (count >= FEWEST_SAMPLES) & (mean > SURE * (variance / count).sqrt())
    return torch.where(sure, mean, 0.0)


def _scores(
    model: MultimodalVAE, data: Data, rows: Tensor, variances: list[Tensor], candidates: Sequence[Tensor]
) -> Tensor:
    """(candidates, replicates, samples) score of what the joint embedding says with each of these ``trust``.

    nan for samples of fewer than two modalities, and for padding.
    """
    parts = []
    for batch in data.batches(rows, EVALUATION_BATCH):
        encoded = model.encode(batch)
        embeddings = [model.joint_latents(encoded, trust=trust) for trust in candidates]
        parts.append(torch.stack([_of_batch(model, batch, latents, variances) for latents in embeddings]))
    return torch.cat(parts, -1)


def _of_batch(model: MultimodalVAE, batch: Batch, latents: Tensor, variances: list[Tensor]) -> Tensor:
    """(replicates, samples) mean over the modalities of a sample."""
    observed = batch.observed_mask()
    scores = torch.stack([_of_modality(model, batch, latents, target, each) for target, each in enumerate(variances)])
    mean = torch.where(observed, scores, torch.nan).nanmean(0)
    return torch.where(observed.sum(0) > 1, mean, torch.nan)


def _of_modality(model: MultimodalVAE, batch: Batch, latents: Tensor, target: int, variance: Tensor) -> Tensor:
    """(replicates, samples) as ``validation.HeldOut.score`` for one modality and sample, per known value."""
    known = batch.known_entries(target)
    n_values = variance.shape[1] if known is None else known.sum(-1).clamp(min=1)
    if not model.networks(target).likelihood.has_scale:
        own = model.as_owned(target, latents).unsqueeze(1)
        return model.log_likelihood(target, batch, own).squeeze(1) / n_values
    errors = (batch.clean(target) - model.decode(target, batch, latents)).square() / variance.unsqueeze(1)
    counted = variance.unsqueeze(1) > 0 if known is None else known & (variance.unsqueeze(1) > 0)
    return -0.5 * torch.where(counted, errors, 0.0).sum(-1) / n_values
