from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from mmvae_cli.training.optimiser import ReplicateAdam
from tests.training.helpers import small_model


def _gradients(model: torch.nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize("apart", [False, True])
def test_steps_are_those_of_torch(apart: bool) -> None:
    ours, theirs = small_model([1, 2]), small_model([1, 2])
    optimiser, expected = ReplicateAdam(ours, 0.01, apart=apart), torch.optim.Adam(theirs.parameters(), lr=0.01)
    for seed in range(5):
        _gradients(ours, seed)
        _gradients(theirs, seed)
        optimiser.step([True, True])
        expected.step()
    for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(own, other, rtol=1e-6, atol=1e-7)


def test_a_replicate_that_waits_is_left_as_it_is_and_then_goes_on_as_if_alone() -> None:
    both, alone = small_model([1, 2]), small_model([1, 2])
    first, second = ReplicateAdam(both, 0.01, apart=True), ReplicateAdam(alone, 0.01, apart=True)
    _gradients(both, 0)
    first.step([True, False])
    started = small_model([1, 2])
    for moved, fresh in zip(both.parameters(), started.parameters(), strict=True):
        assert torch.equal(moved[1], fresh[1])
        assert not torch.equal(moved[0], fresh[0])
    for optimiser, model in ((first, both), (second, alone)):
        _gradients(model, 1)
        optimiser.step([True, True])
    for own, other in zip(both.parameters(), alone.parameters(), strict=True):
        assert torch.equal(own[1], other[1])


@pytest.mark.parametrize("apart", [False, True])
def test_replicates_that_stay_keep_their_momentum(apart: bool) -> None:
    both, alone = small_model([1, 2]), small_model([1, 2])
    first, second = ReplicateAdam(both, 0.01, apart=apart), ReplicateAdam(alone, 0.01, apart=apart)
    for optimiser, model in ((first, both), (second, alone)):
        _gradients(model, 0)
        optimiser.step([True, True])
    first.keep([1])
    for model, rows in ((both, slice(1, 2)), (alone, slice(None))):
        wide = small_model([1, 2])
        _gradients(wide, 1)
        for parameter, source in zip(model.parameters(), wide.parameters(), strict=True):
            parameter.grad = source.grad[rows].clone()
    first.step([True])
    second.step([True, True])
    for own, other in zip(both.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(own[0], other[1], rtol=1e-6, atol=1e-7)


def test_an_optimiser_does_not_load_the_compiler() -> None:
    """It takes seconds to import, and nothing here is compiled."""
    code = (
        "import sys; from tests.training.helpers import small_model; "
        "from mmvae_cli.training.optimiser import ReplicateAdam; ReplicateAdam(small_model([0]), 0.01, apart=False); "
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
