"""What a model does not know of its prediction: draws from the posterior, and the noise of every feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmvae_cli.model.batch import Batch
from mmvae_cli.model.experts import PosteriorDraw
from mmvae_cli.model.vae import MultimodalVAE

N_DRAWS = 64  # a power of 2, for which Sobol points are balanced


def posterior_draws(model: MultimodalVAE, n_draws: int = N_DRAWS) -> list[PosteriorDraw]:
    """Return points that stand for standard normal latents, and for which source is looked at.

    They are the same for all samples, so that a prediction depends on its own sample alone; and they fill the space
    evenly, so that a few dozen do for what takes some hundred random draws.

    Source: Owen, Scrambling Sobol' and Niederreiter-Xing points, 1998.
    """
    n_latents, n_modalities = len(model.shared), len(model.names)
    engine = torch.quasirandom.SobolEngine(n_latents + n_modalities, scramble=True, seed=0)  # type: ignore[no-untyped-call]
    points = engine.draw(n_draws, dtype=torch.float64).clamp(1e-6, 1 - 1e-6)
    device = model.shared.device
    noise = torch.special.ndtri(points[:, :n_latents]).float().to(device)
    priority = points[:, n_latents:].float().to(device)
    return [PosteriorDraw(*draw) for draw in zip(noise, priority, strict=True)]


@dataclass(frozen=True)
class PredictiveMoments:
    """Mean and variance of predictions, (replicates, samples, features), in the model's unit."""

    mean: Tensor
    variance: Tensor


@torch.no_grad()
def predictive_moments(
    model: MultimodalVAE, batch: Batch, sources: Sequence[int], target: int, draws: Sequence[PosteriorDraw]
) -> PredictiveMoments:
    """Moments of a modality given the observed sources.

    ``variance = E[noise] + Var[decoded mean]`` over the draws, the law of total variance. Latents that no source
    fills, such as the private block of the target, are drawn from the prior.

    Returns
    -------
    nan for samples without a source, and for features that other modalities do not predict.
    """
    networks = model.networks(target)
    scorer = model.scorer(target, batch) if target in sources else model.cross_scorer(target, batch)
    means, sds, usable = model.encode(batch)
    chosen = torch.zeros(len(usable), dtype=torch.bool, device=usable.device)
    chosen[list(sources)] = True
    usable = usable & chosen[:, None, None, None]
    first = total = squares = noise = torch.zeros(())
    for index, draw in enumerate(draws):
        latents = model.as_owned(target, model.rule.draw(means, sds, usable, draw))
        mean = networks.likelihood.mean(scorer.outputs(latents).to(latents.dtype), scorer.parameters)
        first = mean if index == 0 else first  # taken out, so that squares of large values do not cancel
        total, squares = total + (mean - first), squares + (mean - first).square()
        noise = noise + networks.likelihood.variance(mean, scorer.parameters)
    n_draws = len(draws)
    away = total / n_draws
    mean, variance = first + away, noise / n_draws + (squares / n_draws - away.square()).clamp(min=0.0)
    if scorer.features is not None:
        mean, variance = scorer.features.spread(mean), scorer.features.spread(variance)
    known = batch.observed_mask()[list(sources)].any(0).unsqueeze(-1)
    return PredictiveMoments(torch.where(known, mean, torch.nan), torch.where(known, variance, torch.nan))
