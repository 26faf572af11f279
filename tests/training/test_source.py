from __future__ import annotations

import pytest
import torch

from mmvae_cli.training import source
from mmvae_cli.training.source import DeviceData, ModalityTensors, padded_rows
from mmvae_cli.training.tables import DenseTable

X = torch.arange(20.0).view(5, 4)


def test_each_replicate_sees_its_own_columns_and_scaling() -> None:
    columns = torch.tensor([[0, 2], [1, 3]])
    mean, sd = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.0], [4.0, 8.0]])
    modality = ModalityTensors(DenseTable(X), None, columns, mean, sd)
    rows = torch.tensor([[0, 4], [2, 3]])
    expected = torch.stack([(X[rows[r]][:, columns[r]] - mean[r]) / sd[r] for r in range(2)])
    assert torch.equal(modality.take(rows)[0], expected)
    assert torch.equal(modality.keep([1]).take(rows[1:])[0], expected[1:])


def test_padding_is_observed_nowhere_and_not_counted() -> None:
    data = DeviceData(
        (
            ModalityTensors(DenseTable(X), None),
            ModalityTensors(DenseTable(X), torch.tensor([True, False, True, True, True])),
        )
    )
    batch = data.batch(padded_rows([[0, 1, 2], [3]]))
    assert batch.n_samples.tolist() == [3, 1]
    assert batch.observed_mask().tolist() == [
        [[True, True, True], [True, False, False]],
        [[True, False, True], [True, False, False]],
    ]


def test_a_batch_of_padding_alone_divides_by_one() -> None:
    batch = DeviceData((ModalityTensors(DenseTable(X), None),)).batch(padded_rows([[0, 1], []]))
    assert batch.n_samples.tolist() == [2, 1]


def test_labels_of_padding_are_unknown() -> None:
    label = torch.tensor([[0.0, 1.0, 2.0, 0.0, 1.0]])
    labelled = torch.tensor([[True, True, False, True, True]])
    batch = DeviceData((ModalityTensors(DenseTable(X), None),), label, labelled).batch(padded_rows([[1, 2], [4]]))
    assert batch.label is not None
    assert batch.label[0, 0, 0] == 1
    assert batch.label[1, 0, 0] == 1
    assert batch.labelled is not None
    assert batch.labelled.tolist() == [[True, False], [True, False]]


def test_covariates_follow_their_samples_and_replicates() -> None:
    shared, own = torch.arange(10.0).view(1, 5, 2), torch.arange(20.0).view(2, 5, 2)
    data = DeviceData(tuple(ModalityTensors(DenseTable(X), None, covariates=each) for each in (shared, own)))
    rows = torch.tensor([[4, 0, 2], [1, 1, -1]])
    batch = data.batch(rows)
    assert torch.equal(batch.covariates[0], shared[0][rows.clamp(min=0)])
    assert torch.equal(batch.covariates[1], torch.stack([own[r][rows[r].clamp(min=0)] for r in range(2)]))
    assert torch.equal(data.keep([1]).batch(rows[1:]).covariates[1], batch.covariates[1][1:])


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9])
def test_batches_hold_every_row_once_in_order(size: int) -> None:
    data = DeviceData((ModalityTensors(DenseTable(X), None),))
    taken = torch.cat([batch.x[0] for batch in data.batches(torch.tensor([[3, 1, 4, 0, 2]]), size)], 1)
    assert torch.equal(taken[0], X[[3, 1, 4, 0, 2]])


def test_batches_of_wide_modalities_are_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "VALUES_AT_ONCE", 17)
    data = DeviceData((ModalityTensors(DenseTable(X), None),))
    for n_replicates, expected in ((1, [4, 1]), (2, [2, 2, 1]), (9, [1] * 5)):
        rows = torch.arange(5).expand(n_replicates, -1)
        assert [batch.x[0].shape[1] for batch in data.batches(rows, 1024)] == expected
