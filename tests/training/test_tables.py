from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmvae_cli.training.tables import DenseTable, SparseTable


def both_tables(seed: int = 0) -> tuple[DenseTable, SparseTable]:
    """The same values (7, 9) in both forms: a full row, an empty one, and another background in every feature."""
    generator = torch.Generator().manual_seed(seed)
    stored = torch.rand(7, 9, generator=generator) < 0.3
    stored[2], stored[4] = True, False
    background = torch.randn(9, generator=generator)
    values = torch.where(stored, torch.randn(7, 9, generator=generator), background)
    starts = torch.cat([torch.zeros(1, dtype=torch.long), stored.sum(1).cumsum(0)])
    sparse = SparseTable(starts, stored.nonzero()[:, 1].int(), values[stored], background)
    return DenseTable(values), sparse


@pytest.mark.parametrize("columns", [None, torch.tensor([[0, 2, 8], [7, 2, 3]])])
@pytest.mark.parametrize("rows", [torch.tensor([[0, 4, 2, 2], [6, 5, 1, 4]]), torch.tensor([[4], [4]])])
def test_a_sparse_table_gives_what_a_dense_one_gives(rows: Tensor, columns: Tensor | None) -> None:
    dense, sparse = both_tables()
    assert torch.equal(sparse.take(rows, columns), dense.take(rows, columns))


@pytest.mark.parametrize("n_rows", [0, 1, 5])
def test_what_was_taken_can_be_changed_without_changing_the_table(n_rows: int) -> None:
    dense, sparse = both_tables()
    rows = torch.arange(n_rows)[None]
    sparse.take(rows).fill_(7.0)
    assert torch.equal(sparse.take(rows), dense.take(rows))
