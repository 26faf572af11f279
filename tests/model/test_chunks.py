from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmvae_cli.model import chunks
from mmvae_cli.model.chunks import Chunking, by_chunks
from mmvae_cli.model.elbo import evaluate
from mmvae_cli.model.heads import LinearHead
from mmvae_cli.model.likelihoods import LIKELIHOODS
from mmvae_cli.model.objectives import OBJECTIVES
from tests.model.helpers import VALUES, fixed_noise, gradients_of, small_batch, small_model

N_REPLICATES, N_TERMS, N_SAMPLES, N_FEATURES, N_HIDDEN = 2, 3, 5, 37, 6


@pytest.fixture
def narrow_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of eight features each, the last one of five."""
    monkeypatch.setattr(chunks, "NARROWEST", 8)
    monkeypatch.setattr(chunks, "ON_CPU", Chunking(0, 1))


class Case:
    """One likelihood at random, in float32."""

    def __init__(self, name: str) -> None:
        generator = torch.Generator().manual_seed(1)

        def draw(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator).requires_grad_()

        self.row = LIKELIHOODS[name]
        self.x = VALUES[self.row.value_kinds[0]]((N_REPLICATES, N_SAMPLES, N_FEATURES), generator).float()
        self.hidden = draw(N_REPLICATES, N_TERMS * N_SAMPLES, N_HIDDEN)
        self.weight, self.bias = draw(N_REPLICATES, N_HIDDEN, N_FEATURES), draw(N_REPLICATES, 1, N_FEATURES)
        self.offset = torch.randn(N_REPLICATES, N_TERMS * N_SAMPLES, 1, generator=generator)
        self.parameters = {key: draw(N_REPLICATES, N_FEATURES) for key in self.row.feature_parameters}
        self.entries = torch.rand(N_REPLICATES, N_SAMPLES, N_FEATURES, generator=generator) < 0.8
        self.outer = torch.randn(N_REPLICATES, N_TERMS, N_SAMPLES, generator=generator)

    def value_and_gradients(self, counted: Tensor | None, *, plain: bool) -> list[Tensor]:
        head = LinearHead(self.weight, self.bias, self.offset if self.row.sized else None)
        x = self.x if counted is None else torch.where(counted, self.x, 0.0)
        arguments = (x, self.hidden, head, self.parameters, counted)
        value = self.row.log_density(*arguments) if plain else by_chunks(self.row.log_density, *arguments)
        leaves = [self.hidden, self.weight, self.bias, *self.parameters.values()]
        return [value.detach(), *torch.autograd.grad((self.outer * value).sum(), leaves)]


@pytest.mark.usefixtures("narrow_chunks")
@pytest.mark.parametrize("counted", ["all", "features", "entries"])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_chunks_give_the_log_density_and_its_gradients(name: str, counted: str) -> None:
    case = Case(name)
    mask = {"all": None, "features": case.entries[:, :1], "entries": case.entries}[counted]
    found, expected = (case.value_and_gradients(mask, plain=plain) for plain in (False, True))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5 * float(other.abs().max()))


@pytest.mark.usefixtures("narrow_chunks")
def test_the_backward_pass_computes_in_the_precision_of_the_forward_pass() -> None:
    case, seen = Case("nb"), []

    def watched(x: Tensor, hidden: Tensor, head: LinearHead, *others: object) -> Tensor:
        seen.append(head(hidden).dtype)
        return case.row.log_density(x, hidden, head, *others)  # type: ignore[arg-type]

    with torch.autocast("cpu", torch.bfloat16):
        value = by_chunks(watched, case.x, case.hidden, LinearHead(case.weight, case.bias), case.parameters, None)
    torch.autograd.grad(value.sum(), case.weight)
    assert seen == [torch.bfloat16] * 10


@pytest.mark.usefixtures("narrow_chunks")
@pytest.mark.parametrize("objective", ["mvae", "mmvaex"])
def test_the_engine_gives_the_same_loss_and_gradients_in_chunks(
    objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, batch, terms = small_model(objective), small_batch(), OBJECTIVES[objective].terms(2)
    found = []
    for chunking in (Chunking(0, 1), Chunking(10**9, 1)):
        monkeypatch.setattr(chunks, "NARROWEST", 2)
        monkeypatch.setattr(chunks, "ON_CPU", chunking)
        loss = evaluate(model, terms, batch, noise=fixed_noise()).loss.sum()
        found.append((loss, gradients_of(model, loss)))
    (loss, gradients), (expected, plain) = found
    torch.testing.assert_close(loss, expected)
    for name, gradient in plain.items():
        torch.testing.assert_close(gradients[name], gradient)


@pytest.mark.usefixtures("narrow_chunks")
def test_no_tensor_of_all_outputs_is_kept_or_made() -> None:
    case, largest = Case("nb"), []

    def watched(x: Tensor, *others: object) -> Tensor:
        largest.append(x.shape[2])
        return case.row.log_density(x, *others)  # type: ignore[arg-type]

    value = by_chunks(watched, case.x, case.hidden, LinearHead(case.weight, case.bias), case.parameters, None)
    assert largest == [8, 8, 8, 8, 5]
    torch.autograd.grad(value.sum(), case.hidden)
    assert largest == [8, 8, 8, 8, 5] * 2


def test_few_outputs_are_made_at_once() -> None:
    case, calls = Case("nb"), []

    def watched(x: Tensor, *others: object) -> Tensor:
        calls.append(x.shape[2])
        return case.row.log_density(x, *others)  # type: ignore[arg-type]

    by_chunks(watched, case.x, case.hidden, LinearHead(case.weight, case.bias), case.parameters, None)
    assert calls == [N_FEATURES]
