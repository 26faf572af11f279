"""The benchmark of chunks compares ways that agree; its timings are not judged here."""

from __future__ import annotations

import pytest
import torch

from tests.scripts import load_script

benchmark = load_script("benchmarks/chunked_likelihoods.py")


@pytest.mark.parametrize("name", benchmark.NAMES)
def test_all_ways_give_the_same_density(name: str) -> None:
    step = benchmark.step_of(name, 300, 2, 0.1)
    torch.testing.assert_close(step(5), step(benchmark.AT_ONCE))


def test_every_way_is_timed() -> None:
    found = benchmark.seconds(benchmark.step_of("nb", 30, 1, 0.1), [benchmark.AT_ONCE, 5], 2)
    assert set(found) == {benchmark.AT_ONCE, 5}
    assert min(found.values()) > 0
