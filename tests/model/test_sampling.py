from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from mmvae_cli.evaluation.intervals import Moments, central_interval, coverage
from mmvae_cli.model.batch import Batch
from mmvae_cli.model.experts import PosteriorDraw
from mmvae_cli.model.objectives import OBJECTIVES
from mmvae_cli.model.sampling import posterior_draws, predictive_moments
from mmvae_cli.model.vae import MultimodalVAE
from tests.model.helpers import small_batch, small_model, some_roles

every_objective = pytest.mark.parametrize("objective", OBJECTIVES)


def random_draws(model: MultimodalVAE, n_draws: int) -> list[PosteriorDraw]:
    generator = torch.Generator().manual_seed(5)
    noise = torch.randn((n_draws, len(model.shared)), generator=generator, dtype=torch.float64)
    priority = torch.rand((n_draws, len(model.names)), generator=generator, dtype=torch.float64)
    return [PosteriorDraw(*one) for one in zip(noise, priority, strict=True)]


def with_noise(model: MultimodalVAE) -> MultimodalVAE:
    """The model with noise that differs between the features, and shared latents that matter."""
    generator = torch.Generator().manual_seed(3)
    for name, parameter in model.named_parameters():
        if name.endswith("noise"):
            parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        elif "decoder" in name:
            parameter.data = 2 * parameter.data
    return model


def drawn(model: MultimodalVAE, batch: Batch, draw: Callable[[], PosteriorDraw], target: int) -> Tensor:
    """A value for each sample, drawn from its own posterior and the noise, from the first modality."""
    means, sds, usable = model.encode(batch)
    usable = usable & (torch.arange(len(usable)) == 0)[:, None, None, None]
    rows = [model.rule.draw(means[:, :, [i]], sds[:, :, [i]], usable[:, :, [i]], draw()) for i in range(means.shape[2])]
    latents = torch.where(model.owned[target, 0], torch.cat(rows, 1), 0.0)
    scorer = model.cross_scorer(target, batch)
    mean = model.networks(target).likelihood.mean(scorer.outputs(latents), scorer.parameters)
    sd = model.networks(target).likelihood.variance(mean, scorer.parameters).sqrt()
    return torch.normal(mean, sd, generator=torch.Generator().manual_seed(9))


@every_objective
@torch.no_grad()
def test_intervals_hold_what_the_model_itself_draws(objective: str) -> None:
    model = with_noise(small_model(objective))
    batch = small_batch(n_samples=1500)
    moments = predictive_moments(model, batch, [0], 1, posterior_draws(model))
    draws = iter(random_draws(model, 1500))
    x = drawn(model, batch, lambda: next(draws), 1)[0].numpy()
    predicted = Moments(moments.mean[0].numpy(), moments.variance[0].numpy())
    for level in (0.5, 0.9):
        share = coverage(x, *central_interval(predicted, level, "gaussian"))["coverage"]
        assert abs(share - level) < 4 * np.sqrt(level * (1 - level) / 1500)  # features of a sample move together


@every_objective
@torch.no_grad()
def test_few_even_draws_do_for_many_random_ones(objective: str) -> None:
    model = with_noise(small_model(objective, 3, likelihoods=("gaussian", "poisson")))
    batch = small_batch(3, missing={0: [1]})
    few = predictive_moments(model, batch, [0, 2], 1, posterior_draws(model))
    many = predictive_moments(model, batch, [0, 2], 1, random_draws(model, 4000))
    assert (few.variance > 0).all()
    scale = many.variance.sqrt()
    assert ((few.mean - many.mean) / scale).abs().max() < 0.15
    assert (few.variance / many.variance).log().abs().median() < 0.1


@torch.no_grad()
def test_without_a_spread_of_the_posterior_the_variance_is_that_of_the_noise() -> None:
    model = with_noise(small_model("mmvaex"))
    nothing = PosteriorDraw(torch.zeros(len(model.shared)), torch.zeros(2))
    batch = small_batch()
    found = predictive_moments(model, batch, [0], 1, [nothing, nothing])
    noise = model.networks(1).shared_feature["noise"]
    torch.testing.assert_close(found.variance[0, 2], torch.nn.functional.softplus(noise[0]).square())
    torch.testing.assert_close(found.mean, model.predict(batch, [0], 1))


@torch.no_grad()
def test_a_shared_decoder_is_blind_to_private_latents_that_are_drawn_from_the_prior() -> None:
    model = with_noise(small_model("mmvaex"))
    batch, draws = small_batch(), posterior_draws(model)
    before = predictive_moments(model, batch, [0], 1, draws)
    model.networks(1).shared_decoder.hidden.weight.data[:, ~model.shared] += 5.0
    after = predictive_moments(model, batch, [0], 1, draws)
    torch.testing.assert_close(after.variance, before.variance, rtol=0, atol=0)


@torch.no_grad()
def test_a_large_offset_of_the_values_costs_no_precision() -> None:
    model = with_noise(small_model("mmvaepp"))
    batch, draws = small_batch(), posterior_draws(model)
    near = predictive_moments(model, batch, [0], 1, draws)
    model.networks(1).decoder.head.bias.data += 1e6
    far = predictive_moments(model, batch, [0], 1, draws)
    torch.testing.assert_close(far.variance, near.variance, rtol=1e-5, atol=0)


@every_objective
@torch.no_grad()
def test_without_a_source_or_a_shared_feature_there_is_nothing(objective: str) -> None:
    model = small_model(objective, 3, roles=some_roles(3, 1))
    batch = small_batch(3, missing={0: [1, 2], 2: [2]})
    found = predictive_moments(model, batch, [0, 2], 1, posterior_draws(model))
    predicted = model.predict(batch, [0, 2], 1)
    assert predicted.isnan().any()
    for part in (found.mean, found.variance):
        torch.testing.assert_close(part.isnan(), predicted.isnan())


@torch.no_grad()
def test_a_sample_does_not_depend_on_the_others() -> None:
    model = small_model("mmvaepp", 3)
    batch = small_batch(3)
    alone = replace(batch, x=tuple(x[:, 2:3] for x in batch.x), n_samples=1)
    draws = posterior_draws(model)
    of_all = predictive_moments(model, batch, [0, 2], 1, draws)
    torch.testing.assert_close(predictive_moments(model, alone, [0, 2], 1, draws).variance, of_all.variance[:, 2:3])
