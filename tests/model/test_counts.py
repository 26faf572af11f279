"""Counts against torch's distributions, also where numbers are extreme; the table's rows are in test_likelihoods."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import NegativeBinomial, Poisson

from mmvae_cli.model.counts import (
    DISPERSION_RANGE,
    log_dispersion,
    negative_binomial,
    negative_binomial_sum,
    poisson_sum,
    zero_inflated_sum,
)

SHAPE = (2, 3, 5, 40)  # replicates, terms, samples, features


def drawn(density: float = 0.2, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Counts, log means and log dispersions of all sizes."""
    generator = torch.Generator().manual_seed(seed)
    replicates, terms, samples, features = SHAPE
    x = torch.randint(1, 2000, (replicates, samples, features), generator=generator).double()
    x = x * (torch.rand(x.shape, generator=generator) < density)
    log_mean = torch.rand((replicates, terms, samples, features), generator=generator, dtype=torch.float64) * 24 - 16
    log_theta = torch.rand((replicates, features), generator=generator, dtype=torch.float64) * 20 - 8
    return x, log_mean, log_theta


def by_torch(x: Tensor, log_mean: Tensor, log_theta: Tensor) -> Tensor:
    theta = log_theta[:, None, None].double()
    distribution = NegativeBinomial(theta.exp(), logits=log_mean.double() - theta)
    return distribution.log_prob(x.unsqueeze(1).double()).sum(-1)


def test_single_precision_is_exact_for_means_dispersions_and_counts_of_any_size() -> None:
    x, log_mean, log_theta = drawn()
    ours = negative_binomial_sum(x.float(), log_mean.float(), log_theta.float())
    expected = by_torch(x.float(), log_mean.float(), log_theta.float())
    torch.testing.assert_close(ours.double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("masked", [False, True])
def test_gradients_are_right(masked: bool) -> None:
    x, log_mean, log_theta = drawn()
    leaves = [log_mean.requires_grad_(), log_theta.requires_grad_()]
    counted = torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) < (0.7 if masked else 2.0)
    theta = log_theta[:, None, None]
    per_value = NegativeBinomial(theta.exp(), logits=log_mean - theta).log_prob(x.unsqueeze(1))
    expected = torch.where(counted.unsqueeze(1), per_value, 0.0).sum(-1)
    ours = negative_binomial_sum(x, log_mean, log_theta, counted if masked else None)
    weight = torch.linspace(-1, 2, ours.numel(), dtype=torch.float64).view_as(ours)
    found, wanted = (torch.autograd.grad((weight * each).sum(), leaves) for each in (ours, expected))
    for gradient, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-9, atol=1e-9)


def test_with_a_large_dispersion_parameter_it_is_a_poisson() -> None:
    x, log_mean, _ = drawn()
    x, log_mean = x.clamp(max=50), log_mean.clamp(-5, 3)
    wide = torch.full((2, 40), DISPERSION_RANGE[1], dtype=torch.float64)
    expected = Poisson(log_mean.exp()).log_prob(x.unsqueeze(1)).sum(-1)
    torch.testing.assert_close(negative_binomial_sum(x, log_mean, wide), expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(poisson_sum(x, log_mean), expected, rtol=1e-12, atol=1e-12)


def test_the_dispersion_stays_in_its_range() -> None:
    found = log_dispersion(torch.tensor([[-100.0, 0.0, 100.0]]))
    assert found.flatten().tolist() == [DISPERSION_RANGE[0], 0.0, DISPERSION_RANGE[1]]


@pytest.mark.parametrize("density", [0.0, 1.0])
def test_nothing_but_zeros_and_nothing_but_counts(density: float) -> None:
    x, log_mean, log_theta = drawn(density)
    torch.testing.assert_close(negative_binomial_sum(x, log_mean, log_theta), by_torch(x, log_mean, log_theta))


def test_a_modality_without_features_has_density_one() -> None:
    x, log_mean, log_theta = (each[..., :0] for each in drawn())
    for found in (
        negative_binomial_sum(x, log_mean, log_theta),
        poisson_sum(x, log_mean),
        zero_inflated_sum(x, log_mean, log_theta, log_theta),
    ):
        assert torch.equal(found, torch.zeros(SHAPE[:3], dtype=torch.float64))


def test_without_inflation_the_zero_inflated_is_the_plain_one() -> None:
    x, log_mean, log_theta = drawn()
    never = torch.full_like(log_theta, -1e6)
    plain = negative_binomial_sum(x, log_mean, log_theta)
    torch.testing.assert_close(zero_inflated_sum(x, log_mean, log_theta, never), plain, rtol=1e-12, atol=1e-12)
    per_value = negative_binomial(x.unsqueeze(1), log_mean, log_dispersion(log_theta)).sum(-1)
    torch.testing.assert_close(per_value, plain, rtol=1e-12, atol=1e-12)
