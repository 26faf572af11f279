"""Log-densities of counts: negative binomial, zero-inflated or not, and Poisson.

In logarithms of mean μ and dispersion θ (variance ``μ + μ²/θ``), with ``d = log μ − log θ``:

    log p(x) = lgamma(x + θ) − lgamma(θ) − lgamma(x + 1) + x·d − (x + θ)·softplus(d)

At x = 0 that is ``−θ·softplus(d)`` exactly, so that lgamma is needed at the counts above 0 only, which are few.
Shapes as in ``likelihoods``: x (replicates, samples, features), log μ (replicates, terms, samples, features),
parameters (replicates, features), results (replicates, terms, samples), in nats.

Source: Lopez et al., Deep generative modeling for single-cell transcriptomics, 2018 (the parametrisation).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

DISPERSION_RANGE = (-10.0, 15.0)  # of log θ: from hardly a count in most samples to Poisson


def log_dispersion(parameter: Tensor) -> Tensor:
    """Log θ within its range, (replicates, 1, 1, features)."""
    return parameter.clamp(*DISPERSION_RANGE)[:, None, None]


def _precise(values: Tensor) -> Tensor:
    """Float64 where the device knows it."""
    return values if values.device.type == "mps" else values.double()


def _log_gammas(x: Tensor, theta: Tensor) -> Tensor:
    """``lgamma(x + θ) − lgamma(θ) − lgamma(x + 1)``; in float64, as the first two may be large and nearly equal."""
    x, theta = _precise(x), _precise(theta)
    return torch.lgamma(x + theta) - torch.lgamma(theta) - torch.lgamma(x + 1.0)


def negative_binomial(x: Tensor, log_mean: Tensor, log_theta: Tensor) -> Tensor:
    """Log-density of each value; all of shapes that fit each other."""
    d = log_mean - log_theta
    theta = log_theta.exp()
    return _log_gammas(x, theta).to(d.dtype) + x * d - (x + theta) * F.softplus(d)


class _Occupied:
    """The counts above 0: where they are, and what stands there in other tensors."""

    def __init__(self, x: Tensor, counted: Tensor | None) -> None:
        at = x > 0 if counted is None else (x > 0) & counted
        self.replicate, self.sample, self.feature = at.nonzero(as_tuple=True)
        self.x = x[self.replicate, self.sample, self.feature].unsqueeze(1)  # (entries, 1)

    def of(self, values: Tensor) -> Tensor:
        """(entries, terms) of (replicates, terms, samples, features)."""
        return values[self.replicate, :, self.sample, self.feature]

    def of_features(self, values: Tensor) -> Tensor:
        """(entries, 1) of (replicates, 1, 1, features)."""
        return values[self.replicate, 0, 0, self.feature].unsqueeze(1)

    def add_to(self, sums: Tensor, values: Tensor) -> Tensor:
        """Add (entries, terms) to sums over features (replicates, terms, samples)."""
        by_sample = sums.transpose(1, 2).contiguous()
        by_sample.index_put_((self.replicate, self.sample), values.to(sums.dtype), accumulate=True)
        return by_sample.transpose(1, 2)


class _NegativeBinomialSum(torch.autograd.Function):
    """Sum over the features, with a backward by hand: the dense part takes softplus and sigmoid alone."""

    @staticmethod
    def forward(ctx: Any, log_mean: Tensor, log_theta: Tensor, x: Tensor, counted: Tensor | None) -> Tensor:
        theta, d = log_theta.exp(), log_mean - log_theta
        softplus = F.softplus(d)
        if counted is not None:
            softplus = softplus * counted.unsqueeze(1)
        occupied = _Occupied(x, counted)
        at_softplus, at_theta = occupied.of(softplus), occupied.of_features(theta)
        values = _log_gammas(occupied.x, at_theta) + occupied.x * (occupied.of(d) - at_softplus)
        ctx.save_for_backward(d, softplus, theta, *([] if counted is None else [counted]))
        ctx.occupied = occupied
        return occupied.add_to(-(softplus * theta).sum(-1), values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        d, softplus, theta, *rest = ctx.saved_tensors
        occupied, outer = ctx.occupied, gradients[0].unsqueeze(-1)
        sigmoid = torch.sigmoid(d)
        if rest:
            sigmoid = sigmoid * rest[0].unsqueeze(1)
        at_outer = gradients[0][occupied.replicate, :, occupied.sample]  # (entries, terms)
        at_theta = occupied.of_features(theta)
        # d/d(d) = x − (x + θ)·sigmoid(d)
        for_d = -(sigmoid * theta) * outer
        rises = occupied.x * (1.0 - occupied.of(sigmoid)) * at_outer
        index = (occupied.replicate, slice(None), occupied.sample, occupied.feature)
        for_d[index] = for_d[index] + rises
        # d/d(log θ) = θ·(digamma(x + θ) − digamma(θ) − softplus(d)) − d/d(d)
        for_theta = -(softplus * theta * outer).sum((1, 2)) - for_d.sum((1, 2))  # (replicates, features)
        digammas = torch.digamma(_precise(occupied.x + at_theta)) - torch.digamma(_precise(at_theta))
        at_features = (at_theta * digammas * at_outer).sum(1).to(for_theta.dtype)
        for_theta = for_theta.index_put((occupied.replicate, occupied.feature), at_features, accumulate=True)
        return for_d, for_theta[:, None, None], None, None


def negative_binomial_sum(x: Tensor, log_mean: Tensor, parameter: Tensor, counted: Tensor | None = None) -> Tensor:
    """Log-density summed over the features that count, (replicates, terms, samples).

    Parameters
    ----------
    x
        Counts (replicates, samples, features).
    log_mean
        (replicates, terms, samples, features).
    parameter
        Log θ of each feature, (replicates, features), taken within its range.
    counted
        (replicates, 1 or samples, features) False for entries that add nothing; None where all count.
    """
    found: Tensor = _NegativeBinomialSum.apply(log_mean, log_dispersion(parameter), x, counted)  # type: ignore[no-untyped-call]
    return found


def zero_inflated(x: Tensor, log_mean: Tensor, log_theta: Tensor, inflation: Tensor) -> Tensor:
    """Log-density of each value where a count is lost, and 0, with probability ``sigmoid(inflation)``."""
    counted = negative_binomial(x, log_mean, log_theta)
    return torch.where(x > 0, counted, torch.logaddexp(inflation, counted)) - F.softplus(inflation)


def zero_inflated_sum(
    x: Tensor, log_mean: Tensor, parameter: Tensor, inflation: Tensor, counted: Tensor | None = None
) -> Tensor:
    """As ``negative_binomial_sum``; ``inflation`` (replicates, features) logits."""
    log_theta, inflation = log_dispersion(parameter), inflation[:, None, None]
    theta, d = log_theta.exp(), log_mean - log_theta
    softplus = F.softplus(d)
    at_zero = torch.logaddexp(inflation.expand_as(d), -theta * softplus)
    above = at_zero - F.softplus(inflation)
    if counted is not None:
        above = torch.where(counted.unsqueeze(1), above, 0.0)
    occupied = _Occupied(x, counted)
    at_theta, at_softplus = occupied.of_features(theta), occupied.of(softplus)
    values = _log_gammas(occupied.x, at_theta) + occupied.x * occupied.of(d) - (occupied.x + at_theta) * at_softplus
    return occupied.add_to(above.sum(-1), values - occupied.of(at_zero))


class _PoissonSum(torch.autograd.Function):
    """``Σ x·log μ − μ``, whose gradient is ``x − μ``."""

    @staticmethod
    def forward(ctx: Any, log_mean: Tensor, x: Tensor, counted: Tensor | None) -> Tensor:
        mean, x = log_mean.exp(), x.unsqueeze(1)
        away = torch.sub(x, mean)
        total = torch.addcmul(mean.neg_(), x, log_mean)
        if counted is not None:
            away, total = away.mul_(counted.unsqueeze(1)), total.mul_(counted.unsqueeze(1))
        ctx.save_for_backward(away)
        return total.sum(-1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (away,) = ctx.saved_tensors
        return away * gradients[0].unsqueeze(-1), None, None


def poisson_sum(x: Tensor, log_mean: Tensor, counted: Tensor | None = None) -> Tensor:
    """``Σ x·log μ − μ − log x!`` over the features that count, (replicates, terms, samples)."""
    occupied = _Occupied(x, counted)
    constant = x.new_zeros(x.shape[:2]).index_put_(
        (occupied.replicate, occupied.sample), torch.lgamma(occupied.x.squeeze(1) + 1.0), accumulate=True
    )
    found: Tensor = _PoissonSum.apply(log_mean, x, counted)  # type: ignore[no-untyped-call]
    return found - constant.unsqueeze(1)
