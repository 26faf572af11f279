from __future__ import annotations

import numpy as np
import pytest
import torch

from mmvae_cli.model.spec import ModalitySpec, ModelSpec
from mmvae_cli.model.vae import MultimodalVAE
from mmvae_cli.training import validation
from mmvae_cli.training.source import DeviceData, ModalityTensors, padded_rows
from mmvae_cli.training.tables import DenseTable
from mmvae_cli.training.validation import held_out, training_variance
from tests.training.helpers import WIDTHS, made_up_data, small_model, trained

TRAINING = [range(42), range(5, 40)]


@pytest.mark.parametrize("objective", ["mvae", "mmvaepp"])
def test_the_score_is_the_cross_modal_error_per_value_in_units_of_the_training_variance(objective: str) -> None:
    data = made_up_data(missing=True)
    model, _, _ = trained([1, 2], data=data, objective=objective, epochs=8)
    rows = [list(range(42, 60)), list(range(30, 52))]
    scores = held_out(model, data, padded_rows(rows), training_variance(data, padded_rows(TRAINING)))
    for replicate in range(2):
        batch, training = (
            data.batch(torch.tensor([list(chosen)] * 2)) for chosen in (rows[replicate], TRAINING[replicate])
        )
        observed, trained_on = batch.observed_mask()[:, replicate].numpy(), training.observed_mask()[:, replicate]
        both = observed.all(0)
        values, r2 = [], []
        for target in range(2):
            predicted = model.predict(batch, [1 - target], target)[replicate].detach().double().numpy()[both]
            x = batch.x[target][replicate].double().numpy()[both]
            variance = training.x[target][replicate][trained_on[target]].double().numpy().var(0)
            values.append(-0.5 * ((x - predicted) ** 2 / variance).sum() / (both.sum() * WIDTHS[target]))
            r2.append(np.median(1 - ((x - predicted) ** 2).sum(0) / ((x - x.mean(0)) ** 2).sum(0)))
        assert float(scores.score[replicate]) == pytest.approx(np.mean(values), abs=1e-5)
        # torch's median is the lower one of an even number
        assert float(scores.r2[replicate]) <= np.median(r2) + 1e-5


def test_without_noise_scales_the_score_is_the_cross_modal_log_likelihood_per_value() -> None:
    modalities = tuple(ModalitySpec(name, 6, 1, "bernoulli") for name in ("a", "b"))
    model = MultimodalVAE(ModelSpec(modalities, 2, "mixture", n_hidden=8), [3])
    x = tuple(torch.randint(0, 2, (30, 6), generator=torch.Generator().manual_seed(k)).float() for k in range(2))
    data = DeviceData(tuple(ModalityTensors(DenseTable(each), None) for each in x))
    rows = padded_rows([range(20, 30)])
    score = held_out(model, data, rows, training_variance(data, padded_rows([range(20)]))).score
    batch, expected = data.batch(rows), []
    for target in range(2):
        p = model.predict(batch, [1 - target], target)[0].detach()
        expected.append(float(torch.distributions.Bernoulli(p).log_prob(x[target][20:]).mean()))
    assert float(score) == pytest.approx(np.mean(expected), abs=1e-5)


def test_batches_do_not_change_the_score(monkeypatch: pytest.MonkeyPatch) -> None:
    data, model = made_up_data(missing=True), small_model([1, 2])
    rows = padded_rows([range(30), range(17)])
    variances = training_variance(data, rows)
    whole = held_out(model, data, rows, variances)
    monkeypatch.setattr(validation, "EVALUATION_BATCH", 7)
    parts = held_out(model, data, rows, variances)
    for one, other in zip(variances, training_variance(data, rows), strict=True):
        assert torch.allclose(one, other, atol=1e-6)
    assert torch.allclose(whole.score, parts.score, atol=1e-5)
    assert torch.allclose(whole.r2, parts.r2, atol=1e-4)


def test_r2_is_reported_for_the_features_asked_for() -> None:
    data = made_up_data()
    model, _, _ = trained([1], data=data, epochs=8)
    rows = padded_rows([range(42, 60)])
    one = torch.zeros((1, WIDTHS[0]), dtype=torch.bool)
    one[0, 3] = True
    batch = data.batch(rows)
    expected = []
    for target, columns in ((0, [3]), (1, [2])):
        x, predicted = (
            batch.x[target][0, :, columns],
            model.predict(batch, [1 - target], target).detach()[0][:, columns],
        )
        expected.append(float(1 - ((x - predicted) ** 2).sum() / ((x - x.mean(0)) ** 2).sum()))
    other = torch.zeros((1, WIDTHS[1]), dtype=torch.bool)
    other[0, 2] = True
    assert float(held_out(model, data, rows, training_variance(data, rows), (one, other)).r2) == pytest.approx(
        min(expected), abs=1e-4
    )
