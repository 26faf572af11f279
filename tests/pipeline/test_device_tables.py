from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from mmvae_cli.pipeline import device_tables
from mmvae_cli.pipeline.tensors import modality_tensors
from mmvae_cli.training.run import ModalityRecord
from mmvae_cli.training.source import ModalityTensors
from mmvae_cli.training.tables import DenseTable, SparseTable

CPU = torch.device("cpu")
N_SAMPLES, N_FEATURES = 40, 12
ALL = np.arange(N_FEATURES)[None]
OWN = np.array([[0, 3, 4, 11], [5, 3, 9, 1]])


def values() -> sparse.csr_matrix:
    """Sparse values, one row without any; the last feature is far from 0 everywhere."""
    random = np.random.default_rng(0)
    dense = np.where(random.random((N_SAMPLES, N_FEATURES)) < 0.06, random.lognormal(size=(N_SAMPLES, N_FEATURES)), 0)
    dense[3] = 0.0
    dense[:, -1] = 1e5 + random.random(N_SAMPLES)
    return sparse.csr_matrix(dense, dtype=np.float32)


def record(columns: np.ndarray, *, scaled: bool) -> ModalityRecord:
    dense = values().toarray().astype(np.float64)
    mean = np.stack([dense[part::2].mean(0)[one] for part, one in enumerate(columns)])
    sd = np.stack([dense[part::2].std(0)[one] for part, one in enumerate(columns)])
    names = tuple(f"f{index}" for index in range(N_FEATURES))
    return ModalityRecord("rna", names, columns, mean, "zscore", "gaussian", sd=np.maximum(sd, 0.1) if scaled else None)


def tensors(
    matrix: np.ndarray | sparse.csr_matrix, columns: np.ndarray, *, scaled: bool, stand_in: np.ndarray | None = None
) -> ModalityTensors:
    observed = np.arange(N_SAMPLES) != 3
    return modality_tensors(matrix, observed, record(columns, scaled=scaled), CPU, None, stand_in)


@pytest.fixture
def kept_sparse(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little memory it saves."""
    monkeypatch.setattr("mmvae_cli.pipeline.tensors.saves_memory", lambda _: True)


@pytest.mark.usefixtures("kept_sparse")
@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("columns", [ALL, OWN, OWN[:1]])
@pytest.mark.parametrize("lacking", [False, True])
def test_sparse_values_give_the_batches_of_dense_ones(columns: np.ndarray, scaled: bool, lacking: bool) -> None:
    stand_in = np.where(np.arange(N_FEATURES) == 4, 0.37, 0.0) if lacking else None
    one = tensors(values(), columns, scaled=scaled, stand_in=stand_in)
    other = tensors(values().toarray(), columns, scaled=scaled, stand_in=stand_in)
    assert isinstance(one.table, SparseTable)
    assert isinstance(other.table, DenseTable)
    rows = torch.tensor([[0, 7, 39], [12, 5, 12]])[: len(columns)]
    found, expected = one.take(rows)[0], other.take(rows)[0]
    if len(columns) == 1 or not scaled:
        assert torch.equal(found, expected)
    else:  # the common scale is summed over other entries
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.usefixtures("kept_sparse")
def test_a_feature_that_the_data_lack_is_at_its_mean() -> None:
    of_record = record(ALL, scaled=True)
    lacking = np.where(np.arange(N_FEATURES) == 4, of_record.mean[0], 0.0)
    matrix = values().tolil()
    matrix[:, 4] = 0.0
    for form in (sparse.csr_matrix(matrix), matrix.toarray()):
        taken, _ = tensors(form, ALL, scaled=True, stand_in=lacking).take(torch.tensor([[0, 1, 2]]))
        assert torch.equal(taken[0, :, 4], torch.zeros(3))


def test_values_are_kept_sparse_where_that_saves_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_tables, "SMALL", 0)
    random = np.random.default_rng(0)
    thin, thick = (sparse.random(300, 200, density, "csr", np.float32, random) for density in (0.2, 0.3))
    assert device_tables.saves_memory(thin)
    assert not device_tables.saves_memory(thick)
    missing = thin.copy()
    missing.data[5] = np.nan
    assert not device_tables.saves_memory(missing)
    monkeypatch.undo()
    assert not device_tables.saves_memory(thin)
