from __future__ import annotations

import random
import re
from collections import Counter
from itertools import combinations
from statistics import fmean, stdev

import pytest
import torch

from mmvae_cli.model.batch import Batch
from mmvae_cli.model.elbo import evaluate
from mmvae_cli.model.experts import POSTERIORS
from mmvae_cli.model.objectives import ALIASES, OBJECTIVES, Decode, Objective, Term
from mmvae_cli.model.vae import MultimodalVAE
from tests.model.helpers import (
    LABELS,
    WEIGHTS,
    batch_of,
    fixed_noise,
    ragged_batch,
    small_batch,
    small_model,
    with_modalities,
)

every_objective = pytest.mark.parametrize("objective", OBJECTIVES)
every_size = pytest.mark.parametrize("n_modalities", [2, 3, 4])
with_and_without_label = pytest.mark.parametrize("label", ["no label", "two classes"])


def _written(objective: str, n_modalities: int, step: int = 0) -> list[str]:
    """Terms as the paper writes them: ``"01 → 0 1"``; a detached decode has a star."""
    return sorted(
        "".join(map(str, sorted(term.encode)))
        + " → "
        + " ".join(sorted(f"{decode.modality}{'*' * decode.detach_shared}" for decode in term.decodes))
        for term in OBJECTIVES[objective].terms(n_modalities, step)
    )


TABLES = {
    ("mvae", 2): ["0 → 0", "01 → 0 1", "1 → 1"],
    ("mvae", 3): ["0 → 0", "012 → 0 1 2", "1 → 1", "2 → 2"],
    ("mmvae", 2): ["0 → 0 1", "1 → 0 1"],
    ("mmvae", 3): ["0 → 0 1 2", "1 → 0 1 2", "2 → 0 1 2"],
    ("mmvaepp", 2): ["0 → 0* 1", "1 → 0 1*"],
    ("mmvaepp", 3): ["0 → 0* 1 2", "1 → 0 1* 2", "2 → 0 1 2*"],
    ("mopoe", 2): ["0 → 0", "0 → 1", "01 → 0 1", "1 → 0", "1 → 1"],
    ("mopoe", 3): [
        "0 → 0",
        "0 → 1 2",
        "01 → 0 1",
        "01 → 2",
        "012 → 0 1 2",
        "02 → 0 2",
        "02 → 1",
        "1 → 0 2",
        "1 → 1",
        "12 → 0",
        "12 → 1 2",
        "2 → 0 1",
        "2 → 2",
    ],
}


@pytest.mark.parametrize(("objective", "n_modalities"), TABLES)
def test_terms_are_those_of_the_paper(objective: str, n_modalities: int) -> None:
    assert _written(objective, n_modalities) == TABLES[objective, n_modalities]


def test_posteriors_are_those_of_the_papers() -> None:
    found = {name: objective.posterior for name, objective in OBJECTIVES.items()}
    expected = {"mvae": "product", "mopoe": "product", "mmvae": "mixture", "mmvaepp": "mixture"}
    assert expected.items() <= found.items()


@every_objective
@pytest.mark.parametrize("n_modalities", [2, 3, 4, 5, 6, 7])
def test_every_modality_is_encoded_and_decoded(objective: str, n_modalities: int) -> None:
    terms = OBJECTIVES[objective].terms(n_modalities)
    everything = set(range(n_modalities))
    assert {m for term in terms for m in term.encode} == everything
    assert {decode.modality for term in terms for decode in term.decodes} == everything
    assert len(set(terms)) == len(terms)


@every_objective
def test_row_names_a_posterior_there_is_and_its_source(objective: str) -> None:
    row = OBJECTIVES[objective]
    assert row.posterior in POSTERIORS
    assert re.fullmatch(r".+, .+, \d{4}", row.source)


def test_aliases_stand_for_objectives_and_hide_none() -> None:
    assert set(ALIASES.values()) <= set(OBJECTIVES)
    assert not set(ALIASES) & set(OBJECTIVES)
    assert ALIASES["mmvae++"] == "mmvaepp"


@every_objective
def test_one_modality_is_refused(objective: str) -> None:
    with pytest.raises(ValueError, match="at least two modalities"):
        OBJECTIVES[objective].terms(1)


@pytest.mark.parametrize(
    ("encode", "decodes", "said"),
    [
        ((), (Decode(0),), "something to encode"),
        ((0,), (), "something to encode"),
        ((0, 0), (Decode(0),), "twice"),
        ((0,), (Decode(1), Decode(1, detach_shared=True)), "twice"),
    ],
)
def test_senseless_term_is_refused(encode: tuple[int, ...], decodes: tuple[Decode, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Term(encode, decodes)


@every_objective
@every_size
@with_and_without_label
def test_order_of_modalities_does_not_matter(objective: str, n_modalities: int, label: str) -> None:
    model = small_model(objective, n_modalities, label=LABELS[label])
    batch, terms = ragged_batch(model), OBJECTIVES[objective].terms(n_modalities)
    loss = evaluate(model, terms, batch, beta=0.7, weights=WEIGHTS).loss
    for seed in range(3):
        order = random.Random(seed).sample(range(n_modalities), n_modalities)
        order = order if order != sorted(order) else order[::-1]
        other = with_modalities(model, order)
        permuted = evaluate(other, terms, batch_of(batch, order), beta=0.7, weights=WEIGHTS).loss
        assert permuted.item() == pytest.approx(loss.item(), rel=1e-12)


FACTORS = {"mvae": 1.0, "mmvae": 1.0, "mmvaepp": 1.0, "mopoe": 2.0}


@pytest.mark.parametrize("objective", FACTORS)
@pytest.mark.parametrize("absent", [0, 1, 2])
@with_and_without_label
def test_modality_missing_everywhere_leaves_a_multiple_of_the_loss_of_the_others(
    objective: str, absent: int, label: str
) -> None:
    three = small_model(objective, 3, label=LABELS[label])
    present = [m for m in range(3) if m != absent]
    two = with_modalities(three, present)
    batch = small_batch(3, missing={absent: range(6), present[0]: [2, 3]}, label=label != "no label")
    of_three = evaluate(three, OBJECTIVES[objective].terms(3), batch, beta=0.7, weights=WEIGHTS).loss
    of_two = evaluate(two, OBJECTIVES[objective].terms(2), batch_of(batch, present), beta=0.7, weights=WEIGHTS).loss
    assert of_three.item() == pytest.approx(FACTORS[objective] * of_two.item(), rel=1e-12)


@pytest.mark.parametrize("n_modalities", [2, 3, 4, 5])
def test_mopoe_has_all_subsets_up_to_five_modalities(n_modalities: int) -> None:
    terms = OBJECTIVES["mopoe"].terms(n_modalities)
    assert len(terms) == 2 ** (n_modalities + 1) - 3
    assert all(term.weight == 1.0 for term in terms)
    assert not OBJECTIVES["mopoe"].varies(n_modalities)
    assert terms == OBJECTIVES["mopoe"].terms(n_modalities, step=7)


@pytest.mark.parametrize("n_modalities", [6, 7, 9])
def test_mopoe_samples_subsets_above_five_modalities(n_modalities: int) -> None:
    mopoe = OBJECTIVES["mopoe"]
    terms = mopoe.terms(n_modalities, step=3)
    sizes = Counter(len(term.encode) for term in terms)
    n_sampled = sum(count for size, count in sizes.items() if 1 < size < n_modalities) // 2
    assert sizes[n_modalities] == 1
    assert sizes[1] == 2 * n_modalities
    assert n_sampled == 25
    for term in terms:
        between = 1 < len(term.encode) < n_modalities
        assert term.weight == ((2**n_modalities - n_modalities - 2) / n_sampled if between else 1.0)
    assert mopoe.varies(n_modalities)
    assert terms == mopoe.terms(n_modalities, step=3)
    assert terms != mopoe.terms(n_modalities, step=4)


def test_sampled_subsets_are_decoded_to_themselves_and_to_the_rest() -> None:
    terms = OBJECTIVES["mopoe"].terms(6)
    targets = {(term.encode, tuple(decode.modality for decode in term.decodes)) for term in terms}
    for subset in {term.encode for term in terms if len(term.encode) < 6}:
        assert (subset, subset) in targets
        assert (subset, tuple(m for m in range(6) if m not in subset)) in targets


def _losses_of_subsets(model: MultimodalVAE, batch: Batch) -> dict[tuple[int, ...], float]:
    """Loss of S → S and S → rest together, for every subset S."""
    everything, losses = range(len(model.names)), {}
    for size in everything:
        for subset in combinations(everything, size + 1):
            rest = tuple(Decode(m) for m in everything if m not in subset)
            terms = [Term(subset, tuple(Decode(m) for m in subset)), *([Term(subset, rest)] if rest else [])]
            losses[subset] = evaluate(model, terms, batch).loss.item()
    return losses


def test_sampled_subsets_give_the_sum_over_all_of_them_on_average() -> None:
    model, batch = small_model("mopoe", 6), small_batch(6, missing={1: [0], 2: [0, 1], 4: [3]})
    losses = _losses_of_subsets(model, batch)
    assert len(losses) == 63
    mopoe, sampled = OBJECTIVES["mopoe"], []
    for step in range(1000):
        weights = {term.encode: term.weight for term in mopoe.terms(6, step)}
        sampled.append(sum(weight * losses[subset] for subset, weight in weights.items()))
    standard_error = stdev(sampled) / len(sampled) ** 0.5
    assert standard_error < 0.02 * sum(losses.values())
    assert fmean(sampled) == pytest.approx(sum(losses.values()), abs=4 * standard_error)
    assert evaluate(model, mopoe.terms(6, 5), batch).loss.item() == pytest.approx(sampled[5], rel=1e-12)


def test_new_objective_is_one_row() -> None:
    """The engine reads any table: here each modality is decoded from the others only, with a weight of its own."""
    row = Objective(
        "leave one out",
        "product",
        lambda n, _: tuple(Term(tuple(k for k in range(n) if k != m), (Decode(m),), weight=1.0 + m) for m in range(n)),
        "nobody",
    )
    model, batch = small_model("mvae", 3), small_batch(3)
    loss = evaluate(model, row.terms(3), batch, noise=fixed_noise()).loss
    assert torch.isfinite(loss).all()
    single = [evaluate(model, [term], batch).loss.item() for term in row.terms(3)]
    assert evaluate(model, row.terms(3), batch).loss.item() == pytest.approx(sum(single), rel=1e-12)
    unweighted = [evaluate(model, [Term(term.encode, term.decodes)], batch).loss.item() for term in row.terms(3)]
    assert single == pytest.approx([1 * unweighted[0], 2 * unweighted[1], 3 * unweighted[2]], rel=1e-12)
