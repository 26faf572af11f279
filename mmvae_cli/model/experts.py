"""From the encoders' Gaussians to one posterior: product of experts or mixture; and the KL to the prior.

Shapes: ``means``, ``sds`` and ``usable`` are (modalities, replicates, samples, latents); ``usable`` is True where the
modality is observed and owns the latent. ``encode`` names, for each term, the modalities whose encoders it uses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

Encode = tuple[tuple[int, ...], ...]

EPSILON = 1e-8  # added to an expert's variance, as in the reference implementation


@dataclass(frozen=True)
class Posterior:
    """Diagonal Gaussians over the latents, one per term.

    Attributes
    ----------
    mean, sd
        (terms, replicates, samples, latents); sd is 0 where the draw is fixed at its mean.
    inferred
        Same shape: True where an observed encoder of the term owns the latent.
    """

    mean: Tensor
    sd: Tensor
    inferred: Tensor


def _precision(sds: Tensor, usable: Tensor) -> Tensor:
    return torch.where(usable, 1.0 / (sds.square() + EPSILON), 0.0)


@lru_cache(maxsize=64)
def _membership(encode: Encode, n_modalities: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(terms, modalities) 1 where a term uses a modality's encoder."""
    rows = [[float(modality in term) for modality in range(n_modalities)] for term in encode]
    with torch.inference_mode(False):  # kept for later calls, which may need gradients
        return torch.tensor(rows, dtype=dtype, device=device)


def _over_members(encode: Encode, per_modality: Tensor) -> Tensor:
    """Sum over the modalities of each term: (terms, replicates, samples, latents)."""
    member = _membership(encode, len(per_modality), per_modality.dtype, per_modality.device)
    # Mixed precision would round the precisions to 8 bits: a variance near 1, and so the KL, would be lost.
    with torch.autocast(per_modality.device.type, enabled=False):
        return (member @ per_modality.flatten(1)).view(-1, *per_modality.shape[1:])


def product_of_experts(means: Tensor, sds: Tensor, usable: Tensor, encode: Encode) -> Posterior:
    """Product of the observed experts and the prior expert N(0, I).

    Precision 1/(σ² + 1e-8) of each expert plus 1 for the prior; mean Σ(precision·μ)/Σ precision. Where a term has no
    expert for a latent the prior remains, so such latents are drawn from it (0 at the mean).

    Source: Wu and Goodman, Multimodal generative models for scalable weakly-supervised learning, 2018.
    """
    precision = _precision(sds, usable)
    of_experts = _over_members(encode, precision)
    total = 1.0 + of_experts
    weighted = _over_members(encode, torch.where(usable, precision * means, 0.0))
    return Posterior(weighted / total, total.rsqrt(), of_experts > 0)


def mixture_of_experts(means: Tensor, sds: Tensor, usable: Tensor, encode: Encode) -> Posterior:
    """The posterior of the one encoder of each term; latents it does not fill are exactly 0.

    Source: Shi et al., Variational mixture-of-experts autoencoders for multi-modal deep generative models, 2019.
    """
    if any(len(term) != 1 for term in encode):
        raise ValueError("a term with a mixture posterior encodes exactly one modality")
    encoder = [term[0] for term in encode]
    inferred = usable[encoder]
    return Posterior(torch.where(inferred, means[encoder], 0.0), torch.where(inferred, sds[encoder], 0.0), inferred)


@dataclass(frozen=True)
class PosteriorDraw:
    """What turns the encoders' Gaussians into one draw, the same for all samples.

    Attributes
    ----------
    noise
        (latents,) standard normal.
    priority
        (modalities,) from 0 to 1: a mixture looks at the observed source with the highest.
    """

    noise: Tensor
    priority: Tensor


def draw_from_product(means: Tensor, sds: Tensor, usable: Tensor, draw: PosteriorDraw) -> Tensor:
    """Latents (replicates, samples, latents) from the product of all usable experts and the prior."""
    posterior = product_of_experts(means, sds, usable, (tuple(range(len(means))),))
    return posterior.mean[0] + posterior.sd[0] * draw.noise


def draw_from_mixture(means: Tensor, sds: Tensor, usable: Tensor, draw: PosteriorDraw) -> Tensor:
    """Latents (replicates, samples, latents) from one usable encoder; from the prior where no encoder fills them."""
    priority = torch.where(usable, draw.priority[:, None, None, None], -1.0)
    which = priority.argmax(0, keepdim=True)
    drawn = means.gather(0, which) + sds.gather(0, which) * draw.noise
    return torch.where(usable.any(0), drawn[0], draw.noise)


def product_mean(means: Tensor, sds: Tensor, usable: Tensor) -> Tensor:
    """Mean of the product of all usable experts and the prior, (replicates, samples, latents)."""
    return product_of_experts(means, sds, usable, (tuple(range(len(means))),)).mean[0]


def precision_weighted_mean(means: Tensor, sds: Tensor, usable: Tensor) -> Tensor:
    """Mean over the usable encoders, each weighted by its precision; 0 where there is none."""
    precision = _precision(sds, usable)
    total = precision.sum(0)
    weighted = torch.where(usable, precision * means, 0.0).sum(0)
    return torch.where(total > 0, weighted / total.clamp(min=torch.finfo(total.dtype).tiny), 0.0)


def plain_mean(means: Tensor, sds: Tensor, usable: Tensor) -> Tensor:
    """Mean over the usable encoders, each counted once; 0 where there is none."""
    count = usable.sum(0).clamp(min=1)
    return torch.where(usable, means, 0.0).sum(0) / count


Pooling = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class PosteriorRule:
    """How an objective combines encoders.

    Attributes
    ----------
    combine
        The posterior of each term, in training.
    cross
        Latents that predict another modality from several sources.
    joint
        Latents of the joint embedding, by the name of the pooling (``calibrated`` unless the recipe says otherwise).
    draw
        A draw of the latents from several sources.
    calibrated
        Whether ``calibrated`` fits factors of the precisions on held-out samples, see ``training.calibrate``.
    """

    combine: Callable[[Tensor, Tensor, Tensor, Encode], Posterior]
    cross: Pooling
    joint: dict[str, Pooling]
    draw: Callable[[Tensor, Tensor, Tensor, PosteriorDraw], Tensor]
    calibrated: bool


POSTERIORS: dict[str, PosteriorRule] = {
    "product": PosteriorRule(
        product_of_experts,
        product_mean,
        dict.fromkeys(("calibrated", "precision", "mean"), product_mean),
        draw_from_product,
        calibrated=False,
    ),
    "mixture": PosteriorRule(
        mixture_of_experts,
        plain_mean,
        {"calibrated": precision_weighted_mean, "precision": precision_weighted_mean, "mean": plain_mean},
        draw_from_mixture,
        calibrated=True,
    ),
}


def kl_to_prior(mean: Tensor, sd: Tensor, paid: Tensor) -> Tensor:
    """KL(N(mean, sd²) ‖ N(0, 1)) of each latent, in nats; exactly 0, gradient too, where it is not paid.

    ½(μ² + σ² − 1) − log σ. Source: Kingma and Welling, Auto-encoding variational Bayes, 2014.
    """
    # Selected before the logarithm: a where after it would leave 0 · inf = nan in the gradient.
    mean = torch.where(paid, mean, 0.0)
    sd = torch.where(paid, sd, 1.0)
    return 0.5 * (mean.square() + sd.square() - 1.0) - sd.log()
