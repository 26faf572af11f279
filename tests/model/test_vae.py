from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mmvae_cli.model.batch import Batch
from mmvae_cli.model.elbo import evaluate
from mmvae_cli.model.experts import POSTERIORS
from mmvae_cli.model.likelihoods import LIKELIHOODS
from mmvae_cli.model.objectives import OBJECTIVES
from mmvae_cli.model.spec import LabelSpec, ModalitySpec, ModelSpec, keyed_torch_generator
from mmvae_cli.model.vae import MultimodalVAE
from tests.model.helpers import (
    LABELS,
    fixed_noise,
    gradients_of,
    ragged_batch,
    small_batch,
    small_model,
    some_roles,
    with_effects,
)

every_objective = pytest.mark.parametrize("objective", OBJECTIVES)
every_posterior = pytest.mark.parametrize("posterior", POSTERIORS)


def _model(posterior: str, n_modalities: int = 3, **options: object) -> MultimodalVAE:
    objective = next(name for name, row in OBJECTIVES.items() if row.posterior == posterior)
    return small_model(objective, n_modalities, **options)  # type: ignore[arg-type]


def _experts(model: MultimodalVAE, batch: Batch) -> tuple[Tensor, Tensor]:
    """Means and precisions (modalities, samples, latents) of one replicate; precision 0 where there is no expert."""
    means, sds, usable = model.encode(batch)
    return torch.where(usable, means, 0.0)[:, 0], torch.where(usable, 1 / (sds**2 + 1e-8), 0.0)[:, 0]


@every_objective
@pytest.mark.parametrize("label", LABELS)
def test_replicates_equal_models_of_one_seed(objective: str, label: str) -> None:
    both = small_model(objective, 3, label=LABELS[label], seeds=(3, 4), likelihoods=tuple(LIKELIHOODS))
    batch, terms = ragged_batch(both), OBJECTIVES[objective].terms(3)
    loss = evaluate(both, terms, batch, noise=fixed_noise(n_replicates=2)).loss
    found = gradients_of(both, loss)
    for replicate, seed in enumerate((3, 4)):
        single = small_model(objective, 3, label=LABELS[label], seeds=(seed,), likelihoods=tuple(LIKELIHOODS))
        own = evaluate(single, terms, _of_replicate(batch, replicate), noise=fixed_noise()).loss
        assert loss[replicate].item() == pytest.approx(own.item(), rel=1e-12)
        for name, gradient in gradients_of(single, own).items():
            torch.testing.assert_close(found[name][replicate], gradient[0], rtol=1e-12, atol=1e-12, msg=name)


def _of_replicate(batch: Batch, replicate: int) -> Batch:
    at = slice(replicate, replicate + 1)
    return replace(
        batch,
        x=tuple(x[at] for x in batch.x),
        observed=tuple(observed[at] for observed in batch.observed),
        label=None if batch.label is None else batch.label[at],
        labelled=None if batch.labelled is None else batch.labelled[at],
    )


@pytest.mark.parametrize("kept", [[1], [0, 2], [2, 0]])
def test_keep_leaves_the_named_replicates_in_the_named_order(kept: list[int]) -> None:
    seeds = (3, 4, 5)
    model = small_model("mopoe", label=LABELS["number"], seeds=seeds)
    evaluate(model, OBJECTIVES["mopoe"].terms(2), ragged_batch(model)).loss.sum().backward()
    model.keep(kept)
    expected = small_model("mopoe", label=LABELS["number"], seeds=[seeds[replicate] for replicate in kept])
    assert model.n_replicates == len(kept)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, expected.get_parameter(name))
        assert parameter.grad is None
        assert parameter.requires_grad
    batch = ragged_batch(model)
    terms = OBJECTIVES["mopoe"].terms(2)
    assert torch.equal(evaluate(model, terms, batch).loss, evaluate(expected, terms, batch).loss)


def test_weights_depend_on_seed_and_modality_alone() -> None:
    specs = [ModalitySpec("rna", 5, 2), ModalitySpec("protein", 4, 1)]
    one, other = (MultimodalVAE(ModelSpec(tuple(order), 2, "product"), [7]) for order in (specs, specs[::-1]))
    for here, there in ((0, 1), (1, 0)):
        for value, same in zip(one.networks(here).parameters(), other.networks(there).parameters(), strict=True):
            assert torch.equal(value, same)
    assert not torch.equal(one.networks(0).decoder.hidden.weight, one.networks(1).decoder.hidden.weight)


def test_a_label_decoder_leaves_the_other_weights_as_they_are() -> None:
    plain, supervised = small_model("mvae"), small_model("mvae", label=LABELS["three classes"])
    for name, parameter in plain.named_parameters():
        assert torch.equal(parameter, supervised.get_parameter(name))


def test_keyed_generators_differ_by_seed_and_by_every_name() -> None:
    keys = [(0, "a", "b"), (1, "a", "b"), (0, "ab"), (0, "a"), (0, "b", "a")]
    drawn = [torch.rand(1, generator=keyed_torch_generator(seed, *names)).item() for seed, *names in keys]
    assert len(set(drawn)) == len(keys)
    assert torch.rand(1, generator=keyed_torch_generator(0, "a", "b")).item() == drawn[0]


@pytest.mark.parametrize(("n_classes", "n_outputs"), [(0, 1), (2, 1), (3, 3), (7, 7)])
def test_label_decoder_has_one_output_for_a_number_or_two_classes(n_classes: int, n_outputs: int) -> None:
    spec = LabelSpec("bernoulli" if n_classes == 2 else "categorical", n_classes)
    assert spec.n_outputs == n_outputs
    assert small_model("mvae", label=spec).label_decoder.head.weight.shape == (1, 5, n_outputs)


@every_posterior
def test_decoder_ignores_latents_it_does_not_own(posterior: str) -> None:
    model, batch = _model(posterior, 4), small_batch(4, 5)
    latents = fixed_noise()(1, 5, model.spec.layout.size)[0]
    for m in range(4):
        other = torch.where(model.owned[m, 0], latents, torch.nan)
        assert torch.equal(model.decode(m, batch, latents), model.decode(m, batch, other))
        changed = torch.where(model.owned[m, 0], latents + 0.1, latents)
        assert not torch.equal(model.decode(m, batch, latents), model.decode(m, batch, changed))


@every_posterior
def test_prediction_is_nan_exactly_where_no_source_is_observed(posterior: str) -> None:
    model = _model(posterior)
    batch = small_batch(3, missing={0: [0, 1], 1: [1, 2], 2: [5]})
    for sources, without in (((0,), [0, 1]), ((0, 1), [1]), ((1,), [1, 2])):
        predicted = model.predict(batch, sources, 2)
        assert predicted.shape == (1, 6, 6)
        missing = predicted.isnan()
        assert missing[0, without].all()
        assert missing.sum() == len(without) * 6


def test_product_predicts_from_the_product_of_the_sources_and_the_prior() -> None:
    model, batch = _model("product"), small_batch(3, missing={1: [3]})
    means, precision = _experts(model, batch)
    pooled = (precision * means)[:2].sum(0) / (1 + precision[:2].sum(0))
    pooled[:, model.spec.layout.private_block(2)] = 0
    torch.testing.assert_close(
        model.predict(batch, (0, 1), 2), model.decode(2, batch, pooled[None]), rtol=1e-12, atol=1e-12
    )


def test_mixture_predicts_from_the_mean_of_the_shared_means_of_the_observed_sources() -> None:
    model, batch = _model("mixture"), small_batch(3, missing={1: [3]})
    means, _ = _experts(model, batch)
    pooled = means[:2].sum(0) / 2
    pooled[3] = means[0, 3]
    pooled[:, ~model.shared] = 0
    torch.testing.assert_close(
        model.predict(batch, (0, 1), 2), model.decode(2, batch, pooled[None]), rtol=1e-12, atol=1e-12
    )


@every_posterior
def test_prediction_from_others_uses_no_private_latents_of_the_target(posterior: str) -> None:
    model, batch = _model(posterior), small_batch(3)
    for target in range(3):
        sources = [m for m in range(3) if m != target]
        block = model.spec.layout.private_block(target)
        assert not model.cross_latents(model.encode(batch), sources)[..., block].any()
        expected = model.predict(batch, sources, target)
        shuffled = tuple(x.flip(1) if m == target else x for m, x in enumerate(batch.x))
        assert torch.equal(model.predict(replace(batch, x=shuffled), sources, target), expected)
        assert not torch.equal(model.predict(batch, [target], target), expected)


@every_posterior
def test_prediction_of_a_source_includes_its_private_latents(posterior: str) -> None:
    model, batch = _model(posterior), small_batch(3)
    means, precision = _experts(model, batch)
    block = model.spec.layout.private_block(1)
    own = (means * precision / (precision + (1 if posterior == "product" else 0)))[1, :, block]
    for sources in ([1], [0, 1], [0, 1, 2]):
        latents = model.embed(batch, sources)
        torch.testing.assert_close(latents[0, :, block], own, rtol=1e-12, atol=1e-12)
        assert torch.equal(model.predict(batch, sources, 1), model.decode(1, batch, latents))


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_prediction_is_the_mean_of_the_likelihood(name: str) -> None:
    model = small_model("mvae", likelihoods=(name,))
    batch = ragged_batch(model)
    latents = model.cross_latents(model.encode(batch), [0])
    networks = model.networks(1)
    outputs = networks.decoder.head(networks.decoder(torch.where(model.owned[1], latents, 0.0)))
    expected = networks.likelihood.mean(outputs, dict(networks.feature))
    observed = batch.observed[0]
    assert torch.equal(model.predict(batch, [0], 1)[observed], expected[observed])


@every_posterior
@pytest.mark.parametrize("joint", ["precision", "mean"])
def test_joint_embedding_pools_as_the_spec_says(posterior: str, joint: str) -> None:
    model, batch = _model(posterior, joint=joint), small_batch(3, missing={1: [3], 2: [3, 4]})
    means, precision = _experts(model, batch)
    if posterior == "product":
        expected = (precision * means).sum(0) / (1 + precision.sum(0))
    else:
        weight = precision if joint == "precision" else (precision > 0).double()
        expected = (weight * means).sum(0) / weight.sum(0).clamp(min=1e-300)
    torch.testing.assert_close(model.embed(batch)[0], expected, rtol=1e-12, atol=1e-12)


@every_posterior
@pytest.mark.parametrize("joint", ["precision", "mean"])
def test_embedding_is_zero_in_the_private_block_of_an_unobserved_modality(posterior: str, joint: str) -> None:
    model, batch = _model(posterior, joint=joint), small_batch(3, missing={1: [3], 2: [3, 4]})
    embedding = model.embed(batch)[0]
    zero = embedding == 0
    for m, rows in ((0, []), (1, [3]), (2, [3, 4])):
        block = zero[:, model.spec.layout.private_block(m)]
        assert [row for row in range(6) if block[row].all()] == rows
        assert block.any(1).sum() == len(rows)
    assert not zero[:, model.shared].any()


@every_posterior
def test_embedding_from_some_sources_equals_that_with_the_others_missing(posterior: str) -> None:
    model = _model(posterior)
    everything, only_two = small_batch(3), small_batch(3, missing={1: range(6)})
    torch.testing.assert_close(model.embed(everything, [0, 2]), model.embed(only_two), rtol=1e-13, atol=0)


@every_objective
def test_latents_follow_values_only_where_they_are_observed(objective: str) -> None:
    model = small_model(objective, 3)
    batch = ragged_batch(model)
    embedding = model.embed(batch)
    assert embedding.isfinite().all()
    nobody = ~batch.observed_mask().any(0)
    assert nobody.any()
    assert not embedding[nobody].any()


@every_objective
@pytest.mark.parametrize(("private", "shared"), [((0, 2), 2), ((2, 2), 0), ((0, 0), 3)])
def test_blocks_may_be_empty(objective: str, private: tuple[int, ...], shared: int) -> None:
    modalities = tuple(ModalitySpec(f"m{m}", 4, size) for m, size in enumerate(private))
    row = OBJECTIVES[objective]
    spec = ModelSpec(modalities, shared, row.posterior, label=LabelSpec("bernoulli", 2), shared_path=row.shared_path)
    model = MultimodalVAE(spec, [0]).double()
    batch = ragged_batch(model)
    loss = evaluate(model, OBJECTIVES[objective].terms(2), batch, noise=fixed_noise()).loss
    assert all(gradient.isfinite().all() for gradient in gradients_of(model, loss).values())
    assert model.embed(batch).shape == (1, 7, sum(private) + shared)


def test_state_holds_every_parameter_and_no_mask() -> None:
    model = small_model("mvae", label=LABELS["number"], seeds=(0, 1))
    state = model.state_dict()
    assert set(state) == {name for name, _ in model.named_parameters()}
    assert all(value.shape[0] == 2 for value in state.values())
    other = small_model("mvae", label=LABELS["number"], seeds=(5, 6))
    other.load_state_dict(state)
    batch, terms = ragged_batch(model), OBJECTIVES["mvae"].terms(2)
    assert torch.equal(evaluate(model, terms, batch).loss, evaluate(other, terms, batch).loss)


@torch.no_grad()
@pytest.mark.parametrize("roles", [None, "some"])
def test_the_full_decoder_adds_to_the_shared_one(roles: str | None) -> None:
    """Without outputs of its own it predicts shared features as others do, and the others by 0."""
    model = small_model("mmvaex", roles=None if roles is None else some_roles(2, 1))
    head = model.networks(1).decoder.head
    head.weight.data.zero_()
    head.bias.data.zero_()
    batch, latents = small_batch(2, 5), fixed_noise(4)(1, 5, model.spec.layout.size)[0]
    across = model.decode_cross(1, batch, torch.where(model.shared, latents, 0.0))
    torch.testing.assert_close(model.decode(1, batch, latents), torch.nan_to_num(across, nan=0.0))


@every_posterior
@pytest.mark.parametrize("condition_encoders", [False, True])
def test_a_prediction_depends_on_the_covariates_of_its_target_and_of_told_sources(
    posterior: str, condition_encoders: bool
) -> None:
    model = with_effects(_model(posterior, n_covariates=2, condition_encoders=condition_encoders))
    batch = ragged_batch(model)
    for changed in range(3):
        others = tuple(c + 1.0 if m == changed else c for m, c in enumerate(batch.covariates))
        found = replace(batch, covariates=others)
        known = batch.observed[0]
        same = torch.equal(model.predict(found, [0], 1)[known], model.predict(batch, [0], 1)[known])
        assert same == (changed == 2 or (changed == 0 and not condition_encoders))
        shown = ~model.embed(batch).isnan()
        same = torch.equal(model.embed(found)[shown], model.embed(batch)[shown])
        assert same == (not condition_encoders)
