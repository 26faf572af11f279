"""Likelihoods: what a decoder's outputs mean, and the log-density of the data under them.

A log-density is fed with the decoder's last hidden layer and its head, so that a row may compute the head in its own
way. Log-densities are written by hand (``torch.distributions`` takes 2-6 times as long) and tested against it.
Shapes: ``x`` (replicates, samples, features); ``hidden`` (replicates, terms * samples, hidden units), term by term;
the result (replicates, terms, samples), summed over the features, in nats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmvae_cli.model import counts

LOWEST_MEAN = 1e-4  # that a decoder starts from
COUNTS_UNIT = "counts at the median library size of the training samples"
HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)

Head = Callable[[Tensor], Tensor]
Parameters = Mapping[str, Tensor]


@dataclass(frozen=True)
class Likelihood:
    """One row of ``LIKELIHOODS``.

    Attributes
    ----------
    per_value
        Log-density of each value, (…, features), from ``x``, the outputs and the feature parameters; for diagnosis.
    log_density
        The same summed over the features, from ``x``, ``hidden``, ``head``, the feature parameters, and which
        entries count, (replicates, 1 or samples, features), None for all: not padding, and not missing entries.
    mean
        Mean of the data under the outputs (replicates, samples, features) and the feature parameters, in the unit the
        model was trained on.
    variance
        Variance of the data, from that mean (replicates, samples, features) and the feature parameters.
    value_kinds
        Kinds of values it fits, as ``data.kinds.value_kind`` names them.
    feature_parameters
        Learned parameters of each feature and their initial value.
    n_outputs
        Outputs of the decoder for that many features.
    encoder_input
        What the encoder sees of the values, given the log of the relative library sizes, (replicates, samples) or None.
    has_scale
        Whether it has a learned noise scale, see ``training.validation``.
    sized
        Whether values are in proportion to library sizes, which are known: outputs are logs of means at the median one.
    unit
        Unit of the mean; None where it is that of the values.
    base
        From the training means of the features to the outputs that give them, where decoders start.
    """

    per_value: Callable[[Tensor, Tensor, Parameters], Tensor]
    log_density: Callable[[Tensor, Tensor, Head, Parameters, Tensor | None], Tensor]
    mean: Callable[[Tensor, Parameters], Tensor]
    variance: Callable[[Tensor, Parameters], Tensor]
    value_kinds: tuple[str, ...]
    feature_parameters: Mapping[str, float] = field(default_factory=dict)
    n_outputs: Callable[[int], int] = lambda n_features: n_features
    encoder_input: Callable[[Tensor, Tensor | None], Tensor] = lambda x, _: x
    has_scale: bool = False
    sized: bool = False
    unit: str | None = None
    base: Callable[[Tensor], Tensor] | None = None


def _outputs_by_term(x: Tensor, hidden: Tensor, head: Head) -> Tensor:
    """Decoder outputs as (replicates, terms, samples, outputs)."""
    outputs = head(hidden)
    n_samples = x.shape[1]  # terms are counted, not left to -1: there may be no feature at all
    return outputs.view(len(outputs), hidden.shape[1] // n_samples, n_samples, outputs.shape[-1]).to(x.dtype)


def _summed(per_value: Callable[[Tensor, Tensor, Parameters], Tensor]) -> Callable[..., Tensor]:
    """Log-density summed over the features, from the log-density of each value."""

    def log_density(
        x: Tensor, hidden: Tensor, head: Head, parameters: Parameters, counted: Tensor | None = None
    ) -> Tensor:
        values: Tensor = per_value(x.unsqueeze(1), _outputs_by_term(x, hidden, head), parameters)
        return (values if counted is None else torch.where(counted.unsqueeze(1), values, 0.0)).sum(-1)

    return log_density


def _by_feature(parameters: Parameters, name: str) -> Tensor:
    return parameters[name].unsqueeze(1).unsqueeze(1)  # (replicates, 1, 1, features)


def _gaussian_per_value(x: Tensor, outputs: Tensor, parameters: Parameters) -> Tensor:
    sd = F.softplus(_by_feature(parameters, "noise"))
    return -0.5 * ((x - outputs) / sd).square() - sd.log() - HALF_LOG_TWO_PI


class _GaussianSum(torch.autograd.Function):
    """−½ Σ_d ((x − x̂)/σ_d)² with a backward of two passes over the values, where autograd takes five."""

    @staticmethod
    def forward(ctx: Any, outputs: Tensor, x: Tensor, inverse_sd: Tensor, counted: Tensor | None) -> Tensor:
        scaled = (outputs - x).mul_(inverse_sd)  # (replicates, terms, samples, features)
        if counted is not None:
            scaled.mul_(counted)  # 0 here is 0 in every gradient
        ctx.save_for_backward(scaled, inverse_sd)
        norms: Tensor = torch.linalg.vector_norm(scaled, dim=-1)
        return norms.square_().mul_(-0.5)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, Tensor, None]:
        scaled, inverse_sd = ctx.saved_tensors
        weighted = scaled * gradients[0].unsqueeze(-1)
        # d/d(1/σ) of −½ (δ/σ)² is −δ²/σ = −scaled²·σ
        # not einsum: it would bring the features to the front first, which copies both operands
        for_noise = (weighted * scaled).sum((1, 2), keepdim=True).neg_() / inverse_sd
        return weighted.mul_(inverse_sd.neg()), None, for_noise, None


def _gaussian_log_density(
    x: Tensor, hidden: Tensor, head: Head, parameters: Parameters, counted: Tensor | None = None
) -> Tensor:
    sd = F.softplus(_by_feature(parameters, "noise"))
    constant = sd.log() + HALF_LOG_TWO_PI
    if counted is not None:
        counted = counted.unsqueeze(1)  # (replicates, 1, 1 or samples, features)
        constant = torch.where(counted, constant, 0.0)
    outputs = _outputs_by_term(x, hidden, head)
    if counted is not None and counted.shape[2] < x.shape[1]:
        counted = None  # nothing but padding, which has x = 0 and outputs 0
    squares: Tensor = _GaussianSum.apply(outputs, x.unsqueeze(1), sd.reciprocal(), counted)  # type: ignore[no-untyped-call]
    return squares - constant.sum(-1)


def _bernoulli_per_value(x: Tensor, outputs: Tensor, _: Parameters) -> Tensor:
    return x * outputs - F.softplus(outputs)


def _nb_per_value(x: Tensor, outputs: Tensor, parameters: Parameters) -> Tensor:
    return counts.negative_binomial(x, outputs, counts.log_dispersion(parameters["dispersion"]))


def _nb_log_density(
    x: Tensor, hidden: Tensor, head: Head, parameters: Parameters, counted: Tensor | None = None
) -> Tensor:
    return counts.negative_binomial_sum(x, _outputs_by_term(x, hidden, head), parameters["dispersion"], counted)


def _zinb_per_value(x: Tensor, outputs: Tensor, parameters: Parameters) -> Tensor:
    inflation = _by_feature(parameters, "inflation")
    return counts.zero_inflated(x, outputs, counts.log_dispersion(parameters["dispersion"]), inflation)


def _zinb_log_density(
    x: Tensor, hidden: Tensor, head: Head, parameters: Parameters, counted: Tensor | None = None
) -> Tensor:
    outputs = _outputs_by_term(x, hidden, head)
    return counts.zero_inflated_sum(x, outputs, parameters["dispersion"], parameters["inflation"], counted)


def _nb_variance(mean: Tensor, parameters: Parameters) -> Tensor:
    """``μ + μ²/θ``, from (replicates, samples, features)."""
    return mean + mean.square() * torch.exp(-counts.log_dispersion(parameters["dispersion"]).squeeze(1))


def _kept(parameters: Parameters) -> Tensor:
    """Probability that a count is not lost, (replicates, 1, features)."""
    return torch.sigmoid(-parameters["inflation"]).unsqueeze(1)


def _zinb_variance(mean: Tensor, parameters: Parameters) -> Tensor:
    """Of the mixture: ``kept·(μ + μ²/θ) + kept·(1 − kept)·μ²``, from its mean ``kept·μ``."""
    kept = _kept(parameters)
    whole = mean / kept
    return kept * _nb_variance(whole, parameters) + kept * (1.0 - kept) * whole.square()


def _poisson_log_density(x: Tensor, hidden: Tensor, head: Head, _: Parameters, counted: Tensor | None = None) -> Tensor:
    return counts.poisson_sum(x, _outputs_by_term(x, hidden, head), counted)


def _poisson_per_value(x: Tensor, outputs: Tensor, _: Parameters) -> Tensor:
    return x * outputs - outputs.exp() - torch.lgamma(x + 1.0)


def _categorical_per_value(x: Tensor, outputs: Tensor, _: Parameters) -> Tensor:
    classes = x.long().expand(*outputs.shape[:-1], 1)
    return outputs.log_softmax(-1).gather(-1, classes)


def _log_normalised(x: Tensor, log_size: Tensor | None) -> Tensor:
    """``log(1 + x)`` of counts at the median library size, so that the depth of a sample is not seen."""
    return torch.log1p(x if log_size is None else x * torch.exp(-log_size).unsqueeze(-1))


def _presence_rate(x: Tensor, log_size: Tensor | None) -> Tensor:
    """0/1 values divided by the relative library size, if known: sums of rare features do not depend on the depth."""
    return x if log_size is None else x * torch.exp(-log_size).unsqueeze(-1)


def _log_of(mean: Tensor) -> Tensor:
    return mean.clamp(min=LOWEST_MEAN).log()


def _logit_of(mean: Tensor) -> Tensor:
    return mean.clamp(LOWEST_MEAN, 1.0 - LOWEST_MEAN).logit()


LIKELIHOODS: dict[str, Likelihood] = {
    # sd = softplus(noise), one per feature; −1 gives sd 0.31 of a standardised feature at the start
    "gaussian": Likelihood(
        _gaussian_per_value,
        _gaussian_log_density,
        lambda outputs, _: outputs,
        lambda mean, parameters: F.softplus(parameters["noise"]).square().unsqueeze(1).expand_as(mean),
        ("continuous", "fractions", "counts", "binary"),
        {"noise": -1.0},
        has_scale=True,
    ),
    # outputs are logits; where library sizes are known, at the median one: odds of a rare feature grow in proportion
    "bernoulli": Likelihood(
        _bernoulli_per_value,
        _summed(_bernoulli_per_value),
        lambda outputs, _: torch.sigmoid(outputs),
        lambda mean, _: mean * (1.0 - mean),
        ("binary",),
        encoder_input=_presence_rate,
        unit="probability",
        base=_logit_of,
    ),
    # outputs are log rates
    "poisson": Likelihood(
        _poisson_per_value,
        _poisson_log_density,
        lambda outputs, _: torch.exp(outputs),
        lambda mean, _: mean,
        ("counts", "binary"),
        encoder_input=_log_normalised,
        sized=True,
        unit=COUNTS_UNIT,
        base=_log_of,
    ),
    # outputs are logs of means; dispersion = log θ of each feature
    "nb": Likelihood(
        _nb_per_value,
        _nb_log_density,
        lambda outputs, _: torch.exp(outputs),
        _nb_variance,
        ("counts", "binary"),
        {"dispersion": 0.0},
        encoder_input=_log_normalised,
        sized=True,
        unit=COUNTS_UNIT,
        base=_log_of,
    ),
    # as nb; inflation = logit, of each feature, of the probability that a count is lost
    "zinb": Likelihood(
        _zinb_per_value,
        _zinb_log_density,
        lambda outputs, parameters: torch.exp(outputs) * _kept(parameters),
        _zinb_variance,
        ("counts", "binary"),
        {"dispersion": 0.0, "inflation": -2.0},
        encoder_input=_log_normalised,
        sized=True,
        unit=COUNTS_UNIT,
        base=_log_of,
    ),
}

# A label has one column of class codes or numbers; its decoder is linear in the shared latents.
LABEL_LIKELIHOODS: dict[str, Likelihood] = {
    "bernoulli": LIKELIHOODS["bernoulli"],
    "gaussian": LIKELIHOODS["gaussian"],
    "categorical": Likelihood(
        _categorical_per_value,
        _summed(_categorical_per_value),
        lambda outputs, _: outputs.softmax(-1),
        lambda mean, _: mean * (1.0 - mean),
        ("counts",),
    ),
}
