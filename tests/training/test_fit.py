from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from mmvae_cli.model.objectives import OBJECTIVES
from mmvae_cli.training.fit import EpochReport
from mmvae_cli.training.source import DeviceData, padded_rows
from mmvae_cli.training.validation import held_out, training_variance
from tests.training.helpers import largest_difference, made_up_data, trained, weights_of

HELD_OUT = [range(42, 60)]


def test_same_seed_gives_the_same_weights_bit_for_bit_and_another_seed_others() -> None:
    first, again, other = (weights_of(trained([seed])[0]) for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert all(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_replicates_together_equal_single_runs(objective: str) -> None:
    seeds = [5, 6, 7]
    data = made_up_data(missing=True)
    together, result, _ = trained(seeds, objective=objective, data=data, validation=HELD_OUT * 3)
    for replicate, seed in enumerate(seeds):
        alone, single, _ = trained([seed], objective=objective, data=data, validation=HELD_OUT)
        assert largest_difference(weights_of(together, replicate), weights_of(alone)) < 1e-5
        assert result.score[replicate] == pytest.approx(single.score[0], abs=1e-5)
    assert largest_difference(weights_of(together, 0), weights_of(together, 1)) > 1e-2


@pytest.mark.parametrize("sizes", [(40, 42, 37), (16, 17, 33), (3, 40, 16), (1, 17, 2)])
def test_replicates_with_unequal_numbers_of_samples_equal_single_runs(sizes: tuple[int, ...]) -> None:
    seeds, rows = [5, 6, 7], [list(range(60 - n, 60)) for n in sizes]
    together, _, history = trained(seeds, train=rows, epochs=6)
    for replicate, seed in enumerate(seeds):
        alone, _, single = trained([seed], train=[rows[replicate]], epochs=6)
        assert largest_difference(weights_of(together, replicate), weights_of(alone)) < 1e-5
        losses = [report.loss[replicate] for report in history]
        assert losses == pytest.approx([report.loss[0] for report in single], rel=1e-4)


def test_each_replicate_has_its_own_order_and_noise() -> None:
    def first_batch_and_noise(seeds: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        from mmvae_cli.training.loop import Loop
        from tests.training.helpers import RECIPE, small_model

        loop = Loop(small_model(seeds), OBJECTIVES["mmvaepp"], made_up_data(), RECIPE, seeds)
        rows = padded_rows([range(42)] * len(seeds))
        return loop.order(rows, 0), loop.noise(loop.generators(0), [16] * len(seeds))(2, 16, 4)

    order, noise = first_batch_and_noise([0, 1])
    assert not torch.equal(order[0], order[1])
    assert sorted(order[0].tolist()) == list(range(42))
    assert not torch.equal(noise[:, 0], noise[:, 1])
    alone = first_batch_and_noise([1])
    assert torch.equal(order[1], alone[0][0])
    assert torch.equal(noise[:, 1], alone[1][:, 0])


@pytest.mark.parametrize("sizes", [(42, 42, 42), (40, 16, 33)])
def test_a_replicate_that_stops_early_leaves_the_others_as_if_alone(sizes: tuple[int, ...]) -> None:
    seeds, rows = [1, 2, 3], [list(range(n)) for n in sizes]
    options = {"epochs": 25, "patience": 3, "warmup": 0.1, "lr": 3e-2}
    together, result, history = trained(seeds, train=rows, validation=HELD_OUT * 3, **options)
    lengths = [sum(replicate in report.replicates for report in history) for replicate in range(3)]
    assert len(set(lengths)) > 1, "all stop at once: the test would say nothing"
    assert history[-1].epoch == max(lengths)
    for replicate, seed in enumerate(seeds):
        alone, single, own = trained([seed], train=[rows[replicate]], validation=HELD_OUT, **options)
        assert len(own) == lengths[replicate]
        assert single.best_epoch[0] == result.best_epoch[replicate]
        assert largest_difference(weights_of(together, replicate), weights_of(alone)) < 1e-4


def test_the_best_weights_since_the_end_of_the_warm_up_are_kept() -> None:
    data, rows = made_up_data(), padded_rows(HELD_OUT * 2)
    model, result, history = trained(
        [1, 2], data=data, validation=HELD_OUT * 2, epochs=20, warmup=0.5, patience=4, lr=3e-2
    )
    variances = training_variance(data, padded_rows([range(42)] * 2))
    kept = held_out(model, data, rows, variances).score
    for replicate in range(2):
        after = {
            report.epoch: report.validation[report.replicates.index(replicate)]
            for report in history
            if report.epoch >= 10 and replicate in report.replicates
        }
        assert result.best_epoch[replicate] == max(after, key=after.__getitem__)
        assert result.score[replicate] == max(after.values())
        assert float(kept[replicate]) == pytest.approx(max(after.values()), abs=1e-5)


def test_patience_is_counted_from_the_end_of_the_warm_up() -> None:
    # with such a learning rate the score falls from the start
    _, result, history = trained([1], validation=HELD_OUT, epochs=30, warmup=0.5, patience=3, lr=0.3)
    assert len(history) >= 15 + 2
    assert result.best_epoch[0] >= 15
    assert len(history) in (30, result.best_epoch[0] + 3)


def test_without_patience_the_last_weights_are_kept() -> None:
    model, result, history = trained([1], validation=HELD_OUT, epochs=12, warmup=0.1, patience=0, lr=0.1)
    assert result.best_epoch == (12,)
    assert len(history) == 12
    variances = training_variance(made_up_data(), padded_rows([range(42)]))
    last = held_out(model, made_up_data(), padded_rows(HELD_OUT), variances).score
    assert float(last) == pytest.approx(history[-1].validation[0], abs=1e-5)
    blind, _, _ = trained([1], epochs=12, warmup=0.1, patience=0, lr=0.1)
    assert all(torch.equal(weights_of(model)[name], value) for name, value in weights_of(blind).items())


@pytest.mark.parametrize("patience", [0, 2])
def test_validation_samples_without_a_second_modality_never_leave_the_first_weights(patience: int) -> None:
    data = made_up_data()
    observed = torch.arange(60) < 42
    data = DeviceData((data.modalities[0], replace(data.modalities[1], observed=observed)))
    model, result, history = trained([1], data=data, validation=HELD_OUT, epochs=10, warmup=0.1, patience=patience)
    assert math.isnan(history[0].validation[0])
    assert result.best_epoch[0] > 1
    from tests.training.helpers import small_model

    assert largest_difference(weights_of(model), weights_of(small_model([1]))) > 1e-2


def test_a_batch_larger_than_the_data_is_one_batch_of_all() -> None:
    large, exact = (weights_of(trained([1], batch_size=size)[0]) for size in (1000, 42))
    assert all(torch.equal(large[name], exact[name]) for name in large)


@pytest.mark.parametrize("n_samples", [33, 32, 31])
def test_the_last_batch_may_be_partial_even_of_one_sample(n_samples: int) -> None:
    model, _, history = trained([1], train=[range(n_samples)], epochs=3)
    assert all(math.isfinite(loss) for report in history for loss in report.loss)
    assert all(bool(torch.isfinite(value).all()) for value in weights_of(model).values())


def test_the_reported_loss_is_the_mean_over_samples_not_over_batches() -> None:
    # 16 samples and 1, at a learning rate at which nothing moves; the KL does not depend on the noise
    parts, whole = (trained([1], train=[range(17)], epochs=1, lr=1e-30, batch_size=size)[2][0] for size in (16, 17))
    assert parts.kl[0] == pytest.approx(whole.kl[0], rel=1e-5)
    total = sum(parts.log_likelihood[name][0] for name in ("m0", "m1"))
    assert parts.loss[0] == pytest.approx(parts.beta * parts.kl[0] - total, rel=1e-4)


def test_the_number_of_threads_is_left_as_it_was() -> None:
    before = torch.get_num_threads()
    result = trained([1], epochs=1, threads=before + 1)[1]
    assert result.threads == before + 1
    assert torch.get_num_threads() == before


def test_every_epoch_is_reported_as_it_ends() -> None:
    seen: list[EpochReport] = []
    _, _, history = trained([1, 2], on_epoch=seen.append, validation=HELD_OUT * 2)
    assert seen == history
    assert [report.epoch for report in seen] == [1, 2, 3, 4]
    assert all(len(report.loss) == len(report.validation) == len(report.r2) == 2 for report in seen)


def test_training_reduces_the_loss_and_predicts_held_out_samples() -> None:
    _, _, history = trained([1], validation=HELD_OUT, epochs=100, warmup=0.2, objective="mmvae")
    assert history[-1].loss[0] < history[0].loss[0] - 2
    assert history[-1].r2[0] > max(0.2, history[0].r2[0] + 0.2)


def test_bf16_trains_and_stays_close_to_float32() -> None:
    exact, mixed = (trained([1], epochs=30, precision=precision)[2] for precision in (None, torch.bfloat16))
    assert mixed[-1].loss != exact[-1].loss
    assert mixed[-1].loss[0] == pytest.approx(exact[-1].loss[0], abs=0.05 * abs(exact[0].loss[0]))
    assert mixed[-1].loss[0] < mixed[0].loss[0] - 2
