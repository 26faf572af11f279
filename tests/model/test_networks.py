from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmvae_cli.model.networks import Decoder, Encoder, LabelDecoder, ReplicateLinear
from mmvae_cli.model.spec import keyed_torch_generator

N_INPUTS, N_HIDDEN, N_LATENTS = 9, 8, 5


def _generators(*seeds: int) -> list[torch.Generator]:
    return [keyed_torch_generator(seed, "test") for seed in seeds]


def _plain(layer: ReplicateLinear, replicate: int) -> nn.Linear:
    """The same layer of one replicate, as torch has it."""
    plain = nn.Linear(layer.weight.shape[1], layer.weight.shape[2]).double()
    plain.load_state_dict({"weight": layer.weight[replicate].T, "bias": layer.bias[replicate, 0]})
    return plain


def _rows(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_every_replicate_is_a_linear_layer_of_its_own() -> None:
    layer, x = ReplicateLinear(N_INPUTS, 4, _generators(1, 2)).double(), _rows(2, 6, N_INPUTS)
    for replicate in range(2):
        expected = _plain(layer, replicate)(x[replicate])
        torch.testing.assert_close(layer(x)[replicate], expected, rtol=1e-13, atol=1e-14)


def test_encoder_is_linear_leaky_relu_linear_and_softplus_for_the_sd() -> None:
    encoder, x = Encoder(N_INPUTS, N_HIDDEN, N_LATENTS, _generators(1, 2)).double(), _rows(2, 6, N_INPUTS)
    mean, sd = encoder(x)
    assert mean.shape == sd.shape == (2, 6, N_LATENTS)
    for replicate in range(2):
        plain = nn.Sequential(_plain(encoder.hidden, replicate), nn.LeakyReLU(0.01), _plain(encoder.output, replicate))
        outputs = plain(x[replicate])
        torch.testing.assert_close(mean[replicate], outputs[:, :N_LATENTS], rtol=1e-13, atol=1e-14)
        torch.testing.assert_close(sd[replicate], F.softplus(outputs[:, N_LATENTS:]), rtol=1e-13, atol=1e-14)


def test_decoder_is_linear_leaky_relu_and_a_linear_head() -> None:
    decoder, z = Decoder(N_LATENTS, N_HIDDEN, 7, _generators(1, 2)).double(), _rows(2, 6, N_LATENTS)
    outputs = decoder.head(decoder(z))
    for replicate in range(2):
        plain = nn.Sequential(_plain(decoder.hidden, replicate), nn.LeakyReLU(0.01), _plain(decoder.head, replicate))
        torch.testing.assert_close(outputs[replicate], plain(z[replicate]), rtol=1e-13, atol=1e-14)


def test_label_decoder_is_linear_in_the_latents() -> None:
    decoder, z = LabelDecoder(N_LATENTS, 3, _generators(1)).double(), _rows(1, 6, N_LATENTS)
    torch.testing.assert_close(decoder.head(decoder(z))[0], _plain(decoder.head, 0)(z[0]), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("n_inputs", [1, 16, 400])
def test_weights_start_as_in_a_layer_of_torch(n_inputs: int) -> None:
    layer, bound = ReplicateLinear(n_inputs, 500, _generators(0)), 1 / math.sqrt(n_inputs)
    for values in (layer.weight, layer.bias):
        assert values.abs().max() <= bound
        assert values.abs().max() > 0.95 * bound
        assert abs(values.mean().item()) < 0.15 * bound


def test_layer_without_inputs_gives_its_bias() -> None:
    layer = ReplicateLinear(0, 3, _generators(0))
    assert torch.equal(layer(torch.empty(1, 2, 0)), layer.bias.expand(1, 2, 3))


def test_a_seed_means_the_same_weights_whatever_seeds_are_beside_it() -> None:
    several, alone = (Encoder(N_INPUTS, N_HIDDEN, N_LATENTS, _generators(*seeds)) for seeds in ((5, 6, 7), (6,)))
    for several_values, values in zip(several.parameters(), alone.parameters(), strict=True):
        assert torch.equal(several_values[1], values[0])
        assert not torch.equal(several_values[0], values[0])


def test_mixed_precision_gives_posteriors_in_single_precision() -> None:
    encoder, x = Encoder(N_INPUTS, N_HIDDEN, N_LATENTS, _generators(1)), _rows(1, 6, N_INPUTS).float()
    mean, sd = encoder(x)
    with torch.autocast("cpu", torch.bfloat16):
        mixed_mean, mixed_sd = encoder(x)
    assert mixed_mean.dtype is mixed_sd.dtype is torch.float32
    torch.testing.assert_close(mixed_mean, mean, rtol=0.05, atol=0.02)
    torch.testing.assert_close(mixed_sd, sd, rtol=0.05, atol=0.02)
