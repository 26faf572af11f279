"""An encoder that validation samples show to be overconfident counts less in the joint embedding; nothing else does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mmvae_cli.model.vae import MultimodalVAE
from mmvae_cli.training import calibrate as calibration
from mmvae_cli.training.calibrate import LEAST, calibrate
from mmvae_cli.training.source import DeviceData, padded_rows
from mmvae_cli.training.validation import training_variance
from tests.training.helpers import made_up_data, trained

N = 200
TRAIN, VALIDATION, TEST = range(60), range(60, 130), range(130, N)


def calibrated_model(joint: str = "calibrated", objective: str = "mmvaepp", **noise: float) -> MultimodalVAE:
    """A trained model of two replicates, whose second one's encoders may be spoilt: ``m0=3.0``."""
    model, _, _ = trained([1, 2], train=[TRAIN] * 2, data=data(), objective=objective, epochs=40, batch_size=32)
    model.spec = replace(model.spec, joint=joint)
    for name, scale in noise.items():
        weight = model.networks(int(name[1])).encoder.output.weight
        with torch.no_grad():
            spoilt = torch.randn(weight[1].shape, generator=torch.Generator().manual_seed(0))
            means = torch.cat([model.shared, torch.zeros_like(model.shared)])  # the sds stay
            weight[1] += scale * torch.where(means, spoilt, 0.0)
    return model


def data(*, missing: bool = False) -> DeviceData:
    return made_up_data(N, missing=missing)


def calibrate_on(model: MultimodalVAE, rows: range = VALIDATION, *, missing: bool = False) -> None:
    of = data(missing=missing)
    calibrate(model, of, padded_rows([rows] * 2), training_variance(of, padded_rows([TRAIN] * 2)))


def error(model: MultimodalVAE, replicate: int) -> float:
    """Mean squared error of both modalities from the joint embedding of test samples."""
    batch = data().batch(torch.tensor([list(TEST)] * 2))
    with torch.no_grad():
        latents = model.embed(batch)
        residuals = [batch.x[m][replicate] - model.decode(m, batch, latents)[replicate] for m in range(2)]
    return float(torch.cat([each.square().mean(0) for each in residuals]).mean())


def test_a_spoilt_encoder_is_trusted_less_and_predictions_get_better() -> None:
    model = calibrated_model(m0=3.0)
    before = [error(model, replicate) for replicate in range(2)]
    calibrate_on(model)
    assert model.trust[:, 1].tolist() == [pytest.approx(model.trust[0, 1].item()), 1.0]
    assert LEAST <= model.trust[0, 1] <= 0.25
    assert error(model, 1) < 0.5 * before[1]
    assert model.trust[:, 0].min() >= 0.5  # the other replicate's is not spoilt


def test_encoders_that_are_as_good_as_each_other_are_trusted_alike() -> None:
    model = calibrated_model()
    calibrate_on(model)
    assert model.trust.min() >= 0.5


@pytest.mark.parametrize(
    ("joint", "objective"), [("precision", "mmvaepp"), ("mean", "mmvaepp"), ("calibrated", "mopoe")]
)
def test_other_poolings_and_products_are_left_alone(joint: str, objective: str) -> None:
    model = calibrated_model(joint, objective, m0=3.0)
    calibrate_on(model)
    assert model.trust.eq(1).all()


def test_few_samples_change_nothing() -> None:
    model = calibrated_model(m0=3.0)
    calibrate_on(model, range(60, 69))
    assert model.trust.eq(1).all()


def test_samples_of_one_modality_are_embedded_as_without() -> None:
    model = calibrated_model(m0=3.0)
    batch = data(missing=True).batch(torch.tensor([list(TEST)] * 2))
    alone = ~batch.observed_mask().all(0)[0]
    with torch.no_grad():
        before = model.embed(batch)
        calibrate_on(model, missing=True)
        after = model.embed(batch)
    assert model.trust.min() < 1
    assert alone.any()
    torch.testing.assert_close(before[:, alone], after[:, alone])
    assert not torch.allclose(before[1, ~alone], after[1, ~alone])


def test_all_batches_count(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = calibrated_model(m0=3.0), calibrated_model(m0=3.0)
    calibrate_on(whole)
    monkeypatch.setattr(calibration, "EVALUATION_BATCH", 7)
    calibrate_on(parts)
    assert whole.trust.min() < 1
    assert torch.equal(whole.trust, parts.trust)


def test_a_replicate_keeps_its_own_factors() -> None:
    model = calibrated_model(m0=3.0)
    calibrate_on(model)
    own = model.trust[:, 1].clone()
    model.keep([1])
    assert torch.equal(model.trust, own.unsqueeze(1))


def test_training_calibrates_only_where_samples_are_held_out() -> None:
    validated, _, _ = trained([1], train=[TRAIN], validation=[VALIDATION], data=data(), epochs=2)
    assert validated.spec.joint == "precision"  # of a model that is made by hand
    assert validated.trust.eq(1).all()
