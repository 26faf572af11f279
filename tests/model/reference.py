"""A second implementation of the loss, straight from the rules: slow loops over terms, samples and latents.

It shares nothing with the engine but the parameters: no replicate axis, no masks over terms, no tricks.
Rules 1 to 5 are marked where each is applied.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, NegativeBinomial, Normal, Poisson

from mmvae_cli.model.batch import Batch
from mmvae_cli.model.objectives import Decode, Term
from mmvae_cli.model.vae import MultimodalVAE


def _negative_binomial(log_mean: Tensor, parameters: Mapping[str, Tensor]) -> NegativeBinomial:
    return NegativeBinomial(parameters["dispersion"].exp(), logits=log_mean - parameters["dispersion"])


class ZeroInflated:
    """A count that is lost, and 0, with a probability of its own."""

    def __init__(self, counts: NegativeBinomial, inflation: Tensor) -> None:
        self.counts, self.lost = counts, torch.sigmoid(inflation)

    @property
    def mean(self) -> Tensor:
        return (1 - self.lost) * self.counts.mean

    @property
    def variance(self) -> Tensor:
        return (1 - self.lost) * (self.counts.variance + self.counts.mean**2) - self.mean**2

    def log_prob(self, x: Tensor) -> Tensor:
        probability = (1 - self.lost) * self.counts.log_prob(x).exp() + torch.where(x == 0, self.lost, 0.0)
        return probability.log()


DISTRIBUTIONS = {
    "gaussian": lambda outputs, parameters: Normal(outputs, F.softplus(parameters["noise"])),
    "bernoulli": lambda outputs, _: Bernoulli(logits=outputs),
    "poisson": lambda outputs, _: Poisson(outputs.exp()),
    "nb": lambda outputs, parameters: _negative_binomial(outputs, parameters),
    "zinb": lambda outputs, parameters: ZeroInflated(_negative_binomial(outputs, parameters), parameters["inflation"]),
    "categorical": lambda outputs, _: Categorical(logits=outputs),
}
ENCODER_INPUTS = dict.fromkeys(("poisson", "nb", "zinb"), torch.log1p)


@dataclass(frozen=True)
class Expert:
    """What one encoder says about the latents of one sample: index of the latent → mean and sd."""

    mean: dict[int, Tensor]
    sd: dict[int, Tensor]


class Reference:
    """One replicate of a model and of a batch, evaluated sample by sample."""

    def __init__(self, model: MultimodalVAE, batch: Batch, replicate: int = 0) -> None:
        self.model, self.batch, self.replicate = model, batch, replicate
        self.separate = model.has_roles or model.spec.shared_path
        self.parameters = {name: parameter[replicate] for name, parameter in model.named_parameters()}
        sizes = [modality.n_private for modality in model.spec.modalities]
        self.n_modalities, self.n_latents = len(sizes), sum(sizes) + model.spec.n_shared
        self.shared = [j for j in range(sum(sizes), self.n_latents) if bool(model.owned[0, replicate, j])]
        self.private = [list(range(sum(sizes[:m]), sum(sizes[: m + 1]))) for m in range(len(sizes))]

    def owned(self, modality: int) -> list[int]:
        return self.private[modality] + self.shared

    def decoded(self, decode: Decode) -> list[int]:
        """Latents that a decoder reads."""
        return self.shared if decode.shared_decoder else self.owned(decode.modality)

    def observed(self, modality: int, sample: int) -> bool:
        mask = self.batch.observed[modality]
        return mask is None or bool(mask[self.replicate, sample])

    def known(self, modality: int, sample: int) -> Tensor:
        """(features,) which entries of a sample are known."""
        known = self.batch.known_entries(modality)
        n_features = self.model.spec.modalities[modality].n_features
        return torch.ones(n_features, dtype=torch.bool) if known is None else known[self.replicate, sample]

    def labelled(self, sample: int) -> bool:
        if self.model.spec.label is None or self.batch.label is None:
            return False
        return self.batch.labelled is None or bool(self.batch.labelled[self.replicate, sample])

    def linear(self, name: str, x: Tensor) -> Tensor:
        return x @ self.parameters[f"{name}.weight"] + self.parameters[f"{name}.bias"][0]

    def shared_features(self, modality: int) -> Tensor:
        """Positions of the features with the role ``shared``: all of them where features have no roles."""
        features = self.model.networks(modality).shared_features
        return features.columns[self.replicate][features.valid[self.replicate]]

    def told(self, prefix: str, modality: int, sample: int) -> Tensor:
        """What the covariates of a sample add to the hidden layer of a network, each column by itself."""
        weight, covariates = self.parameters.get(f"{prefix}.effect.weight"), self.batch.covariates_of(modality)
        if weight is None:
            return torch.zeros((), dtype=torch.float64)
        return sum(value * own for value, own in zip(covariates[self.replicate, sample], weight, strict=True))

    def outputs(self, prefix: str, x: Tensor, told: Tensor) -> Tensor:
        """Outputs of an encoder, from as many inputs as there are: the rest of its weights is padding."""
        weight, bias = self.parameters[f"{prefix}.hidden.weight"], self.parameters[f"{prefix}.hidden.bias"][0]
        return self.linear(f"{prefix}.output", F.leaky_relu(x @ weight[: len(x)] + bias + told, 0.01))

    def encode(self, modality: int, sample: int) -> Expert:
        likelihood = self.model.spec.modalities[modality].likelihood
        x = self.batch.x[modality][self.replicate, sample]
        x = ENCODER_INPUTS.get(likelihood, lambda values: values)(x)
        prefixes = [f"modalities.{modality}.{name}" for name in ("encoder", "shared_encoder")]
        outputs = self.outputs(prefixes[0], x, self.told(prefixes[0], modality, sample))
        owned = self.owned(modality)
        if self.separate:  # the shared block comes from an encoder that reads the shared features alone
            chosen = self.shared_features(modality)
            of_shared = self.outputs(prefixes[1], x[chosen], self.told(prefixes[1], modality, sample))
            at = [j + half for half in (0, self.n_latents) for j in self.shared]
            outputs = outputs.clone()
            outputs[at] = of_shared[at]
            if not len(chosen):  # what reads nothing fills nothing
                owned = self.private[modality]
        sds = F.softplus(outputs[self.n_latents :])
        return Expert({j: outputs[j] for j in owned}, {j: sds[j] for j in owned})

    def distribution(self, likelihood: str, prefix: str, outputs: Tensor, width: int | None = None) -> Distribution:
        own = {
            name.removeprefix(prefix): value[:width]
            for name, value in self.parameters.items()
            if name.startswith(prefix)
        }
        return DISTRIBUTIONS[likelihood](outputs, own)

    def log_likelihood(self, decode: Decode, sample: int, latents: Sequence[Tensor]) -> Tensor:
        modality, x = decode.modality, self.batch.x[decode.modality][self.replicate, sample]
        owned = self.decoded(decode)
        seen = torch.stack([latents[j] if j in owned else torch.zeros_like(latents[j]) for j in range(self.n_latents)])
        name, features = ("shared_decoder", "shared_feature") if decode.shared_decoder else ("decoder", "feature")
        outputs = self.decoder_outputs(name, modality, sample, seen)
        if self.model.spec.shared_path and not decode.shared_decoder:  # on top of the shared decoder, taken as given
            given = self.shared_outputs(modality, sample, latents).detach()
            outputs = outputs.index_add(0, self.shared_features(modality), given)
        likelihood = self.model.spec.modalities[modality].likelihood
        if decode.shared_decoder:  # one output for each shared feature, then padding
            x = x[self.shared_features(modality)]
            outputs = outputs[: len(x)]
        distribution = self.distribution(likelihood, f"modalities.{modality}.{features}.", outputs, len(outputs))
        values = distribution.log_prob(x)
        scored = self.known(modality, sample)
        if decode.shared_decoder:
            scored = scored[self.shared_features(modality)]
        if decode.only_shared and self.model.has_roles and not decode.shared_decoder:
            values, scored = values[self.shared_features(modality)], scored[self.shared_features(modality)]
        values = values[scored]  # a missing entry adds nothing
        return values.sum()

    def decoder_outputs(self, name: str, modality: int, sample: int, seen: Tensor) -> Tensor:
        prefix = f"modalities.{modality}.{name}"
        hidden = self.linear(f"{prefix}.hidden", seen) + self.told(prefix, modality, sample)
        return self.linear(f"{prefix}.head", F.leaky_relu(hidden, 0.01))

    def shared_outputs(self, modality: int, sample: int, latents: Sequence[Tensor]) -> Tensor:
        """Outputs of the shared decoder, one for each shared feature."""
        seen = torch.stack([latents[j] if j in self.shared else latents[j] * 0 for j in range(self.n_latents)])
        outputs = self.decoder_outputs("shared_decoder", modality, sample, seen)
        return outputs[: len(self.shared_features(modality))]

    def label_log_likelihood(self, sample: int, latents: Sequence[Tensor]) -> Tensor:
        weight, bias = self.parameters["label_decoder.head.weight"], self.parameters["label_decoder.head.bias"][0]
        outputs = bias + sum(latents[j] * weight[j] for j in self.shared)
        likelihood = self.model.spec.label.likelihood
        value = self.batch.label[self.replicate, sample, 0]
        if likelihood == "categorical":
            return Categorical(logits=outputs).log_prob(value)
        return self.distribution(likelihood, "label_parameters.", outputs[0]).log_prob(value).sum()

    def posterior(self, experts: Sequence[Expert], latent: int) -> tuple[Tensor, Tensor]:
        """Mean and sd of one latent, from the observed encoders of a term that own it."""
        owners = [expert for expert in experts if latent in expert.mean]
        zero, one = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
        if self.model.spec.posterior == "mixture":
            # Rule 5: the encoder's own mean and sd. Rule 1: 0 where it does not own the latent.
            return (owners[0].mean[latent], owners[0].sd[latent]) if owners else (zero, zero)
        precision, weighted = one, zero  # rule 5: the prior expert N(0, 1); rule 1: it alone where there is no other
        for expert in owners:
            of_expert = 1 / (expert.sd[latent] ** 2 + 1e-8)
            precision = precision + of_expert
            weighted = weighted + of_expert * expert.mean[latent]
        return weighted / precision, 1 / precision.sqrt()

    def term_and_sample(
        self, term: Term, sample: int, noise: Tensor | None, beta: float, weights: Mapping[str, float]
    ) -> Tensor:
        """Loss of one sample in one term, before the term's weight and the number of samples."""
        encoding = [m for m in term.encode if self.observed(m, sample)]
        decoding = [decode for decode in term.decodes if self.observed(decode.modality, sample)]
        loss = torch.zeros((), dtype=torch.float64)
        if not encoding or not decoding:  # rule 3: the sample does not count here
            return loss
        experts = [self.encode(m, sample) for m in encoding]
        posterior = [self.posterior(experts, latent) for latent in range(self.n_latents)]
        latents = [mean if noise is None else mean + sd * noise[latent] for latent, (mean, sd) in enumerate(posterior)]
        detached = [value.detach() if latent in self.shared else value for latent, value in enumerate(latents)]
        for decode in decoding:
            name = self.model.names[decode.modality]
            seen = detached if decode.detach_shared else latents
            loss = loss - weights.get(name, 1.0) * self.log_likelihood(decode, sample, seen)
        if self.labelled(sample):
            loss = loss - weights.get("label", 1.0) * self.label_log_likelihood(sample, latents)
        for latent, (mean, sd) in enumerate(posterior):  # rule 2
            inferred = any(latent in expert.mean for expert in experts)
            decoded = any(latent in self.decoded(decode) for decode in term.decodes)
            if inferred and decoded:
                loss = loss + beta * (0.5 * (mean**2 + sd**2 - 1) - sd.log())
        return loss

    def loss(
        self,
        terms: Sequence[Term],
        *,
        noise: Tensor | None = None,  # (terms, samples, latents)
        beta: float = 1.0,
        weights: Mapping[str, float] | None = None,
    ) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for row, term in enumerate(terms):
            for sample in range(self.batch.x[0].shape[1]):
                own = None if noise is None else noise[row, sample]
                total = total + term.weight * self.term_and_sample(term, sample, own, beta, weights or {})
        divisor = self.batch.n_samples
        return total / (divisor if isinstance(divisor, int) else divisor[self.replicate])  # rule 4


def gaussian_log_density(x: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """Log-density of every row of ``x``, in nats, by the formula."""
    centred = x - mean
    quadratic = (centred @ torch.linalg.inv(covariance) * centred).sum(-1)
    return -0.5 * (quadratic + torch.logdet(covariance) + x.shape[-1] * math.log(2 * math.pi))
