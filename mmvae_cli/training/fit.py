"""The training loop: R replicates at once, warm-up of beta, early stopping by held-out cross-modal predictions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mmvae_cli.model.objectives import Objective
from mmvae_cli.model.vae import MultimodalVAE
from mmvae_cli.training.calibrate import calibrate
from mmvae_cli.training.hardware import choose_threads, threads_restored
from mmvae_cli.training.loop import Loop, Recipe
from mmvae_cli.training.source import Data
from mmvae_cli.training.validation import HeldOut, held_out, training_variance


@dataclass(frozen=True)
class EpochReport:
    """What happened in an epoch, per replicate still in training.

    Attributes
    ----------
    replicates
        Their indices.
    loss, log_likelihood, kl
        Means over the training samples, in nats.
    validation, r2
        Held-out score and R², empty where nothing is held out.
    """

    epoch: int
    epochs: int
    beta: float
    seconds: float
    replicates: tuple[int, ...]
    loss: list[float]
    log_likelihood: Mapping[str, list[float]]
    kl: list[float]
    validation: list[float] = field(default_factory=list)
    r2: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class FitResult:
    """What training gives; the model itself holds the weights to keep.

    Attributes
    ----------
    score
        Per replicate, higher is better: held-out score at the weights kept, or minus the last loss without one.
    best_epoch
        Epoch of the weights kept, counted from 1.
    threads, device
        What it ran on.
    """

    history: tuple[EpochReport, ...]
    score: tuple[float, ...]
    best_epoch: tuple[int, ...]
    threads: int
    device: str
    seconds: float


class _Best:
    """The weights to keep of every replicate."""

    def __init__(self, model: MultimodalVAE, n_replicates: int) -> None:
        self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self.structure = model.structure()
        self.score = [-float("inf")] * n_replicates
        self.epoch = [0] * n_replicates

    def offer(self, model: MultimodalVAE, active: Sequence[int], scores: Sequence[float], epoch: int) -> None:
        """Take the weights of those active replicates whose score is better than before."""
        better = [(i, r) for i, r in enumerate(active) if scores[i] > self.score[r] or not self.epoch[r]]
        if not better:
            return
        locals_, globals_ = [local for local, _ in better], [r for _, r in better]
        for name, value in model.state_dict().items():
            self.weights[name][globals_] = value[locals_]
        for local, replicate in better:
            self.score[replicate], self.epoch[replicate] = scores[local], epoch + 1

    def restore(self, model: MultimodalVAE) -> None:
        """Put the weights kept into the model, all replicates again."""
        own = dict(model.named_parameters())
        for name, value in self.weights.items():
            own[name].data = value
        model.set_structure(self.structure)


@threads_restored()
def fit(
    model: MultimodalVAE,
    objective: Objective,
    data: Data,
    train_rows: Tensor,
    validation_rows: Tensor | None,
    recipe: Recipe,
    seeds: Sequence[int],
    *,
    focus: tuple[Tensor | None, ...] | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> FitResult:
    """Train all replicates of a model, which holds the weights to keep afterwards.

    Parameters
    ----------
    model, data
        On the same device.
    train_rows, validation_rows
        (replicates, samples), padded with -1; validation may be None.
    seeds
        One per replicate: each has its own order and noise.
    focus
        Features whose R² is reported, see ``held_out``.
    on_epoch
        Called after each epoch.

    Raises
    ------
    DataError
        If the loss is not finite; says which modality and feature.
    """
    started = time.perf_counter()
    n_batches = {-(-n_rows // recipe.batch_size) for n_rows in (train_rows >= 0).sum(1).tolist()}
    loop = Loop(model, objective, data, recipe, seeds, apart=len(n_batches) > 1)
    best, history = _Best(model, len(seeds)), []
    threads = _threads(loop, train_rows)
    variances = [] if validation_rows is None else training_variance(data, train_rows)
    stops = validation_rows is not None and recipe.patience > 0
    for epoch in range(recipe.epochs):
        loss, log_likelihood, kl = loop.train_epoch(train_rows[loop.active], epoch)
        scores = HeldOut(-loss, torch.full_like(loss, torch.nan))
        if validation_rows is not None:
            of_active = [variance[loop.active] for variance in variances]
            scores = held_out(model, loop.data, validation_rows[loop.active], of_active, _kept(focus, loop.active))
        per_modality = {name: value.tolist() for name, value in log_likelihood.items()}
        validation = [] if validation_rows is None else scores.score.tolist()
        report = EpochReport(
            epoch + 1, recipe.epochs, recipe.beta_at(epoch), time.perf_counter() - started, tuple(loop.active),
            loss.tolist(), per_modality, kl.tolist(), validation, scores.r2.tolist() if validation else [],
        )  # fmt: skip
        history.append(report)
        if on_epoch is not None:
            on_epoch(report)
        last = epoch + 1 == recipe.epochs
        if stops and epoch + 1 >= recipe.warmup_epochs:
            best.offer(model, loop.active, _comparable(scores, loss), epoch)
            waiting = [i for i, r in enumerate(loop.active) if epoch + 1 - best.epoch[r] < recipe.patience]
            if not waiting:
                break
            if len(waiting) < len(loop.active):
                loop.keep(waiting)
        elif last:
            best.offer(model, loop.active, _comparable(scores, loss), epoch)
    best.restore(model)
    if validation_rows is not None:
        calibrate(model, data, validation_rows, variances)
    seconds = time.perf_counter() - started
    return FitResult(tuple(history), tuple(best.score), tuple(best.epoch), threads, str(loop.device), seconds)


def _comparable(scores: HeldOut, loss: Tensor) -> list[float]:
    """Held-out score where it is defined (a validation sample has two modalities), else minus the training loss."""
    return torch.where(scores.score.isnan(), -loss, scores.score).tolist()


def _kept(focus: tuple[Tensor | None, ...] | None, active: list[int]) -> tuple[Tensor | None, ...] | None:
    if focus is None:
        return None
    return tuple(mask if mask is None or len(mask) == 1 else mask[active] for mask in focus)


def _threads(loop: Loop, train_rows: Tensor) -> int:
    rows = train_rows[:, : loop.recipe.batch_size]
    batch = loop.data.batch(rows)

    def step() -> None:
        noise = loop.noise(loop.generators(-1), [rows.shape[1]] * len(rows))
        torch.autograd.backward(loop.evaluate(batch, 1.0, noise).loss.sum())
        loop.optimiser.zero_grad()

    spec = loop.model.spec
    n_terms = len(loop.objective.terms(len(spec.modalities)))
    width = sum(modality.n_features for modality in spec.modalities) * spec.n_hidden
    work = 3.0 * n_terms * rows.numel() * width
    return choose_threads(loop.recipe.threads, loop.device, step, work)
