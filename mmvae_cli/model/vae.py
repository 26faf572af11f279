"""The multimodal VAE: encoders, decoders and likelihoods, and the embeddings and predictions they give."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from mmvae_cli.model.batch import Batch
from mmvae_cli.model.experts import POSTERIORS, Pooling, PosteriorRule
from mmvae_cli.model.latents import LatentLayout
from mmvae_cli.model.likelihoods import LABEL_LIKELIHOODS, LIKELIHOODS, Likelihood
from mmvae_cli.model.networks import Decoder, Encoder, LabelDecoder

Encoded = tuple[Tensor, Tensor, Tensor]  # means, sds, usable: each (modalities, replicates, samples, latents)


@dataclass(frozen=True)
class ModalitySpec:
    """What the model needs to know of a modality."""

    name: str
    n_features: int
    n_private: int
    likelihood: str = "gaussian"


@dataclass(frozen=True)
class LabelSpec:
    """What the model needs to know of a label it learns: the likelihood and the number of classes (0: a number)."""

    likelihood: str
    n_classes: int = 0

    @property
    def n_outputs(self) -> int:
        """Outputs of the label decoder: one per class, one logit for two classes, one for a number."""
        return self.n_classes if self.n_classes > 2 else 1


@dataclass(frozen=True)
class ModelSpec:
    """Everything that fixes the networks' shapes; modalities in the internal order, by name."""

    modalities: tuple[ModalitySpec, ...]
    n_shared: int
    posterior: str
    joint: str = "precision"
    label: LabelSpec | None = None
    n_hidden: int = 128

    @property
    def layout(self) -> LatentLayout:
        """The latent blocks."""
        return LatentLayout(tuple(modality.n_private for modality in self.modalities), self.n_shared)


def keyed_torch_generator(seed: int, *names: object) -> torch.Generator:
    """Return a CPU generator that depends on the seed and the names alone, never on an order of drawing."""
    text = "\x1f".join([str(seed), *map(str, names)])
    digest = hashlib.sha256(text.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def _generators(seeds: Sequence[int], *names: str) -> list[torch.Generator]:
    return [keyed_torch_generator(seed, "weights", *names) for seed in seeds]


def _feature_parameters(likelihood: Likelihood, n_features: int, n_replicates: int) -> nn.ParameterDict:
    shape = (n_replicates, n_features)
    return nn.ParameterDict(
        {name: nn.Parameter(torch.full(shape, start)) for name, start in likelihood.feature_parameters.items()}
    )


class ModalityNetworks(nn.Module):
    """What belongs to one modality: encoder, decoder, likelihood and its parameters of each feature."""

    def __init__(self, spec: ModalitySpec, n_latents: int, n_hidden: int, seeds: Sequence[int]) -> None:
        super().__init__()
        self.likelihood = LIKELIHOODS[spec.likelihood]
        n_outputs = self.likelihood.n_outputs(spec.n_features)
        self.encoder = Encoder(spec.n_features, n_hidden, n_latents, _generators(seeds, "encoder", spec.name))
        self.decoder = Decoder(n_latents, n_hidden, n_outputs, _generators(seeds, "decoder", spec.name))
        self.feature = _feature_parameters(self.likelihood, spec.n_features, len(seeds))


class MultimodalVAE(nn.Module):
    """Encoders, decoders and feature parameters of R replicates.

    Parameters
    ----------
    spec
        Shapes and likelihoods.
    seeds
        One per replicate; weights are drawn by (seed, modality name, network).
    """

    owned: Tensor  # (modalities, latents) bool
    shared: Tensor  # (latents,) bool

    def __init__(self, spec: ModelSpec, seeds: Sequence[int]) -> None:
        super().__init__()
        self.spec = spec
        self.names = tuple(modality.name for modality in spec.modalities)
        layout, n_latents = spec.layout, spec.layout.size
        self.register_buffer("owned", layout.owned(), persistent=False)
        self.register_buffer("shared", layout.is_shared(), persistent=False)
        self.modalities = nn.ModuleList(
            ModalityNetworks(modality, n_latents, spec.n_hidden, seeds) for modality in spec.modalities
        )
        if spec.label is not None:
            self.label_likelihood = LABEL_LIKELIHOODS[spec.label.likelihood]
            self.label_decoder = LabelDecoder(n_latents, spec.label.n_outputs, _generators(seeds, "label"))
            self.label_parameters = _feature_parameters(self.label_likelihood, 1, len(seeds))

    def networks(self, modality: int) -> ModalityNetworks:
        """Return the networks of a modality, by its index."""
        return cast("ModalityNetworks", self.modalities[modality])

    @property
    def rule(self) -> PosteriorRule:
        """How encoders are combined."""
        return POSTERIORS[self.spec.posterior]

    @property
    def n_replicates(self) -> int:
        """How many replicates the parameters hold."""
        return int(next(self.parameters()).shape[0])

    def encode(self, batch: Batch) -> Encoded:
        """Means, sds and usable masks of all encoders, each (modalities, replicates, samples, latents)."""
        encoded = []
        for modality in range(len(self.names)):
            networks = self.networks(modality)
            encoded.append(networks.encoder(networks.likelihood.encoder_input(batch.clean(modality))))
        means = torch.stack([mean for mean, _ in encoded])
        sds = torch.stack([sd for _, sd in encoded])
        usable = batch.observed_mask().unsqueeze(-1) & self.owned[:, None, None, :]
        return means, sds, usable

    def log_likelihood(self, modality: int, batch: Batch, latents: Tensor) -> Tensor:
        """Log-likelihood (replicates, terms, samples), in nats, of latents (replicates, terms, samples, latents)."""
        networks = self.networks(modality)
        hidden = networks.decoder(latents.flatten(1, 2))
        return networks.likelihood.log_density(
            batch.clean(modality), hidden, networks.decoder.head, dict(networks.feature)
        )

    def label_log_likelihood(self, batch: Batch, latents: Tensor) -> Tensor:
        """Log-likelihood of the label, shapes as in ``log_likelihood``; rows without a label hold no meaning."""
        label = batch.label if batch.labelled is None else torch.where(batch.labelled.unsqueeze(-1), batch.label, 0.0)  # type: ignore[arg-type]
        hidden = self.label_decoder(latents.flatten(1, 2))
        return self.label_likelihood.log_density(label, hidden, self.label_decoder.head, dict(self.label_parameters))  # type: ignore[arg-type]

    def embed(self, batch: Batch, sources: Sequence[int] | None = None) -> Tensor:
        """Joint embedding (replicates, samples, latents) from the observed sources (default: all modalities).

        The shared block pools the observed sources; each private block comes from its own encoder and is 0 where the
        modality is not observed or not a source.
        """
        return self._pooled(self.encode(batch), sources, self.rule.joint[self.spec.joint])

    def cross_latents(self, encoded: Encoded, sources: Sequence[int]) -> Tensor:
        """Latents (replicates, samples, latents) that predict a modality that is no source, from ``encode``."""
        return self._pooled(encoded, sources, self.rule.cross)

    def _pooled(self, encoded: Encoded, sources: Sequence[int] | None, pooling: Pooling) -> Tensor:
        means, sds, usable = encoded
        if sources is not None:
            chosen = torch.zeros(len(usable), dtype=torch.bool, device=usable.device)
            chosen[list(sources)] = True
            usable = usable & chosen[:, None, None, None]
        return pooling(means, sds, usable)

    def decode(self, modality: int, latents: Tensor) -> Tensor:
        """Mean of a modality (replicates, samples, features) in the model's unit, from the latents it owns."""
        owned = torch.where(self.owned[modality], latents, 0.0)
        networks = self.networks(modality)
        return networks.likelihood.mean(networks.decoder.head(networks.decoder(owned)).to(latents.dtype))

    def predict(self, batch: Batch, sources: Sequence[int], target: int) -> Tensor:
        """Mean of ``target`` given the observed sources, (replicates, samples, features); nan without a source.

        From the target itself or together with others: its private block is included. From others alone: the private
        block is 0, a plug-in and not E[x | x_sources].
        """
        latents = self.embed(batch, sources) if target in sources else self.cross_latents(self.encode(batch), sources)
        any_source = batch.observed_mask()[list(sources)].any(0)
        return torch.where(any_source.unsqueeze(-1), self.decode(target, latents), torch.nan)

    def keep(self, replicates: Sequence[int]) -> None:
        """Drop all other replicates from every parameter."""
        for parameter in self.parameters():
            parameter.data = parameter.data[list(replicates)].clone()
            parameter.grad = None
