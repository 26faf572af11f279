from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmvae_cli.training.diagnose import NonFiniteLossError, explain_non_finite
from mmvae_cli.training.source import DeviceData, ModalityTensors
from mmvae_cli.training.tables import DenseTable
from tests.training.helpers import made_up_data, small_model, trained


def every_value() -> list[Tensor]:
    """By modality (samples, features)."""
    return [modality.take(torch.arange(60)[None])[0][0] for modality in made_up_data().modalities]


@pytest.mark.parametrize("objective", ["mvae", "mopoe", "mmvae", "mmvaepp"])
@pytest.mark.parametrize(("modality", "column"), [(0, 3), (1, 0), (1, 5)])
def test_the_cause_of_a_loss_that_is_not_finite_is_named(objective: str, modality: int, column: int) -> None:
    values = every_value()
    values[modality][7, column] = 1e30
    modalities = [ModalityTensors(DenseTable(each), None) for each in values]
    with pytest.raises(NonFiniteLossError, match=f"epoch 1: modality 'm{modality}'") as error:
        trained([1, 2], data=DeviceData(tuple(modalities)), objective=objective)
    assert (error.value.modality, error.value.column, error.value.epoch) == (modality, column, 1)
    assert "--transform" in error.value.hint


def test_the_largest_values_are_named_where_the_kl_is_not_finite() -> None:
    values = every_value()
    values[0][3, 2], values[1][7, 4] = 1e3, 1e4
    modalities = [ModalityTensors(DenseTable(each), None) for each in values]
    batch = DeviceData(tuple(modalities)).batch(torch.arange(60)[None])
    error = explain_non_finite(small_model([1]), batch, 0)  # no value has a likelihood that is not finite
    assert "in the KL of the latents; the largest values: modality 'm1'" in str(error)
    assert (error.modality, error.column) == (1, 4)


def test_the_epoch_is_the_one_in_which_it_happens() -> None:
    with pytest.raises(NonFiniteLossError) as error:
        trained([1], lr=1e25, epochs=3, batch_size=64)
    assert error.value.epoch == 2


def test_unobserved_values_are_no_cause() -> None:
    data = made_up_data()
    observed = torch.arange(60) != 7
    _, values = every_value()
    values[7] = torch.nan
    second = ModalityTensors(DenseTable(values), observed)
    trained([1], data=DeviceData((data.modalities[0], second)))
