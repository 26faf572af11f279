"""What the decoders see: whose draw, and what stands in for latents no encoder of the term fills."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from mmvae_cli.model.batch import Batch
from mmvae_cli.model.elbo import Noise, evaluate
from mmvae_cli.model.objectives import OBJECTIVES, Decode, Term
from mmvae_cli.model.vae import MultimodalVAE
from tests.model.helpers import fixed_noise, small_batch, small_model

every_objective = pytest.mark.parametrize("objective", OBJECTIVES)
every_size = pytest.mark.parametrize("n_modalities", [2, 3, 4])


def _decoding(terms: Sequence[Term], modality: int) -> list[int]:
    """Terms in which a modality is decoded by its decoder of all latents."""
    full = [[decode.modality for decode in term.decodes if not decode.shared_decoder] for term in terms]
    return [row for row, modalities in enumerate(full) if modality in modalities]


def _seen(model: MultimodalVAE, terms: Sequence[Term], batch: Batch, noise: Noise | None) -> dict[int, torch.Tensor]:
    """Latents each decoder sees: (terms that decode it, samples, latents)."""
    seen, hooks = {}, []
    for m in range(len(model.names)):

        def keep(_, inputs: tuple[torch.Tensor], m: int = m) -> None:
            seen[m] = inputs[0][0].unflatten(0, (-1, batch.x[0].shape[1])).detach()

        hooks.append(model.networks(m).decoder.register_forward_pre_hook(keep))
    evaluate(model, terms, batch, noise=noise)
    for hook in hooks:
        hook.remove()
    return seen


@every_objective
@every_size
def test_private_latents_without_encoder_are_prior_draws_under_product_and_zero_under_mixture(
    objective: str, n_modalities: int
) -> None:
    model, batch = small_model(objective, n_modalities), small_batch(n_modalities)
    terms = OBJECTIVES[objective].terms(n_modalities)
    draws = fixed_noise()(len(terms), 6, model.spec.layout.size)[:, 0]
    at_the_mean, drawn = _seen(model, terms, batch, None), _seen(model, terms, batch, fixed_noise())
    for m in range(n_modalities):
        block = model.spec.layout.private_block(m)
        decoding = _decoding(terms, m)
        without = [place for place, row in enumerate(decoding) if m not in terms[row].encode]
        prior = draws[[decoding[place] for place in without]][..., block]
        expected = prior if OBJECTIVES[objective].posterior == "product" else torch.zeros_like(prior)
        assert torch.equal(drawn[m][without][..., block], expected)
        assert not at_the_mean[m][without][..., block].any()


@every_objective
def test_every_term_has_its_own_draw(objective: str) -> None:
    model, batch, terms = small_model(objective, 3), small_batch(3), OBJECTIVES[objective].terms(3)
    block = model.spec.layout.shared_block
    means, draws = _seen(model, terms, batch, None), _seen(model, terms, batch, fixed_noise())
    noise = fixed_noise()(len(terms), 6, model.spec.layout.size)[:, 0, :, block]
    for m in range(3):
        decoding = _decoding(terms, m)
        sd = (draws[m] - means[m])[..., block] / noise[decoding]
        assert (sd > 0).all()  # each is its mean plus a positive sd times the term's own noise


def test_decoding_the_rest_uses_another_draw_than_decoding_the_sources() -> None:
    model, batch = small_model("mopoe"), small_batch()
    terms = (Term((0,), (Decode(0),)), Term((0,), (Decode(1),)))
    block = model.spec.layout.shared_block
    seen, mean = _seen(model, terms, batch, fixed_noise()), _seen(model, terms, batch, None)
    assert torch.equal(mean[0][..., block], mean[1][..., block])
    assert (seen[0][..., block] != seen[1][..., block]).all()
