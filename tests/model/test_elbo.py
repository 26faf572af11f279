from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mmvae_cli.model.batch import Batch
from mmvae_cli.model.elbo import LABEL, evaluate
from mmvae_cli.model.likelihoods import LIKELIHOODS
from mmvae_cli.model.objectives import OBJECTIVES, Decode, Term
from tests.model.helpers import (
    LABELS,
    WEIGHTS,
    fixed_noise,
    gradients_of,
    ragged_batch,
    small_batch,
    small_model,
    some_roles,
    with_effects,
)
from tests.model.reference import Reference

EVERY_LIKELIHOOD = tuple(LIKELIHOODS)
every_objective = pytest.mark.parametrize("objective", OBJECTIVES)
every_size = pytest.mark.parametrize("n_modalities", [2, 3, 4])
with_and_without_label = pytest.mark.parametrize("label", ["no label", "two classes"])


def _equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor], tolerance: float = 0.0) -> None:
    for name, gradient in first.items():
        torch.testing.assert_close(gradient, second[name], atol=tolerance, rtol=tolerance, msg=f"gradient of {name}")


@every_objective
@every_size
@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("drawn", [False, True], ids=["mean", "drawn"])
def test_loss_and_gradients_equal_a_slow_second_implementation(
    objective: str, n_modalities: int, label: str, drawn: bool
) -> None:
    model = small_model(objective, n_modalities, label=LABELS[label], likelihoods=EVERY_LIKELIHOOD)
    batch = ragged_batch(model, 5, seed=n_modalities)
    terms = OBJECTIVES[objective].terms(n_modalities)
    noise = fixed_noise(1) if drawn else None
    loss = evaluate(model, terms, batch, beta=0.3, weights=WEIGHTS, noise=noise).loss
    ours = gradients_of(model, loss)
    drawn_noise = noise(len(terms), 5, model.spec.layout.size)[:, 0] if noise else None
    expected = Reference(model, batch).loss(terms, noise=drawn_noise, beta=0.3, weights=WEIGHTS)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    _equal(ours, gradients_of(model, expected), 1e-10)


@every_objective
@every_size
def test_every_replicate_equals_the_second_implementation_on_its_own_samples(objective: str, n_modalities: int) -> None:
    model = small_model(objective, n_modalities, label=LABELS["two classes"], seeds=(3, 4, 5))
    batch = replace(ragged_batch(model, 4), n_samples=torch.tensor([4, 3, 2]))
    terms = OBJECTIVES[objective].terms(n_modalities)
    loss = evaluate(model, terms, batch, weights=WEIGHTS).loss
    expected = [Reference(model, batch, replicate).loss(terms, weights=WEIGHTS).item() for replicate in range(3)]
    assert loss.tolist() == pytest.approx(expected, rel=1e-12)


@every_objective
@every_size
@pytest.mark.parametrize("n_shared", [None, (2, 0, 1)])
def test_features_with_roles_equal_the_second_implementation(
    objective: str, n_modalities: int, n_shared: tuple[int, ...] | None
) -> None:
    """Each replicate with its own numbers of shared features and latents; one has no shared feature in a modality."""
    roles = some_roles(n_modalities, 3)
    model = small_model(
        objective, n_modalities, label=LABELS["two classes"], likelihoods=EVERY_LIKELIHOOD, seeds=(3, 4, 5),
        roles=roles, n_shared=n_shared,
    )  # fmt: skip
    for m, of_modality in enumerate(roles):
        view = model.networks(m).shared_features
        for replicate in range(3):
            chosen = view.columns[replicate][view.valid[replicate]].tolist()
            assert chosen == of_modality[replicate].nonzero()[:, 0].tolist()
    batch, terms, noise = ragged_batch(model, 5), OBJECTIVES[objective].terms(n_modalities), fixed_noise(1, 3)
    loss = evaluate(model, terms, batch, beta=0.3, weights=WEIGHTS, noise=noise).loss
    drawn = noise(len(terms), 5, model.spec.layout.size)
    references = [Reference(model, batch, replicate) for replicate in range(3)]
    expected = [one.loss(terms, noise=drawn[:, r], beta=0.3, weights=WEIGHTS) for r, one in enumerate(references)]
    assert loss.tolist() == pytest.approx([one.item() for one in expected], rel=1e-12)
    _equal(gradients_of(model, loss), gradients_of(model, torch.stack(expected)), 1e-10)


@every_objective
@pytest.mark.parametrize("with_roles", [False, True])
def test_missing_entries_equal_the_second_implementation(objective: str, with_roles: bool) -> None:
    model = small_model(
        objective, 2, likelihoods=EVERY_LIKELIHOOD, seeds=(3, 4), roles=some_roles(2, 2) if with_roles else None
    )
    batch = ragged_batch(model, 5)
    generator = torch.Generator().manual_seed(2)
    known = torch.rand(batch.x[0].shape, generator=generator) < 0.6
    known[:, 1] = False  # nothing known of one sample that is observed
    batch = replace(batch, known=(known, None))
    terms = OBJECTIVES[objective].terms(2)
    loss = evaluate(model, terms, batch, beta=0.3, weights=WEIGHTS).loss
    expected = [Reference(model, batch, replicate).loss(terms, beta=0.3, weights=WEIGHTS) for replicate in range(2)]
    assert loss.tolist() == pytest.approx([one.item() for one in expected], rel=1e-12)
    _equal(gradients_of(model, loss), gradients_of(model, torch.stack(expected)), 1e-10)


@every_objective
@pytest.mark.parametrize("with_roles", [False, True])
@pytest.mark.parametrize("condition_encoders", [False, True])
def test_covariates_equal_the_second_implementation(objective: str, with_roles: bool, condition_encoders: bool) -> None:
    roles = some_roles(3, 2) if with_roles else None
    model = with_effects(
        small_model(
            objective, 3, label=LABELS["two classes"], likelihoods=EVERY_LIKELIHOOD, seeds=(3, 4), roles=roles,
            n_covariates=3, condition_encoders=condition_encoders,
        )
    )  # fmt: skip
    batch, terms, noise = ragged_batch(model, 5), OBJECTIVES[objective].terms(3), fixed_noise(1, 2)
    loss = evaluate(model, terms, batch, beta=0.3, weights=WEIGHTS, noise=noise).loss
    drawn = noise(len(terms), 5, model.spec.layout.size)
    references = [Reference(model, batch, replicate) for replicate in range(2)]
    expected = [one.loss(terms, noise=drawn[:, r], beta=0.3, weights=WEIGHTS) for r, one in enumerate(references)]
    assert loss.tolist() == pytest.approx([one.item() for one in expected], rel=1e-12)
    ours = gradients_of(model, loss)
    _equal(ours, gradients_of(model, torch.stack(expected)), 1e-10)
    told = {name.split(".")[2] for name, found in ours.items() if name.endswith("effect.weight") and found.any()}
    assert {name for name in told if name.endswith("encoder")} == (
        {name.removesuffix(".weight").split(".")[2] for name in ours if "encoder.effect" in name}
        if condition_encoders
        else set()
    )
    assert {name for name in told if name.endswith("decoder")} >= {"decoder"}


@every_objective
def test_a_model_starts_as_one_without_covariates(objective: str) -> None:
    model = small_model(objective, 3, roles=some_roles(3, 1), n_covariates=2, condition_encoders=True)
    without = small_model(objective, 3, roles=some_roles(3, 1))
    batch, terms = ragged_batch(model, 5), OBJECTIVES[objective].terms(3)
    assert torch.equal(evaluate(model, terms, batch).loss, evaluate(without, terms, batch).loss)
    assert not any("effect" in name for name, _ in without.named_parameters())


def test_a_model_with_covariates_refuses_a_batch_without() -> None:
    with pytest.raises(ValueError, match="covariates"):
        evaluate(small_model("mvae", n_covariates=2), OBJECTIVES["mvae"].terms(2), small_batch())


@pytest.mark.parametrize("objective", sorted(set(OBJECTIVES) - {"mvae"}))
def test_other_features_do_not_steer_the_shared_latents_of_another_modality(objective: str) -> None:
    """What a shared encoder reads, and what is scored where another modality encoded, has the role shared."""
    roles = some_roles(2, 1)
    model, terms = small_model(objective, 2, roles=roles), OBJECTIVES[objective].terms(2)
    batch = small_batch(2)
    other = torch.where(roles[0].unsqueeze(1), 0.0, 3.0)  # added to the other features of the first modality
    changed = replace(batch, x=(batch.x[0] + other, batch.x[1]))
    first, second = (model.encode(one)[0][..., model.shared] for one in (batch, changed))
    assert torch.equal(first, second)
    scored = [(term, tuple(decode for decode in term.decodes if decode.only_shared)) for term in terms]
    cross = [replace(t, decodes=d) for t, d in scored if d and (0 not in t.encode or d[0].shared_decoder)]
    losses = [evaluate(model, cross, one).loss for one in (batch, changed)]
    assert cross
    assert torch.equal(*losses)


def test_private_path_cannot_reach_the_shared_path() -> None:
    model = small_model("mmvaex", 3)
    terms = [
        replace(t, decodes=tuple(d for d in t.decodes if not d.shared_decoder)) for t in OBJECTIVES["mmvaex"].terms(3)
    ]
    found = gradients_of(model, evaluate(model, terms, small_batch(3), beta=0.0, noise=fixed_noise()).loss)
    steered = [name for name, gradient in found.items() if "shared" in name and gradient.any()]
    assert not steered
    assert any("encoder" in name and gradient.any() for name, gradient in found.items())


@every_objective
def test_the_parts_reported_add_up_to_the_loss(objective: str) -> None:
    model = small_model(objective, 3, label=LABELS["two classes"])
    elbo = evaluate(model, OBJECTIVES[objective].terms(3), ragged_batch(model), beta=0.3, weights=WEIGHTS)
    parts = sum(WEIGHTS[name] * value for name, value in elbo.log_likelihood.items())
    torch.testing.assert_close(elbo.loss.detach(), 0.3 * elbo.kl - parts, atol=0, rtol=1e-12)
    assert set(elbo.log_likelihood) == {"m0", "m1", "m2", LABEL}


@every_objective
def test_weights_that_are_not_named_are_one(objective: str) -> None:
    model = small_model(objective, label=LABELS["two classes"])
    batch, terms = ragged_batch(model), OBJECTIVES[objective].terms(2)
    named = evaluate(model, terms, batch, weights={"m0": 1.0, "m1": 1.0, LABEL: 1.0}).loss
    assert torch.equal(evaluate(model, terms, batch).loss, named)


@every_objective
@every_size
@with_and_without_label
def test_missing_modality_gives_no_gradient_to_its_networks(objective: str, n_modalities: int, label: str) -> None:
    model = small_model(objective, n_modalities, label=LABELS[label])
    batch = small_batch(n_modalities, missing={1: range(6)}, label=label != "no label")
    loss = evaluate(model, OBJECTIVES[objective].terms(n_modalities), batch, noise=fixed_noise()).loss
    found = gradients_of(model, loss)
    missing = {name: gradient for name, gradient in found.items() if name.startswith("modalities.1.")}
    assert len(missing) == sum(name.startswith("modalities.1.") for name, _ in model.named_parameters()) >= 9
    assert not any(gradient.any() for gradient in missing.values())
    assert all(gradient.any() for name, gradient in found.items() if name not in missing)


@every_objective
@every_size
@with_and_without_label
@pytest.mark.parametrize("filling", [torch.nan, torch.inf, 7.0])
def test_what_stands_in_unobserved_rows_changes_nothing(
    objective: str, n_modalities: int, label: str, filling: float
) -> None:
    model = small_model(objective, n_modalities, label=LABELS[label])
    batch, terms = ragged_batch(model), OBJECTIVES[objective].terms(n_modalities)

    def filled(value: float) -> Batch:
        x = tuple(
            torch.where(observed.unsqueeze(-1), x, value) for x, observed in zip(batch.x, batch.observed, strict=True)
        )
        known = batch.labelled
        return replace(
            batch, x=x, label=None if known is None else torch.where(known.unsqueeze(-1), batch.label, value)
        )

    zeros = evaluate(model, terms, filled(0.0), noise=fixed_noise()).loss
    other = evaluate(model, terms, filled(filling), noise=fixed_noise()).loss
    assert torch.equal(zeros, other)
    _equal(gradients_of(model, zeros), gradients_of(model, other))


@every_objective
@every_size
@with_and_without_label
def test_sample_without_modality_changes_only_the_denominator(objective: str, n_modalities: int, label: str) -> None:
    model = small_model(objective, n_modalities, label=LABELS[label])
    terms, noise = OBJECTIVES[objective].terms(n_modalities), fixed_noise()
    batch = small_batch(n_modalities, 7, missing={m: [6] for m in range(n_modalities)}, label=label != "no label")
    first = Batch(
        tuple(x[:, :6] for x in batch.x),
        tuple(observed[:, :6] for observed in batch.observed),
        6,
        None if batch.label is None else batch.label[:, :6],
    )
    without = evaluate(model, terms, first, noise=lambda terms, _, latents: noise(terms, 7, latents)[:, :, :6]).loss
    loss = evaluate(model, terms, batch, noise=noise).loss
    assert loss.item() == pytest.approx(without.item() * 6 / 7, rel=1e-13)
    _equal(gradients_of(model, 7 * loss), gradients_of(model, 6 * without), 1e-12)


@every_objective
@every_size
def test_networks_have_no_gradient_for_latents_they_do_not_own(objective: str, n_modalities: int) -> None:
    model = small_model(objective, n_modalities, label=LABELS["two classes"])
    batch, terms = small_batch(n_modalities, label=True), OBJECTIVES[objective].terms(n_modalities)
    found = gradients_of(model, evaluate(model, terms, batch, noise=fixed_noise()).loss)
    for m in range(n_modalities):
        owned = model.owned[m, 0]
        fills = (
            {"encoder": owned & ~model.shared, "shared_encoder": model.shared}
            if model.reads_roles
            else {"encoder": owned}
        )
        for network, filled in fills.items():
            outputs = found[f"modalities.{m}.{network}.output.weight"][0]
            assert not outputs[:, ~filled.repeat(2)].any()
            assert outputs[:, filled.repeat(2)].any(0).all()
        reads = {"decoder": owned, "shared_decoder": model.shared} if model.spec.shared_path else {"decoder": owned}
        for network, read in reads.items():
            inputs = found[f"modalities.{m}.{network}.hidden.weight"][0]
            assert not inputs[~read].any()
            assert inputs[read].any(1).all()
    label = found["label_decoder.head.weight"][0]
    assert not label[~model.shared].any()
    assert label[model.shared].all()


@every_objective
@every_size
def test_batch_where_no_sample_counts_has_loss_zero_and_no_gradient(objective: str, n_modalities: int) -> None:
    model = small_model(objective, n_modalities, label=LABELS["two classes"])
    batch = small_batch(n_modalities, missing={m: range(6) for m in range(n_modalities)}, label=True)
    loss = evaluate(model, OBJECTIVES[objective].terms(n_modalities), batch, noise=fixed_noise()).loss
    assert loss.item() == 0.0
    assert not any(gradient.any() for gradient in gradients_of(model, loss).values())


def test_only_a_decode_that_says_so_is_cut_off_from_the_shared_latents() -> None:
    """Same-modality decodes alone, no KL: the only way to the encoder's shared outputs is through their decoders."""
    for objective, cut in (("mmvaepp", True), ("mmvae", False)):
        model, batch = small_model(objective, 3), small_batch(3)
        terms = [
            Term(term.encode, tuple(decode for decode in term.decodes if decode.modality in term.encode))
            for term in OBJECTIVES[objective].terms(3)
        ]
        found = gradients_of(model, evaluate(model, terms, batch, beta=0.0, noise=fixed_noise()).loss)
        for m in range(3):
            outputs = found[f"modalities.{m}.encoder.output.weight"][0]
            assert bool(outputs[:, model.shared.repeat(2)].any()) != cut
            private = torch.zeros_like(model.shared)
            private[model.spec.layout.private_block(m)] = True
            assert outputs[:, private.repeat(2)].any(0).all()
            assert found[f"modalities.{m}.decoder.hidden.weight"][0][model.shared].any(1).all()


@pytest.mark.parametrize("what", ["kl", "label", "other modality"])
def test_kl_label_and_other_decoders_reach_the_shared_latents_of_a_detaching_term(what: str) -> None:
    model = small_model("mmvaepp", label=LABELS["two classes"])
    batch = small_batch(label=what == "label")
    decodes = (Decode(0, detach_shared=True), *((Decode(1),) if what == "other modality" else ()))
    loss = evaluate(model, [Term((0,), decodes)], batch, beta=float(what == "kl"), noise=fixed_noise()).loss
    outputs = gradients_of(model, loss)["modalities.0.encoder.output.weight"][0]
    assert outputs[:, model.shared.repeat(2)].any(0).all()


@every_objective
def test_detaching_does_not_change_the_loss(objective: str) -> None:
    model, terms = small_model(objective, 3), OBJECTIVES[objective].terms(3)
    batch = ragged_batch(model)
    losses = [
        evaluate(model, [_detached(term, every) for term in terms], batch, noise=fixed_noise()).loss
        for every in (False, True)
    ]
    assert torch.equal(*losses)


def _detached(term: Term, detach: bool) -> Term:
    return replace(term, decodes=tuple(replace(decode, detach_shared=detach) for decode in term.decodes))


@every_objective
@pytest.mark.parametrize("label", ["two classes", "three classes", "number"])
def test_samples_without_label_train_as_without_supervision(objective: str, label: str) -> None:
    supervised, plain = small_model(objective, label=LABELS[label]), small_model(objective)
    batch, terms = small_batch(label=True), OBJECTIVES[objective].terms(2)
    unlabelled = replace(batch, labelled=torch.zeros(1, 6, dtype=torch.bool))
    loss = evaluate(supervised, terms, unlabelled, noise=fixed_noise()).loss
    expected = evaluate(plain, terms, batch, noise=fixed_noise()).loss
    assert torch.equal(loss, expected)
    found = gradients_of(supervised, loss)
    _equal(gradients_of(plain, expected), found)
    assert not any(gradient.any() for name, gradient in found.items() if name.startswith("label"))


@every_objective
@every_size
def test_the_label_adds_its_likelihood_to_every_term(objective: str, n_modalities: int) -> None:
    model = small_model(objective, n_modalities, label=LABELS["two classes"])
    batch, terms = small_batch(n_modalities, label=True), OBJECTIVES[objective].terms(n_modalities)
    with_label = evaluate(model, terms, batch, weights=WEIGHTS)
    without = evaluate(model, terms, replace(batch, label=None), weights=WEIGHTS)
    difference = with_label.loss - without.loss
    assert difference.item() == pytest.approx(-2.5 * with_label.log_likelihood[LABEL].item(), rel=1e-12)
    assert LABEL not in without.log_likelihood
    single = [evaluate(model, [term], batch).log_likelihood[LABEL].item() for term in terms]
    assert with_label.log_likelihood[LABEL].item() == pytest.approx(sum(single), rel=1e-12)


@every_objective
def test_evaluation_in_inference_mode_leaves_later_training_possible(objective: str) -> None:
    # tables are kept from call to call: this one no other test asks for
    terms = tuple(replace(term, weight=1.5) for term in reversed(OBJECTIVES[objective].terms(4)))
    model, batch = small_model(objective, 4), small_batch(4)
    with torch.inference_mode():
        at_rest = evaluate(model, terms, batch).loss
    loss = evaluate(model, terms, batch).loss
    assert loss.item() == at_rest.item()
    loss.sum().backward()


@every_objective
def test_infinite_log_likelihood_of_an_unobserved_row_leaves_the_loss_finite(objective: str) -> None:
    model = small_model(objective, likelihoods=("gaussian", "poisson"))
    batch, terms = small_batch(missing={1: range(6)}), OBJECTIVES[objective].terms(2)
    expected = evaluate(model, terms, batch).loss
    model.networks(1).decoder.head.bias.data.fill_(1000.0)  # a rate of e^1000
    assert torch.equal(evaluate(model, terms, batch).loss, expected)
