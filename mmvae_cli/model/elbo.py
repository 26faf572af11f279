"""The engine: the loss of any objective on a batch, from its table of terms.

``loss = Σ_terms weight · Σ_samples (−Σ_decoded w·log-likelihood + β·KL) / number of samples`` in nats.
A sample counts in a term where at least one encoding and one decoded modality are observed. There, each observed
decoded modality adds its log-likelihood, the label its own where it is known, and KL is paid over the latents that an
observed encoding and a decoding modality both own. Everything else is selected away by ``where``: a product with 0
would leave nan gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from mmvae_cli.model.batch import Batch
from mmvae_cli.model.experts import kl_to_prior
from mmvae_cli.model.modality import Dropout
from mmvae_cli.model.objectives import Term
from mmvae_cli.model.vae import MultimodalVAE

Noise = Callable[[int, int, int], Tensor]  # (terms, samples, latents) → (terms, replicates, samples, latents)


@dataclass(frozen=True)
class Elbo:
    """What one evaluation gives, each per replicate and sample of the batch, in nats.

    Attributes
    ----------
    loss
        (replicates,), to be summed over the replicates before ``backward``.
    log_likelihood
        Unweighted, summed over terms, per modality, and under ``LABEL`` for the label: (replicates,).
    kl
        Before β: (replicates,).
    """

    loss: Tensor
    log_likelihood: Mapping[str, Tensor]
    kl: Tensor


LABEL = "label"


@dataclass(frozen=True)
class _Group:
    """The terms that score a modality by the same decoder on the same features: decoded in one product."""

    modality: int
    shared_decoder: bool
    only_shared: bool
    rows: tuple[int, ...]  # terms
    detaches: tuple[bool, ...]  # of each, whether the decoder sees the shared latents detached


@dataclass(frozen=True)
class _Table:
    """A table of terms as index tensors."""

    encode: tuple[tuple[int, ...], ...]
    encodes: Tensor  # (terms, modalities) bool
    decodes: Tensor  # (terms, modalities) bool
    reads_all: Tensor  # (terms, modalities) bool: decoded from the private block too
    groups: tuple[_Group, ...]
    weight: Tensor  # (terms,)


@lru_cache(maxsize=64)
@torch.inference_mode(mode=False)  # kept for later calls, which may need gradients
def _table(terms: tuple[Term, ...], n_modalities: int, has_roles: bool) -> _Table:
    encodes = torch.zeros(len(terms), n_modalities, dtype=torch.bool)
    decodes, reads_all = encodes.clone(), encodes.clone()
    groups: dict[tuple[int, bool, bool], list[tuple[int, bool]]] = {}
    for row, term in enumerate(terms):
        encodes[row, list(term.encode)] = True
        for decode in term.decodes:
            decodes[row, decode.modality] = True
            reads_all[row, decode.modality] |= not decode.shared_decoder
            key = (decode.modality, decode.shared_decoder, decode.only_shared and has_roles)
            groups.setdefault(key, []).append((row, decode.detach_shared))
    weight = torch.tensor([term.weight for term in terms], dtype=torch.float64)
    members = tuple(_Group(*key, *zip(*of_key, strict=True)) for key, of_key in groups.items())
    return _Table(tuple(term.encode for term in terms), encodes, decodes, reads_all, members, weight)


def _seen_by(group: _Group, draws: Tensor, model: MultimodalVAE) -> Tensor:
    """Latents a decoder sees in the terms that use it: (replicates, its terms, samples, latents)."""
    draws = draws if len(group.rows) == len(draws) else draws[list(group.rows)]
    if any(group.detaches):
        at = torch.tensor(group.detaches, device=draws.device)[:, None, None, None] & model.shared
        draws = torch.where(at, draws.detach(), draws)
    owned = model.shared_in_use if group.shared_decoder else model.owned[group.modality].unsqueeze(1)
    return torch.where(owned, draws, 0.0).transpose(0, 1)


def _counted(table: _Table, observed: Tensor) -> Tensor:
    """(terms, replicates, samples) True where a sample counts in a term."""
    flags = observed.flatten(1).to(torch.float32)  # (modalities, replicates * samples)
    encoded = table.encodes.to(flags) @ flags > 0
    decoded = table.decodes.to(flags) @ flags > 0
    return (encoded & decoded).view(-1, *observed.shape[1:])


def evaluate(
    model: MultimodalVAE,
    terms: Sequence[Term],
    batch: Batch,
    *,
    beta: float = 1.0,
    weights: Mapping[str, float] | None = None,
    noise: Noise | None = None,
    dropout: Dropout | None = None,
) -> Elbo:
    """Evaluate an objective on a batch.

    Parameters
    ----------
    model
        The networks; a label is decoded by every term where the model has a label decoder.
    terms
        The objective's terms for the model's modalities.
    batch
        The samples.
    beta
        Weight of the KL.
    weights
        Weight of each modality's log-likelihood, and of the label's under ``LABEL``; 1 where absent.
    noise
        Gives standard normal draws; None evaluates at the posterior mean.
    dropout
        Gives the factors by which inputs of the encoders are multiplied where there are shared encoders; None leaves
        them as they are.
    """
    table, weights = _table(tuple(terms), len(model.names), model.has_roles), weights or {}
    means, sds, usable = model.encode(batch, dropout)
    posterior = model.rule.combine(means, sds, usable, table.encode)
    draws = posterior.mean
    if noise is not None:
        n_terms, _, n_samples, n_latents = draws.shape
        draws = draws + posterior.sd * noise(n_terms, n_samples, n_latents)
    observed = batch.observed_mask()
    counted = _counted(table, observed)
    term_weight = table.weight.to(draws)[:, None]

    def total(log_likelihood: Tensor, rows: list[int], known: Tensor | None) -> tuple[Tensor, Tensor]:
        """Sum over samples of (replicates, terms, samples): plain, and weighted by the terms: (replicates,)."""
        counts = counted[rows] if known is None else counted[rows] & known
        per_term = torch.where(counts.transpose(0, 1), log_likelihood, 0.0).sum(-1)  # (replicates, terms)
        return per_term.sum(1), (per_term * term_weight[rows].T).sum(1)

    kl = _kl(posterior.mean, posterior.sd, posterior.inferred, counted, table, model)
    loss = beta * (kl * term_weight).sum(0)
    log_likelihood = {name: torch.zeros_like(loss) for name in model.names}
    for group in table.groups:
        name, rows = model.names[group.modality], list(group.rows)
        value = model.log_likelihood(
            group.modality, batch, _seen_by(group, draws, model),
            shared_decoder=group.shared_decoder, only_shared=group.only_shared,
        )  # fmt: skip
        plain, weighted = total(value, rows, observed[group.modality])
        log_likelihood[name] = log_likelihood[name] + plain.detach() / batch.n_samples
        loss = loss - weights.get(name, 1.0) * weighted
    if model.spec.label is not None and batch.label is not None:
        shared = torch.where(model.shared_in_use, draws, 0.0).transpose(0, 1)
        plain, weighted = total(model.label_log_likelihood(batch, shared), list(range(len(terms))), batch.labelled)
        log_likelihood[LABEL] = plain.detach() / batch.n_samples
        loss = loss - weights.get(LABEL, 1.0) * weighted
    return Elbo(loss / batch.n_samples, log_likelihood, kl.detach().sum(0) / batch.n_samples)


def _kl(mean: Tensor, sd: Tensor, inferred: Tensor, counted: Tensor, table: _Table, model: MultimodalVAE) -> Tensor:
    """KL of each term summed over samples and the latents it is paid for: (terms, replicates)."""
    decoded = table.reads_all.to(mean.device, torch.float32)
    owned = torch.einsum("tm,mrl->trl", decoded, model.owned.to(torch.float32)) > 0
    owned = owned | model.shared  # every decoder owns the shared block; what no encoder fills is not inferred
    paid = inferred & counted.unsqueeze(-1) & owned.unsqueeze(2)
    return kl_to_prior(mean, sd, paid).sum((-1, -2))
