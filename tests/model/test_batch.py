from __future__ import annotations

import torch

from mmvae_cli.model.batch import Batch


def _batch() -> Batch:
    x = torch.arange(12.0).view(1, 4, 3), torch.full((1, 4, 2), torch.nan)
    x[1][0, 1] = torch.tensor([5.0, 6.0])
    return Batch(x, (None, torch.tensor([[False, True, False, False]])), 4)


def test_observed_mask_is_true_for_all_where_none_is_given() -> None:
    mask = _batch().observed_mask()
    assert mask.dtype is torch.bool
    assert mask.tolist() == [[[True] * 4], [[False, True, False, False]]]


def test_clean_values_are_zero_in_unobserved_rows_and_untouched_elsewhere() -> None:
    batch = _batch()
    assert batch.clean(0) is batch.x[0]
    assert batch.clean(1).tolist() == [[[0, 0], [5, 6], [0, 0], [0, 0]]]
    assert batch.x[1].isnan().sum() == 6


def test_values_that_are_missing_in_an_observed_row_are_not_hidden() -> None:
    x = torch.full((1, 1, 2), torch.nan)
    assert Batch((x,), (torch.ones(1, 1, dtype=torch.bool),), 1).clean(0).isnan().all()
