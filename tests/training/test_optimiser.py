from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from mmvae_cli.model.spec import ModalitySpec, ModelSpec
from mmvae_cli.model.vae import MultimodalVAE
from mmvae_cli.training.optimiser import ReplicateAdam
from tests.training.helpers import WIDTHS, small_model


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


def test_weights_of_a_wide_layer_learn_more_slowly_by_the_root_of_its_inputs() -> None:
    model = small_model([1])
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimiser = ReplicateAdam(model, 0.01, apart=False, wide_layer=4)
    _gradients(model, 0)
    optimiser.step([True])
    seen = set()
    for old, new in zip(before, model.parameters(), strict=True):
        inputs = new.shape[1] if new.ndim == 3 else 1
        expected = 0.01 * min(1.0, (4 / inputs) ** 0.5)  # the first step of Adam is lr, whatever the gradient
        torch.testing.assert_close((new - old).abs(), torch.full_like(new, expected), rtol=1e-3, atol=1e-6)
        seen.add(inputs > 4)
    assert seen == {True, False}


def test_an_optimiser_does_not_load_the_compiler() -> None:
    """It takes seconds to import, and nothing here is compiled."""
    code = (
        "import sys; from tests.training.helpers import small_model; "
        "from mmvae_cli.training.optimiser import ReplicateAdam; ReplicateAdam(small_model([0]), 0.01, apart=False); "
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_each_replicate_learns_at_the_rate_of_its_own_number_of_inputs() -> None:
    """Encoders are padded to the widest replicate; alone, a replicate would have no padding."""
    roles = [torch.ones(2, width, dtype=torch.bool) for width in WIDTHS]
    roles[0][1, 2:] = False  # the second replicate reads two features of the first modality
    modalities = tuple(ModalitySpec(f"m{index}", width, 1) for index, width in enumerate(WIDTHS))
    model = MultimodalVAE(ModelSpec(modalities, 2, "mixture", n_hidden=4, shared_path=True), [0, 1], roles)
    weight = model.networks(0).shared_encoder.hidden.weight
    before = weight.detach().clone()
    optimiser = ReplicateAdam(model, 0.01, apart=False, wide_layer=1)
    _gradients(model, 0)
    optimiser.step([True, True])
    moved = (weight.detach() - before).abs()
    for replicate, inputs in enumerate((WIDTHS[0], 2)):
        expected = torch.full_like(moved[replicate, :inputs], 0.01 / inputs**0.5)
        torch.testing.assert_close(moved[replicate, :inputs], expected, rtol=1e-3, atol=1e-6)
