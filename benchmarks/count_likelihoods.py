"""Time of count likelihoods, forward and backward, against the usual ways to write them.

    python benchmarks/count_likelihoods.py [--samples 128] [--features 26000] [--density 0.05] [--rounds 9]

All ways are measured in turns, round by round, on one thread, so that whatever else runs on the machine slows all
alike; numbers are medians over the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import NegativeBinomial, Poisson

from mmvae_cli.model.counts import negative_binomial_sum, poisson_sum

Density = Callable[[Tensor, Tensor, Tensor], Tensor]
EPSILON = 1e-8


def _by_torch(x: Tensor, log_mean: Tensor, log_theta: Tensor) -> Tensor:
    theta = log_theta[:, None, None]
    distribution = NegativeBinomial(theta.exp(), logits=log_mean - theta, validate_args=False)
    return distribution.log_prob(x.unsqueeze(1)).sum(-1)


def _by_formula(x: Tensor, log_mean: Tensor, log_theta: Tensor) -> Tensor:
    """Mean and dispersion put into the textbook formula, every logarithm kept from 0 by a small number."""
    x, mean, theta = x.unsqueeze(1), log_mean.exp(), log_theta.exp()[:, None, None]
    log_sum = torch.log(theta + mean + EPSILON)
    per_value = (
        theta * (torch.log(theta + EPSILON) - log_sum)
        + x * (torch.log(mean + EPSILON) - log_sum)
        + torch.lgamma(x + theta)
        - torch.lgamma(theta)
        - torch.lgamma(x + 1)
    )
    return per_value.sum(-1)


WAYS: dict[str, dict[str, Density]] = {
    "negative binomial": {
        "ours": negative_binomial_sum,
        "torch.distributions": _by_torch,
        "textbook formula": _by_formula,
    },
    "Poisson": {
        "ours": lambda x, log_mean, _: poisson_sum(x, log_mean),
        "torch.distributions": lambda x, log_mean, _: (
            Poisson(log_mean.exp(), validate_args=False).log_prob(x.unsqueeze(1)).sum(-1)
        ),
    },
}


def measure(name: str, n_samples: int, n_features: int, density: float, rounds: int) -> dict[str, float]:
    """Median seconds of each way, forward and backward."""
    generator = torch.Generator().manual_seed(0)
    x = torch.poisson(torch.full((1, n_samples, n_features), 2.0), generator=generator) + 1
    x = x * (torch.rand(x.shape, generator=generator) < density)
    log_mean = torch.randn((1, 1, n_samples, n_features), generator=generator) - 2
    log_theta = torch.randn((1, n_features), generator=generator)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS[name]}
    for _ in range(rounds + 1):
        for way, log_density in WAYS[name].items():
            leaves = [log_mean.clone().requires_grad_(), log_theta.clone().requires_grad_()]
            started = time.perf_counter()
            torch.autograd.backward(log_density(x, *leaves).sum())
            seconds[way].append(time.perf_counter() - started)
    return {way: statistics.median(found[1:]) for way, found in seconds.items()}  # the first round warms up


def parser() -> argparse.ArgumentParser:
    """The words that the script takes."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("samples", 128), ("features", 26_000), ("rounds", 9)):
        found.add_argument(f"--{name}", type=int, default=default)
    found.add_argument("--density", type=float, default=0.05)
    return found


def main() -> None:
    """Measure and print."""
    given = parser().parse_args()
    torch.set_num_threads(1)
    print(f"{given.samples} samples × {given.features} features, {given.density:.0%} of the counts above 0\n")
    print("| likelihood | way | ms | times as long as ours |\n|---|---|---|---|")
    for name in WAYS:
        found = measure(name, given.samples, given.features, given.density, given.rounds)
        for way, seconds in found.items():
            print(f"| {name} | {way} | {1e3 * seconds:.1f} | {seconds / found['ours']:.1f} |")


if __name__ == "__main__":
    main()
