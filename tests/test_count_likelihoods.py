"""The benchmark of count likelihoods compares ways that agree; its timings are not judged here."""

from __future__ import annotations

import pytest
import torch

from tests.scripts import load_script

benchmark = load_script("benchmarks/count_likelihoods.py")


@pytest.mark.parametrize("name", benchmark.WAYS)
def test_all_ways_give_the_same_density(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.poisson(torch.full((1, 6, 30), 0.5), generator=generator)
    log_mean, log_theta = torch.randn((1, 1, 6, 30), generator=generator), torch.randn((1, 30), generator=generator)
    found = [way(x, log_mean, log_theta) for way in benchmark.WAYS[name].values()]
    for other in found[1:]:
        torch.testing.assert_close(found[0], other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", benchmark.WAYS)
def test_every_way_is_timed(name: str) -> None:
    found = benchmark.measure(name, 4, 20, 0.2, 2)
    assert set(found) == set(benchmark.WAYS[name])
    assert min(found.values()) > 0
