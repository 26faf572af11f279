"""The networks of one modality: what encodes it, and what scores it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from mmvae_cli.model.heads import LinearHead
from mmvae_cli.model.likelihoods import LIKELIHOODS, Likelihood
from mmvae_cli.model.networks import Decoder, Encoder
from mmvae_cli.model.roles import SharedFeatures
from mmvae_cli.model.spec import ModalitySpec, ModelSpec, replicate_generators


def feature_parameters(likelihood: Likelihood, n_features: int, n_replicates: int) -> nn.ParameterDict:
    """Parameters of each feature, (replicates, features), at their initial values."""
    shape = (n_replicates, n_features)
    return nn.ParameterDict(
        {name: nn.Parameter(torch.full(shape, start)) for name, start in likelihood.feature_parameters.items()}
    )


Hidden = Callable[[Tensor], Tensor]  # latents (replicates, rows, latents) → last hidden layer, samples term by term
Dropout = Callable[[Tensor], Tensor]  # valid inputs (replicates, inputs) → factors (replicates, samples, inputs)


@dataclass(frozen=True)
class Scorer:
    """One way to score a modality: last hidden layer, head and feature parameters, and the features they are of."""

    hidden: Hidden
    head: LinearHead
    parameters: Mapping[str, Tensor]
    features: SharedFeatures | None = None  # None: all

    def outputs(self, latents: Tensor) -> Tensor:
        """Outputs of the decoder, (replicates, rows, its features), of (replicates, rows, latents)."""
        return self.head(self.hidden(latents))


class ModalityNetworks(nn.Module):
    """What belongs to one modality: encoders, decoders, likelihood and its parameters of each feature.

    With roles, a shared encoder reads the features with the role ``shared`` and fills the shared block; with a
    shared path, a shared decoder of those features has parameters of its own.
    """

    def __init__(
        self, spec: ModalitySpec, model: ModelSpec, seeds: Sequence[int], shared_features: SharedFeatures | None
    ) -> None:
        super().__init__()
        n_latents, n_hidden, name = model.layout.size, model.n_hidden, spec.name
        n_told, n_columns = model.n_covariates if model.condition_encoders else 0, model.n_covariates
        self.likelihood = LIKELIHOODS[spec.likelihood]
        self.shared_features, self.shared_path = shared_features, model.shared_path
        n_outputs = self.likelihood.n_outputs(spec.n_features)
        generators = {role: replicate_generators(seeds, role, name) for role in ("encoder", "decoder")}
        self.encoder = Encoder(spec.n_features, n_hidden, n_latents, generators["encoder"], n_told)
        self.decoder = Decoder(n_latents, n_hidden, n_outputs, generators["decoder"], n_columns)
        self.feature = feature_parameters(self.likelihood, spec.n_features, len(seeds))
        if shared_features is None:
            return
        counts = shared_features.counts
        own = replicate_generators(seeds, "shared encoder", name)
        self.shared_encoder = Encoder(counts, n_hidden, n_latents, own, n_told)
        if model.shared_path:
            own = replicate_generators(seeds, "shared decoder", name)
            outputs = [self.likelihood.n_outputs(count) for count in counts]
            self.shared_decoder = Decoder(n_latents, n_hidden, outputs, own, n_columns)
            self.shared_feature = feature_parameters(self.likelihood, max(counts), len(seeds))

    def scorer(self, shared: Tensor, covariates: Tensor | None, *, shared_decoder: bool, only_shared: bool) -> Scorer:
        """Return a way to score the modality, see ``objectives.Decode``.

        Parameters
        ----------
        shared
            (replicates, 1, latents) True for the shared latents in use, all that a shared decoder sees.
        covariates
            (replicates, samples, columns) of the samples that are scored; None where the model has none.
        """

        def of_shared(latents: Tensor) -> Tensor:
            hidden: Tensor = self.shared_decoder(torch.where(shared, latents, 0.0), covariates)
            return hidden

        features, of_all = self.shared_features, partial(self.decoder, covariates=covariates)
        if shared_decoder:
            return Scorer(of_shared, LinearHead.of(self.shared_decoder.head), dict(self.shared_feature), features)
        if self.shared_path and features is not None and max(features.counts):
            return self._on_top(of_all, of_shared, features)
        if not only_shared or features is None or features.everything:
            return Scorer(of_all, LinearHead.of(self.decoder.head), dict(self.feature))
        full = self.decoder.head
        weight, bias = features.take(full.weight), features.take(full.bias)
        parameters = {key: features.take(value.unsqueeze(1)).squeeze(1) for key, value in self.feature.items()}
        return Scorer(of_all, LinearHead(weight, bias), parameters, features)

    def _on_top(self, of_all: Hidden, of_shared: Hidden, features: SharedFeatures) -> Scorer:
        """The full decoder, whose outputs are added to those of the shared decoder, which are taken as given."""
        own, given = self.decoder.head, self.shared_decoder.head
        weight = torch.cat([own.weight, features.spread(given.weight.detach(), 0.0)], 1)  # as one head, on both layers
        bias = own.bias + features.spread(given.bias.detach(), 0.0)

        def hidden(latents: Tensor) -> Tensor:
            with torch.no_grad():
                below = of_shared(latents)
            return torch.cat([of_all(latents), below], -1)

        return Scorer(hidden, LinearHead(weight, bias), dict(self.feature))

    def encode(
        self,
        x: Tensor,
        log_size: Tensor | None,
        covariates: Tensor | None,
        shared: Tensor,
        dropout: Dropout | None,
    ) -> tuple[Tensor, Tensor]:
        """Means and sds of all latents, each (replicates, samples, latents); ``shared`` marks the shared block."""
        x = self.likelihood.encoder_input(x, log_size)
        if self.shared_features is None:
            return self.encoder(x, covariates)
        taken = self.shared_features.take(x)
        if dropout is not None:
            taken = taken * dropout(self.shared_features.valid)
            x = x * dropout(x.new_ones(len(x), x.shape[2], dtype=torch.bool))
        mean, sd = self.encoder(x, covariates)
        of_shared = self.shared_encoder(taken, covariates)
        return torch.where(shared, of_shared[0], mean), torch.where(shared, of_shared[1], sd)

    def fills_shared(self) -> Tensor | bool:
        """(replicates, 1, 1) True where an encoder has something to read for the shared block."""
        return True if self.shared_features is None else self.shared_features.valid.any(1)[:, None, None]
