"""The multimodal VAE: encoders, decoders and likelihoods, and the embeddings and predictions they give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from mmvae_cli.model.batch import Batch
from mmvae_cli.model.chunks import by_chunks
from mmvae_cli.model.experts import POSTERIORS, Pooling, PosteriorRule
from mmvae_cli.model.heads import LinearHead
from mmvae_cli.model.likelihoods import LABEL_LIKELIHOODS
from mmvae_cli.model.modality import Dropout, ModalityNetworks, Scorer, feature_parameters
from mmvae_cli.model.networks import LabelDecoder
from mmvae_cli.model.roles import SharedFeatures, Structure
from mmvae_cli.model.spec import ModelSpec, replicate_generators

Encoded = tuple[Tensor, Tensor, Tensor]  # means, sds, usable: each (modalities, replicates, samples, latents)


def _shared_features(roles: Sequence[Tensor] | None, modality: int, n_replicates: int) -> SharedFeatures | None:
    return None if roles is None else SharedFeatures(roles[modality].expand(n_replicates, -1))


def at_library_size(head: LinearHead, log_size: Tensor | None, n_terms: int) -> LinearHead:
    """Outputs, logs of means or of odds, at the library size of each sample; (replicates, samples) log sizes."""
    if log_size is None:
        return head
    return replace(head, offset=log_size.repeat(1, n_terms).unsqueeze(-1))


class MultimodalVAE(nn.Module):
    """Encoders, decoders and feature parameters of R replicates.

    Parameters
    ----------
    spec
        Shapes and likelihoods.
    seeds
        One per replicate; weights are drawn by (seed, modality name, network).
    roles
        Per modality (1 or replicates, features) True for the features with the role ``shared``; None where features
        have no roles: with a shared path all of them are shared then.
    n_shared
        Shared latents that each replicate uses, at most ``spec.n_shared``; None for all. The others are 0.
    """

    owned: Tensor  # (modalities, replicates, latents) bool
    shared: Tensor  # (latents,) bool
    trust: Tensor  # (modalities, replicates) factors of the encoders' precisions in the joint embedding

    def __init__(
        self,
        spec: ModelSpec,
        seeds: Sequence[int],
        roles: Sequence[Tensor] | None = None,
        n_shared: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.spec, self.has_roles = spec, roles is not None
        self.reads_roles = self.has_roles or spec.shared_path  # whether there are shared encoders
        if roles is None and spec.shared_path:
            roles = [torch.ones(1, modality.n_features, dtype=torch.bool) for modality in spec.modalities]
        self.names = tuple(modality.name for modality in spec.modalities)
        layout, n_latents = spec.layout, spec.layout.size
        used = [spec.n_shared] * len(seeds) if n_shared is None else n_shared
        self.register_buffer("owned", layout.owned(used), persistent=False)
        self.register_buffer("shared", layout.is_shared(), persistent=False)
        self.register_buffer("trust", torch.ones(len(spec.modalities), len(seeds)), persistent=False)
        self.modalities = nn.ModuleList(
            ModalityNetworks(modality, spec, seeds, _shared_features(roles, index, len(seeds)))
            for index, modality in enumerate(spec.modalities)
        )
        if spec.label is not None:
            self.label_likelihood = LABEL_LIKELIHOODS[spec.label.likelihood]
            self.label_decoder = LabelDecoder(n_latents, spec.label.n_outputs, replicate_generators(seeds, "label"))
            self.label_parameters = feature_parameters(self.label_likelihood, 1, len(seeds))

    @property
    def shared_in_use(self) -> Tensor:
        """(replicates, 1, latents) True for the shared latents that a replicate uses."""
        return self.owned[0].unsqueeze(1) & self.shared

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

    def encode(self, batch: Batch, dropout: Dropout | None = None) -> Encoded:
        """Means, sds and usable masks of all encoders, each (modalities, replicates, samples, latents)."""
        encoded, fills = [], []
        for modality in range(len(self.names)):
            networks = self.networks(modality)
            x, size, covariates = batch.clean(modality), batch.log_size(modality), batch.covariates_of(modality)
            encoded.append(networks.encode(x, size, covariates, self.shared, dropout))
            fills.append(~self.shared | networks.fills_shared())  # (1 or replicates, 1, latents)
        means = torch.stack([mean for mean, _ in encoded])
        sds = torch.stack([sd for _, sd in encoded])
        usable = batch.observed_mask().unsqueeze(-1) & self.owned.unsqueeze(2)
        return means, sds, usable & torch.stack([fill.expand(means.shape[1:]) for fill in fills])

    def log_likelihood(
        self, modality: int, batch: Batch, latents: Tensor, *, shared_decoder: bool = False, only_shared: bool = False
    ) -> Tensor:
        """Log-likelihood (replicates, terms, samples), in nats, of latents (replicates, terms, samples, latents)."""
        networks = self.networks(modality)
        scorer = self.scorer(modality, batch, shared_decoder=shared_decoder, only_shared=only_shared)
        x, counted = batch.clean(modality), batch.known_entries(modality)
        if scorer.features is not None:
            valid = scorer.features.valid.unsqueeze(1)
            x, counted = scorer.features.take(x), valid if counted is None else scorer.features.take(counted) & valid
        hidden = scorer.hidden(latents.flatten(1, 2))
        head = at_library_size(scorer.head, batch.log_size(modality), latents.shape[1])
        return by_chunks(networks.likelihood.log_density, x, hidden, head, scorer.parameters, counted)

    def label_log_likelihood(self, batch: Batch, latents: Tensor) -> Tensor:
        """Log-likelihood of the label, shapes as in ``log_likelihood``; rows without a label hold no meaning."""
        label = batch.label if batch.labelled is None else torch.where(batch.labelled.unsqueeze(-1), batch.label, 0.0)  # type: ignore[arg-type]
        hidden = self.label_decoder(latents.flatten(1, 2))
        parameters = dict(self.label_parameters)
        return self.label_likelihood.log_density(label, hidden, self.label_decoder.head, parameters, None)  # type: ignore[arg-type]

    def embed(self, batch: Batch, sources: Sequence[int] | None = None) -> Tensor:
        """Joint embedding (replicates, samples, latents) from the observed sources (default: all modalities).

        The shared block pools the observed sources; each private block comes from its own encoder and is 0 where the
        modality is not observed or not a source.
        """
        return self.joint_latents(self.encode(batch), sources)

    def joint_latents(
        self, encoded: Encoded, sources: Sequence[int] | None = None, trust: Tensor | None = None
    ) -> Tensor:
        """As ``embed``, from ``encode``; precisions count as often as ``trust`` says, by default that of the model."""
        means, sds, usable = encoded
        tempered = sds * (self.trust if trust is None else trust).rsqrt()[:, :, None, None]
        return self._pooled((means, tempered, usable), sources, self.rule.joint[self.spec.joint])

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

    def as_owned(self, modality: int, latents: Tensor) -> Tensor:
        """Latents (replicates, samples, latents) as the modality's decoder sees them: 0 where it does not own them."""
        return torch.where(self.owned[modality].unsqueeze(1), latents, 0.0)

    def decode(self, modality: int, batch: Batch, latents: Tensor) -> Tensor:
        """Mean of a modality (replicates, samples, features) in the model's unit, from the latents it owns.

        Of the batch the covariates alone matter.
        """
        scorer = self.scorer(modality, batch)
        return self._mean(modality, scorer, self.as_owned(modality, latents))

    def decode_cross(self, modality: int, batch: Batch, latents: Tensor) -> Tensor:
        """Mean of a modality that is no source, as ``decode``; nan for features that no other modality predicts."""
        scorer = self.cross_scorer(modality, batch)
        mean = self._mean(modality, scorer, self.as_owned(modality, latents))
        return mean if scorer.features is None else scorer.features.spread(mean)

    def cross_log_likelihood(self, modality: int, batch: Batch, latents: Tensor) -> Tensor:
        """Log-likelihood (replicates, samples), in nats, of the features that other modalities predict."""
        owned = self.as_owned(modality, latents).unsqueeze(1)
        path = self.spec.shared_path
        return self.log_likelihood(modality, batch, owned, shared_decoder=path, only_shared=True).squeeze(1)

    def scorer(self, modality: int, batch: Batch, *, shared_decoder: bool = False, only_shared: bool = False) -> Scorer:
        """Return a way to score a modality in the samples of a batch, see ``objectives.Decode``."""
        covariates = batch.covariates_of(modality)
        return self.networks(modality).scorer(
            self.shared_in_use, covariates, shared_decoder=shared_decoder, only_shared=only_shared
        )

    def cross_scorer(self, modality: int, batch: Batch) -> Scorer:
        """Return how a modality is scored where others encoded."""
        return self.scorer(modality, batch, shared_decoder=self.spec.shared_path, only_shared=True)

    def _mean(self, modality: int, scorer: Scorer, latents: Tensor) -> Tensor:
        return self.networks(modality).likelihood.mean(scorer.outputs(latents).to(latents.dtype), scorer.parameters)

    def predict(self, batch: Batch, sources: Sequence[int], target: int) -> Tensor:
        """Mean of ``target`` given the observed sources, (replicates, samples, features); nan without a source.

        From the target itself or together with others: its private block is included. From others alone: the private
        block is 0, a plug-in and not E[x | x_sources], and features that others do not predict are nan.
        """
        if target in sources:
            predicted = self.decode(target, batch, self.embed(batch, sources))
        else:
            predicted = self.decode_cross(target, batch, self.cross_latents(self.encode(batch), sources))
        any_source = batch.observed_mask()[list(sources)].any(0)
        return torch.where(any_source.unsqueeze(-1), predicted, torch.nan)

    def keep(self, replicates: Sequence[int]) -> None:
        """Drop all other replicates from every parameter."""
        for parameter in self.parameters():
            parameter.data = parameter.data[list(replicates)].clone()
            parameter.grad = None
        self.set_structure(self.structure().of(replicates))

    def structure(self) -> Structure:
        """What of the replicates that are in the model now is no parameter."""
        features = [self.networks(modality).shared_features for modality in range(len(self.names))]
        return Structure(self.owned, features, self.trust)

    def set_structure(self, structure: Structure) -> None:
        """Put back what ``structure`` gave, after the parameters of those replicates."""
        self.owned, self.trust = structure.owned, structure.trust
        for modality, features in enumerate(structure.features):
            self.networks(modality).shared_features = features
