from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from mmvae_cli.training import validation
from mmvae_cli.training.source import padded_rows
from mmvae_cli.training.validation import held_out
from tests.training.helpers import WIDTHS, made_up_data, small_model, trained


@pytest.mark.parametrize("objective", ["mvae", "mmvaepp"])
def test_the_score_is_the_cross_modal_log_likelihood_per_value(objective: str) -> None:
    data = made_up_data(missing=True)
    model, _, _ = trained([1, 2], data=data, objective=objective, epochs=8)
    rows = [list(range(42, 60)), list(range(30, 52))]
    scores = held_out(model, data, padded_rows(rows))
    for replicate in range(2):
        batch = data.batch(torch.tensor([rows[replicate]] * 2))
        observed = batch.observed_mask()[:, replicate].numpy()
        both = observed.all(0)
        values, r2 = [], []
        for target in range(2):
            predicted = model.predict(batch, [1 - target], target)[replicate].detach().double().numpy()[both]
            x = batch.x[target][replicate].double().numpy()[both]
            noise = dict(model.networks(target).feature)["noise"][replicate].detach().double()
            sd = torch.nn.functional.softplus(noise).numpy()
            values.append(norm.logpdf(x, predicted, sd).sum() / (both.sum() * WIDTHS[target]))
            r2.append(np.median(1 - ((x - predicted) ** 2).sum(0) / ((x - x.mean(0)) ** 2).sum(0)))
        assert float(scores.log_likelihood[replicate]) == pytest.approx(np.mean(values), abs=1e-5)
        # torch's median is the lower one of an even number
        assert float(scores.r2[replicate]) <= np.median(r2) + 1e-5


def test_batches_do_not_change_the_score(monkeypatch: pytest.MonkeyPatch) -> None:
    data, model = made_up_data(missing=True), small_model([1, 2])
    rows = padded_rows([range(30), range(17)])
    whole = held_out(model, data, rows)
    monkeypatch.setattr(validation, "EVALUATION_BATCH", 7)
    parts = held_out(model, data, rows)
    assert torch.allclose(whole.log_likelihood, parts.log_likelihood, atol=1e-5)
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
    assert float(held_out(model, data, rows, (one, other)).r2) == pytest.approx(min(expected), abs=1e-4)
