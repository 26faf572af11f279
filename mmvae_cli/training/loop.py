"""One epoch of training for all replicates at once, each with its own order and noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mmvae_cli.model.batch import Batch
from mmvae_cli.model.elbo import Elbo, Noise, evaluate
from mmvae_cli.model.modality import Dropout
from mmvae_cli.model.objectives import Objective
from mmvae_cli.model.spec import keyed_torch_generator
from mmvae_cli.model.vae import MultimodalVAE
from mmvae_cli.training.diagnose import explain_non_finite
from mmvae_cli.training.hardware import autocast
from mmvae_cli.training.optimiser import ReplicateAdam
from mmvae_cli.training.source import Data

BETA_START = 1e-5


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes
    ----------
    epochs
        At most.
    warmup
        Fraction of the epochs over which beta rises linearly from 1e-5 of its value to it.
    patience
        Epochs after the warm-up without a better score before a replicate stops; 0: train to the end, last weights.
    weights
        Weight of each modality's log-likelihood and of the label's.
    dropout
        Fraction of the inputs set to 0, anew for every sample and step, at the start, where shared latents have
        encoders of their own (both encoders then); it falls linearly to 0 at the last epoch, so that the held-out
        score, which chooses the epoch, chooses it too.
    precision
        dtype of mixed precision, None for float32.
    threads
        CPU threads, None to decide by timing.
    """

    epochs: int
    batch_size: int
    lr: float
    beta: float
    warmup: float
    patience: int
    weights: Mapping[str, float]
    dropout: float = 0.0
    precision: torch.dtype | None = None
    threads: int | None = None

    @property
    def warmup_epochs(self) -> int:
        """Epochs until beta has its value."""
        return max(1, round(self.warmup * self.epochs))

    def dropout_at(self, epoch: int) -> float:
        """Fraction of inputs dropped in an epoch, counted from 0."""
        return self.dropout * (1.0 - epoch / max(1, self.epochs - 1))

    def beta_at(self, epoch: int) -> float:
        """Weight of the KL in an epoch, counted from 0."""
        if self.warmup_epochs == 1:
            return self.beta
        rise = min(1.0, epoch / (self.warmup_epochs - 1))
        return self.beta * (BETA_START + (1.0 - BETA_START) * rise)


class Loop:
    """State of a training run: the model, the optimiser, and which replicates are still in training.

    Parameters
    ----------
    apart
        Whether the replicates' numbers of training samples make different numbers of batches.
    """

    def __init__(
        self,
        model: MultimodalVAE,
        objective: Objective,
        data: Data,
        recipe: Recipe,
        seeds: Sequence[int],
        *,
        apart: bool = False,
    ) -> None:
        self.model, self.objective, self.data, self.recipe, self.seeds = model, objective, data, recipe, list(seeds)
        self.device = next(model.parameters()).device
        self.active = list(range(len(seeds)))
        self.optimiser = ReplicateAdam(model, recipe.lr, apart=apart, wide_layer=objective.wide_layer)
        self.step = 0

    def evaluate(self, batch: Batch, beta: float, noise: Noise, dropout: Dropout | None = None) -> Elbo:
        """Loss of the active replicates on a batch."""
        terms, weights = self.objective.terms(len(self.model.names), self.step), self.recipe.weights
        with autocast(self.device, self.recipe.precision):
            return evaluate(self.model, terms, batch, beta=beta, weights=weights, noise=noise, dropout=dropout)

    def generators(self, epoch: int) -> list[torch.Generator]:
        """Generators of an epoch's noise: one for each active replicate, so that none depends on the others."""
        found = []
        for replicate in self.active:
            seed = keyed_torch_generator(self.seeds[replicate], "noise", epoch).initial_seed()
            found.append(torch.Generator(self.device).manual_seed(seed))
        return found

    def noise(self, generators: Sequence[torch.Generator], counts: Sequence[int]) -> Noise:
        """Noise of a batch, drawn for each replicate's own number of samples: padding uses up no random numbers."""

        def draw(n_terms: int, n_samples: int, n_latents: int) -> Tensor:
            drawn = []
            for generator, count in zip(generators, counts, strict=True):
                own = torch.randn((n_terms, count, n_latents), generator=generator, device=self.device)
                drawn.append(own if count == n_samples else F.pad(own, (0, 0, 0, n_samples - count)))
            return torch.stack(drawn, 1)

        return draw

    def dropout(self, generators: Sequence[torch.Generator], counts: Sequence[int], rate: float) -> Dropout | None:
        """Factors of a batch's inputs, 0 or 1/(1 − rate), drawn as ``noise`` for each replicate's own numbers."""
        n_samples = max(counts)
        if rate == 0 or not self.model.reads_roles:
            return None

        def draw(valid: Tensor) -> Tensor:
            drawn, widest = [], valid.shape[1]
            for generator, count, width in zip(generators, counts, valid.sum(1).tolist(), strict=True):
                kept = torch.rand((count, width), generator=generator, device=self.device) >= rate
                drawn.append(F.pad(kept.float(), (0, widest - width, 0, n_samples - count)))
            return torch.stack(drawn) / (1.0 - rate)

        return draw

    def order(self, rows: Tensor, epoch: int) -> Tensor:
        """Rows of each active replicate in this epoch's order, padding last."""
        shuffled = torch.full_like(rows, -1)
        for local, replicate in enumerate(self.active):
            real = rows[local][rows[local] >= 0]
            seed = self.seeds[0 if self.data.shares_order else replicate]
            shuffled[local, : len(real)] = self.data.shuffled(real, keyed_torch_generator(seed, "order", epoch))
        return shuffled

    def train_epoch(self, rows: Tensor, epoch: int) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """One pass over the training rows: loss, log-likelihoods and KL, means over samples, (replicates,)."""
        beta, generators, size = self.recipe.beta_at(epoch), self.generators(epoch), self.recipe.batch_size
        order, totals = self.order(rows, epoch), (rows >= 0).sum(1).tolist()
        loss, kl = torch.zeros(2, len(self.active), device=self.device)
        log_likelihood: dict[str, Tensor] = {}
        order = order[:, : max(totals)]
        for start, batch in zip(range(0, max(totals), size), self.data.steps(order, size), strict=True):
            chosen = order[:, start : start + size]
            counts = [min(max(n_rows - start, 0), size) for n_rows in totals]
            dropout = self.dropout(generators, counts, self.recipe.dropout_at(epoch))
            elbo = self.evaluate(batch, beta, self.noise(generators, counts), dropout)
            total = elbo.loss.sum()
            at_hand = self.device.type == "cpu" or start + size >= max(totals)
            if at_hand and not bool(torch.isfinite(total)):  # elsewhere, asking at each step would stall the device
                raise explain_non_finite(self.model, batch, epoch)
            self.optimiser.zero_grad()
            torch.autograd.backward(total)
            self.optimiser.step([count > 0 for count in counts])
            self.step += 1
            share = (chosen >= 0).sum(1) / (order >= 0).sum(1)
            loss = loss + share * elbo.loss.detach().float()
            kl = kl + share * elbo.kl.float()
            for name, value in elbo.log_likelihood.items():
                log_likelihood[name] = log_likelihood.get(name, 0.0) + share * value.float()
        return loss, log_likelihood, kl

    def keep(self, local: list[int]) -> None:
        """Go on with some of the active replicates only."""
        self.active = [self.active[index] for index in local]
        self.optimiser.keep(local)
        self.data = self.data.keep(local)
