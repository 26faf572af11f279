"""A linear Gaussian model, whose log-likelihood is known, bounds its ELBO from above.

``log p(x) = log N(x; b, WWᵀ + Σ)``. The log-likelihood of a draw is quadratic in it, so its expectation under the
Gaussian posterior is exactly the mean over the points ±√L along each latent: no Monte-Carlo error.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from mmvae_cli.model.batch import Batch
from mmvae_cli.model.elbo import evaluate
from mmvae_cli.model.objectives import Decode, Term
from mmvae_cli.model.vae import MultimodalVAE
from tests.model.helpers import batch_of, fixed_noise, small_batch, small_model, with_modalities
from tests.model.reference import gaussian_log_density

SD = 0.6  # of the noise on every feature
SLOPE = 1.01  # leaky_relu(h) − leaky_relu(−h) = 1.01 h
N_HIDDEN = 40  # units in pairs h, −h, at least one pair per latent and per feature


def _inverse_softplus(value: Tensor) -> Tensor:
    return value.expm1().log()


def _set_linear(hidden, output, weight: Tensor, bias: Tensor) -> None:
    """Make two layers with a leaky ReLU between them compute ``x @ weight + bias``."""
    n_inputs = weight.shape[0]
    for parameter in (hidden.weight, hidden.bias, output.weight, output.bias):
        parameter.data.zero_()
    pairs = torch.arange(n_inputs)
    hidden.weight.data[0, pairs, pairs] = 1.0
    hidden.weight.data[0, pairs, n_inputs + pairs] = -1.0
    output.weight.data[0, :n_inputs] = weight / SLOPE
    output.weight.data[0, n_inputs : 2 * n_inputs] = -weight / SLOPE
    output.bias.data[0, 0] = bias


def _linear_gaussian(n_modalities: int, seed: int) -> tuple[MultimodalVAE, list[Tensor], list[Tensor]]:
    """A model with linear decoders, their weights (latents, features) and biases; encoders as they are drawn.

    The weights of each modality are orthogonal, so that the exact posterior factorises over the latents.
    """
    model = small_model("mvae", n_modalities, seeds=(seed,), n_hidden=N_HIDDEN)
    generator = torch.Generator().manual_seed(seed)
    weights, biases = [], []
    for m, modality in enumerate(model.spec.modalities):
        owned = model.owned[m, 0]
        basis = torch.randn(modality.n_features, int(owned.sum()), generator=generator, dtype=torch.float64)
        orthogonal = torch.linalg.qr(basis).Q.T * torch.linspace(0.5, 2, int(owned.sum()), dtype=torch.float64)[:, None]
        weight = torch.zeros(len(owned), modality.n_features, dtype=torch.float64)
        weight[owned] = orthogonal
        bias = torch.randn(modality.n_features, generator=generator, dtype=torch.float64)
        networks = model.networks(m)
        _set_linear(networks.decoder.hidden, networks.decoder.head, weight, bias)
        networks.feature["noise"].data.fill_(_inverse_softplus(torch.tensor(SD, dtype=torch.float64)))
        weights.append(weight)
        biases.append(bias)
    return model, weights, biases


def _set_exact_encoders(model: MultimodalVAE, weights: list[Tensor], biases: list[Tensor]) -> None:
    """Make each encoder the factor p(x_m | z) as a Gaussian over its latents: the prior expert adds p(z)."""
    for m, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        owned, encoder = model.owned[m, 0], model.networks(m).encoder
        precision = torch.ones(len(owned), dtype=torch.float64)
        precision[owned] = weight[owned].square().sum(1) / SD**2
        to_mean = (weight / SD**2 / precision[:, None]).T  # (features, latents)
        scale = _inverse_softplus((1 / precision - 1e-8).sqrt())
        both = torch.cat([to_mean, torch.zeros_like(to_mean)], 1)
        _set_linear(encoder.hidden, encoder.output, both, torch.cat([-bias @ to_mean, scale]))


def _full_term(n_modalities: int) -> Term:
    everything = tuple(range(n_modalities))
    return Term(everything, tuple(Decode(m) for m in everything))


def _points(n_latents: int) -> Iterator[Tensor]:
    for latent in range(n_latents):
        for sign in (-1.0, 1.0):
            point = torch.zeros(n_latents, dtype=torch.float64)
            point[latent] = sign * n_latents**0.5
            yield point


def _elbo(model: MultimodalVAE, batch: Batch) -> float:
    """Exact ELBO of the full term, nats per sample."""
    values = []
    for point in _points(model.spec.layout.size):

        def noise(n_terms: int, n_samples: int, n_latents: int, point: Tensor = point) -> Tensor:
            return point.expand(n_terms, 1, n_samples, n_latents)

        values.append(-evaluate(model, [_full_term(len(model.names))], batch, noise=noise).loss.item())
    return sum(values) / len(values)


def _log_likelihood(weights: list[Tensor], biases: list[Tensor], batch: Batch) -> float:
    weight, bias = torch.cat(weights, 1), torch.cat(biases)
    covariance = weight.T @ weight + SD**2 * torch.eye(len(bias), dtype=torch.float64)
    return gaussian_log_density(torch.cat(batch.x, -1)[0], bias, covariance).mean().item()


@pytest.mark.parametrize("n_modalities", [2, 3])
def test_decoders_of_the_case_are_linear(n_modalities: int) -> None:
    model, weights, biases = _linear_gaussian(n_modalities, 0)
    latents = 3 * fixed_noise()(1, 9, model.spec.layout.size)[0]
    for m in range(n_modalities):
        decoded = model.decode(m, small_batch(n_modalities, 9), latents)
        torch.testing.assert_close(decoded, latents @ weights[m] + biases[m], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_modalities", [2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_elbo_stays_below_the_exact_log_likelihood_for_any_encoders(n_modalities: int, seed: int) -> None:
    model, weights, biases = _linear_gaussian(n_modalities, seed)
    batch = small_batch(n_modalities, 20, seed=seed)
    assert _elbo(model, batch) < _log_likelihood(weights, biases, batch)


@pytest.mark.parametrize("n_modalities", [2, 3])
def test_elbo_reaches_the_exact_log_likelihood_with_the_exact_posterior(n_modalities: int) -> None:
    model, weights, biases = _linear_gaussian(n_modalities, 0)
    _set_exact_encoders(model, weights, biases)
    batch = small_batch(n_modalities, 20)
    exact = _log_likelihood(weights, biases, batch)
    assert _elbo(model, batch) == pytest.approx(exact, abs=1e-6)
    generator = torch.Generator().manual_seed(0)
    for networks in model.modalities:  # a step away in any direction is a step down
        bias = networks.encoder.output.bias
        kept = bias.data.clone()
        bias.data += 0.1 * torch.randn(bias.shape, generator=generator, dtype=torch.float64)
        assert _elbo(model, batch) < exact - 1e-4
        bias.data = kept


def test_elbo_of_the_observed_modalities_bounds_their_own_log_likelihood() -> None:
    model, weights, biases = _linear_gaussian(3, 0)
    _set_exact_encoders(model, weights, biases)
    batch = small_batch(3, 20, missing={1: range(20)})
    exact = _log_likelihood([weights[0], weights[2]], [biases[0], biases[2]], batch_of(batch, [0, 2]))
    assert _elbo(model, batch) == pytest.approx(exact, abs=1e-6)
    assert _elbo(with_modalities(model, [0, 2]), batch_of(batch, [0, 2])) == pytest.approx(exact, abs=1e-6)


def test_points_give_the_mean_over_many_draws() -> None:
    model, _, _ = _linear_gaussian(2, 1)
    batch, generator = small_batch(2, 4), torch.Generator().manual_seed(0)

    def noise(n_terms: int, n_samples: int, n_latents: int) -> Tensor:
        return torch.randn(n_terms, 1, n_samples, n_latents, generator=generator, dtype=torch.float64)

    drawn = torch.tensor([-evaluate(model, [_full_term(2)], batch, noise=noise).loss.item() for _ in range(600)])
    assert abs(drawn.mean().item() - _elbo(model, batch)) < 4 * drawn.std().item() / 600**0.5
