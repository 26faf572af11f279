from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from mmvae_cli.model.experts import (
    POSTERIORS,
    PosteriorDraw,
    draw_from_mixture,
    draw_from_product,
    kl_to_prior,
    mixture_of_experts,
    plain_mean,
    precision_weighted_mean,
    product_mean,
    product_of_experts,
)

SHAPE = (3, 2, 4, 5)  # modalities, replicates, samples, latents


def _experts(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    means = torch.randn(SHAPE, generator=generator, dtype=torch.float64)
    sds = 0.2 + torch.rand(SHAPE, generator=generator, dtype=torch.float64)
    usable = torch.rand(SHAPE, generator=generator) < 0.6
    usable[:, 0, 0, 0], usable[:, 0, 0, 1] = True, False
    return means, sds, usable


def _by_hand(means: Tensor, sds: Tensor, usable: Tensor, term: tuple[int, ...], at: tuple[int, ...]) -> tuple:
    """Precision 1/(σ² + 1e-8) of every usable expert, 1 of the prior."""
    precision, weighted = 1.0, 0.0
    for m in term:
        if usable[(m, *at)]:
            of_expert = 1.0 / (sds[(m, *at)].item() ** 2 + 1e-8)
            precision, weighted = precision + of_expert, weighted + of_expert * means[(m, *at)].item()
    return weighted / precision, precision**-0.5


def test_product_equals_the_formula_at_every_latent() -> None:
    means, sds, usable = _experts()
    encode = ((0, 1, 2), (1,), (0, 2))
    posterior = product_of_experts(means, sds, usable, encode)
    assert posterior.mean.shape == posterior.sd.shape == posterior.inferred.shape == (3, 2, 4, 5)
    for row, term in enumerate(encode):
        for at in torch.cartesian_prod(*(torch.arange(n) for n in SHAPE[1:])).tolist():
            mean, sd = _by_hand(means, sds, usable, term, tuple(at))
            assert posterior.mean[(row, *at)].item() == pytest.approx(mean, rel=1e-13, abs=1e-15)
            assert posterior.sd[(row, *at)].item() == pytest.approx(sd, rel=1e-13)
            assert bool(posterior.inferred[(row, *at)]) == any(bool(usable[(m, *at)]) for m in term)


def test_one_expert_is_shrunk_by_the_prior() -> None:
    means, sds, _ = _experts()
    posterior = product_of_experts(means, sds, torch.ones(SHAPE, dtype=torch.bool), ((0,),))
    torch.testing.assert_close(posterior.mean[0], means[0] / (1 + sds[0] ** 2), rtol=1e-6, atol=0)
    torch.testing.assert_close(posterior.mean[0], means[0] / (1 + sds[0] ** 2 + 1e-8), rtol=1e-13, atol=0)
    torch.testing.assert_close(posterior.sd[0] ** 2, sds[0] ** 2 / (1 + sds[0] ** 2), rtol=1e-6, atol=0)


def test_expert_with_sd_zero_is_believed_up_to_the_stated_epsilon() -> None:
    one = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    posterior = product_of_experts(3 * one, 0 * one, one.bool(), ((0,),))
    assert posterior.mean.item() == pytest.approx(3 * 1e8 / (1e8 + 1), rel=1e-14)
    assert posterior.sd.item() == pytest.approx((1e8 + 1) ** -0.5, rel=1e-14)


def test_product_without_expert_is_the_prior() -> None:
    means, sds, usable = _experts()
    posterior = product_of_experts(means, sds, torch.zeros_like(usable), ((0, 1, 2),))
    assert posterior.mean.eq(0).all()
    assert posterior.sd.eq(1).all()
    assert not posterior.inferred.any()


def test_mixture_is_the_encoders_own_posterior_and_zero_elsewhere() -> None:
    means, sds, usable = _experts()
    posterior = mixture_of_experts(means, sds, usable, ((2,), (0,), (2,)))
    for row, m in enumerate((2, 0, 2)):
        assert torch.equal(posterior.mean[row], means[m] * usable[m])
        assert torch.equal(posterior.sd[row], sds[m] * usable[m])
        assert torch.equal(posterior.inferred[row], usable[m])


def test_mixture_refuses_a_term_with_two_encoders() -> None:
    with pytest.raises(ValueError, match="exactly one modality"):
        mixture_of_experts(*_experts(), ((0,), (0, 1)))


@pytest.mark.parametrize("name", POSTERIORS)
@pytest.mark.parametrize("filling", [torch.nan, torch.inf])
def test_what_stands_in_unusable_experts_changes_neither_values_nor_gradients(name: str, filling: float) -> None:
    found = []
    for value in (0.0, filling):
        means, sds, usable = _experts()
        means, sds = means.requires_grad_(), sds.requires_grad_()
        filled = torch.where(usable, means, value), torch.where(usable, sds, value)
        rule = POSTERIORS[name]
        posterior = rule.combine(*filled, usable, ((0,), (1,), (2,)))
        pooled = [pool(*filled, usable) for pool in (rule.cross, *rule.joint.values())]
        torch.stack([posterior.mean.sum(), posterior.sd.sum(), *(each.sum() for each in pooled)]).sum().backward()
        found.append([posterior.mean, posterior.sd, *pooled, means.grad, sds.grad])
    for first, second in zip(*found, strict=True):
        assert torch.equal(first, second)
        assert first.isfinite().all()


def test_kl_equals_that_of_torch_where_it_is_paid_and_zero_elsewhere() -> None:
    means, sds, paid = _experts()
    kl = kl_to_prior(means, sds, paid)
    expected = kl_divergence(Normal(means, sds), Normal(torch.zeros_like(means), torch.ones_like(sds)))
    torch.testing.assert_close(kl[paid], expected[paid], rtol=1e-12, atol=1e-14)
    assert kl[~paid].eq(0).all()
    assert (kl >= 0).all()


def test_kl_that_is_not_paid_has_no_gradient_even_at_sd_zero() -> None:
    means = torch.tensor([1.0, torch.nan, 3.0, 0.5], dtype=torch.float64, requires_grad=True)
    sds = torch.tensor([0.0, torch.nan, torch.inf, 0.5], dtype=torch.float64, requires_grad=True)
    kl = kl_to_prior(means, sds, torch.tensor([False, False, False, True]))
    kl.sum().backward()
    assert kl[:3].eq(0).all()
    assert means.grad.tolist() == [0, 0, 0, 0.5]
    assert sds.grad.tolist() == [0, 0, 0, 0.5 - 2.0]


def test_pooled_means_of_a_mixture_weigh_by_precision_or_equally() -> None:
    means = torch.tensor([1.0, 3.0, 8.0], dtype=torch.float64).view(3, 1, 1, 1)
    sds = torch.tensor([0.5, 1.0, 1.0], dtype=torch.float64).view(3, 1, 1, 1)
    usable = torch.tensor([True, True, False]).view(3, 1, 1, 1)
    assert precision_weighted_mean(means, sds, usable).item() == pytest.approx((4 * 1 + 3) / 5, rel=1e-7)
    assert plain_mean(means, sds, usable).item() == 2.0
    assert product_mean(means, sds, usable).item() == pytest.approx((4 * 1 + 3) / 6, rel=1e-7)
    nobody = torch.zeros_like(usable)
    assert precision_weighted_mean(means, sds, nobody).item() == plain_mean(means, sds, nobody).item() == 0.0


def test_uninformative_encoder_moves_the_precision_weighted_mean_little() -> None:
    means = torch.tensor([2.0, 0.0], dtype=torch.float64).view(2, 1, 1, 1)
    sds = torch.tensor([0.1, 1.0], dtype=torch.float64).view(2, 1, 1, 1)
    usable = torch.ones(2, 1, 1, 1, dtype=torch.bool)
    assert precision_weighted_mean(means, sds, usable).item() > 1.97
    assert plain_mean(means, sds, usable).item() == 1.0


@pytest.mark.parametrize("name", POSTERIORS)
def test_rows_offer_all_poolings_of_the_joint_embedding(name: str) -> None:
    assert set(POSTERIORS[name].joint) == {"calibrated", "precision", "mean"}


@pytest.mark.parametrize("name", POSTERIORS)
def test_mixed_precision_leaves_the_posterior_in_single_precision(name: str) -> None:
    means, sds, usable = _experts()
    means, sds = means.float(), sds.float()
    plain = POSTERIORS[name].combine(means, sds, usable, ((0,), (1,)))
    with torch.autocast("cpu", torch.bfloat16):
        mixed = POSTERIORS[name].combine(means, sds, usable, ((0,), (1,)))
    assert torch.equal(plain.mean, mixed.mean)
    assert torch.equal(plain.sd, mixed.sd)


def _drawn(draw: Callable[..., Tensor], n_draws: int = 20_000) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn((n_draws, SHAPE[-1]), generator=generator, dtype=torch.float64)
    priority = torch.rand((n_draws, SHAPE[0]), generator=generator)
    experts = _experts()
    return torch.stack([draw(*experts, PosteriorDraw(*one)) for one in zip(noise, priority, strict=True)])


def test_draws_from_a_product_have_its_mean_and_sd() -> None:
    means, sds, usable = _experts()
    posterior = product_of_experts(means, sds, usable, ((0, 1, 2),))
    drawn = _drawn(draw_from_product)
    torch.testing.assert_close(drawn.mean(0), posterior.mean[0], atol=0.03, rtol=0)
    torch.testing.assert_close(drawn.std(0), posterior.sd[0], atol=0.03, rtol=0)
    assert not usable[:, 0, 0, 1].any()
    assert drawn[:, 0, 0, 1].std() == pytest.approx(1, abs=0.03)  # the prior


def test_draws_from_a_mixture_come_from_every_source_alike() -> None:
    means, sds, usable = _experts()
    count = usable.sum(0).clamp(min=1)
    mean = torch.where(usable, means, 0.0).sum(0) / count
    second = torch.where(usable, means.square() + sds.square(), 0.0).sum(0) / count
    second = torch.where(usable.any(0), second, 1.0)  # the prior
    drawn = _drawn(draw_from_mixture)
    assert not usable.any(0).all()
    torch.testing.assert_close(drawn.mean(0), mean, atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.var(0), second - mean.square(), atol=0.12, rtol=0.03)


def test_all_latents_of_a_draw_from_a_mixture_are_of_one_source() -> None:
    means = torch.arange(3.0).view(3, 1, 1, 1).expand(SHAPE)
    draw = PosteriorDraw(torch.zeros(SHAPE[-1]), torch.tensor([0.2, 0.9, 0.4]))
    usable = torch.ones(SHAPE, dtype=torch.bool)
    usable[1, :, 2] = False
    drawn = draw_from_mixture(means, means, usable, draw)
    assert (drawn[:, [0, 1, 3]] == 1).all()
    assert (drawn[:, 2] == 2).all()
