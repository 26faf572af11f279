from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmvae_cli.model.elbo import evaluate
from mmvae_cli.model.likelihoods import LABEL_LIKELIHOODS, LIKELIHOODS, Likelihood
from mmvae_cli.model.objectives import OBJECTIVES
from tests.model.helpers import VALUES, fixed_noise, gradients_of, small_batch, small_model
from tests.model.reference import DISTRIBUTIONS

ROWS = LIKELIHOODS | LABEL_LIKELIHOODS
N_REPLICATES, N_TERMS, N_SAMPLES, N_FEATURES, N_HIDDEN = 2, 3, 4, 5, 6
N_CLASSES = 3


class Case:
    """Values, hidden layer, head and feature parameters of one likelihood, at random."""

    def __init__(self, name: str, kind: str | None = None, dtype: torch.dtype = torch.float64) -> None:
        generator = torch.Generator().manual_seed(0)

        def draw(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()

        self.row: Likelihood = ROWS[name]
        self.categorical = name == "categorical"
        n_features = 1 if self.categorical else N_FEATURES
        n_outputs = N_CLASSES if self.categorical else self.row.n_outputs(n_features)
        values = VALUES[kind or self.row.value_kinds[0]]((N_REPLICATES, N_SAMPLES, n_features), generator)
        self.x = (values % N_CLASSES if self.categorical else values).to(dtype)
        self.hidden = draw(N_REPLICATES, N_TERMS * N_SAMPLES, N_HIDDEN)
        self.weight, self.bias = draw(N_REPLICATES, N_HIDDEN, n_outputs), draw(N_REPLICATES, 1, n_outputs)
        self.parameters = {parameter: draw(N_REPLICATES, n_features) for parameter in self.row.feature_parameters}
        self.leaves = [self.hidden, self.weight, self.bias, *self.parameters.values()]
        self.distribution = DISTRIBUTIONS[name]

    def head(self, hidden: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, hidden, self.weight)

    def log_density(self) -> Tensor:
        return self.row.log_density(self.x, self.hidden, self.head, self.parameters)

    def expected(self) -> Tensor:
        """Log-density of each value (replicates, terms, samples, features) by torch.distributions, term by term."""
        by_term = [
            self.distribution(
                self.head(hidden), {name: value.unsqueeze(1) for name, value in self.parameters.items()}
            ).log_prob(self.x.squeeze(-1) if self.categorical else self.x)
            for hidden in self.hidden.split(N_SAMPLES, dim=1)
        ]
        stacked = torch.stack(by_term, 1)
        return stacked.unsqueeze(-1) if self.categorical else stacked


every_likelihood = pytest.mark.parametrize("name", ROWS)


@every_likelihood
def test_log_density_and_its_gradients_equal_those_of_torch(name: str) -> None:
    case = Case(name)
    ours, expected = case.log_density(), case.expected().sum(-1)
    assert ours.shape == (N_REPLICATES, N_TERMS, N_SAMPLES)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)
    weight = torch.linspace(-1, 2, ours.numel(), dtype=torch.float64).view_as(ours)
    found = torch.autograd.grad((weight * ours).sum(), case.leaves)
    wanted = torch.autograd.grad((weight * expected).sum(), case.leaves)
    for gradient, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-10, atol=1e-12)


@every_likelihood
@pytest.mark.parametrize("n_samples", [1, N_SAMPLES])
def test_entries_that_do_not_count_add_nothing_to_value_and_gradients(name: str, n_samples: int) -> None:
    """For all samples alike, as padding is (its x and outputs are 0), or for each sample its own."""
    case = Case(name)
    n_features = case.x.shape[2]
    counted = torch.rand((N_REPLICATES, n_samples, n_features), generator=torch.Generator().manual_seed(1)) < 0.6
    if n_samples == 1 and not case.categorical:
        case.x = torch.where(counted, case.x, 0.0)
        for leaf in (case.weight, case.bias):
            leaf.data = torch.where(counted, leaf, 0.0)
    ours = case.row.log_density(case.x, case.hidden, case.head, case.parameters, counted)
    expected = torch.where(counted.unsqueeze(1), case.expected(), 0.0).sum(-1)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)
    found, wanted = (torch.autograd.grad(each.square().sum(), case.leaves) for each in (ours, expected))
    for gradient, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name, row in LIKELIHOODS.items() for kind in row.value_kinds]
)
def test_log_density_equals_that_of_torch_for_every_kind_it_fits(name: str, kind: str) -> None:
    case = Case(name, kind)
    torch.testing.assert_close(case.log_density(), case.expected().sum(-1), rtol=1e-12, atol=1e-12)


@every_likelihood
def test_log_density_is_the_sum_of_that_of_each_value(name: str) -> None:
    case = Case(name)
    outputs = case.head(case.hidden).unflatten(1, (N_TERMS, N_SAMPLES))
    per_value = case.row.per_value(case.x.unsqueeze(1), outputs, case.parameters)
    torch.testing.assert_close(per_value, case.expected(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(per_value.sum(-1), case.log_density(), rtol=1e-12, atol=1e-12)


@every_likelihood
def test_single_precision_is_exact_to_a_hundred_thousandth(name: str) -> None:
    single, double = Case(name, dtype=torch.float32), Case(name)
    assert single.log_density().dtype is torch.float32
    torch.testing.assert_close(single.log_density().double(), double.log_density(), rtol=1e-5, atol=1e-5)


@every_likelihood
def test_handwritten_gradients_are_those_of_finite_differences(name: str) -> None:
    case = Case(name)

    def log_density(hidden: Tensor, weight: Tensor, bias: Tensor, *parameters: Tensor) -> Tensor:
        by_name = dict(zip(case.parameters, parameters, strict=True))
        return case.row.log_density(case.x, hidden, lambda rows: torch.baddbmm(bias, rows, weight), by_name)

    assert torch.autograd.gradcheck(log_density, tuple(case.leaves), fast_mode=True)


@every_likelihood
def test_mean_is_that_of_the_distribution(name: str) -> None:
    case = Case(name)
    outputs = case.head(case.hidden)
    parameters = {parameter: value.unsqueeze(1) for parameter, value in case.parameters.items()}
    distribution = case.distribution(outputs, parameters)
    expected = distribution.probs if case.categorical else distribution.mean
    torch.testing.assert_close(case.row.mean(outputs, case.parameters), expected, rtol=1e-12, atol=0)


def test_gaussian_starts_at_the_stated_sd() -> None:
    model = small_model("mvae")
    assert (model.networks(0).feature["noise"] == -1.0).all()
    assert F.softplus(torch.tensor(-1.0)).item() == pytest.approx(0.3133, abs=1e-4)


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_likelihood_trains_under_every_objective(name: str, objective: str) -> None:
    model = small_model(objective, likelihoods=(name,))
    generator = torch.Generator().manual_seed(0)
    kind = LIKELIHOODS[name].value_kinds[0]
    batch = small_batch()
    batch = replace(batch, x=tuple(VALUES[kind](tuple(x.shape), generator) for x in batch.x))
    loss = evaluate(model, OBJECTIVES[objective].terms(2), batch, noise=fixed_noise()).loss
    assert all(gradient.isfinite().all() and gradient.any() for gradient in gradients_of(model, loss).values())


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_encoder_input_keeps_zeros_and_is_moderate_for_large_values(name: str) -> None:
    row = LIKELIHOODS[name]
    assert row.encoder_input(torch.zeros(3), None).eq(0).all()
    if "continuous" not in row.value_kinds and "counts" in row.value_kinds:
        assert row.encoder_input(torch.tensor([1e6]), None).item() < 20


def test_extreme_outputs_stay_finite() -> None:
    x, outputs = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2), torch.tensor([-200.0, 200.0]).view(1, 1, 1, 2)
    assert LIKELIHOODS["bernoulli"].per_value(x, outputs, {}).eq(0).all()
    assert LIKELIHOODS["bernoulli"].per_value(1 - x, outputs, {}).eq(-200).all()
    classes = torch.zeros(1, 1, 1, 1)
    wide = torch.tensor([-300.0, 300.0, 0.0]).view(1, 1, 1, 3)
    assert LABEL_LIKELIHOODS["categorical"].per_value(classes, wide, {}).item() == -600


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_mean_and_variance_are_those_of_the_distribution(name: str) -> None:
    case = Case(name)
    outputs = case.head(case.hidden)
    distribution = case.distribution(outputs, {key: value.unsqueeze(1) for key, value in case.parameters.items()})
    mean = case.row.mean(outputs, case.parameters)
    torch.testing.assert_close(mean, distribution.mean)
    torch.testing.assert_close(case.row.variance(mean, case.parameters), distribution.variance)
