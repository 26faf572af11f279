from __future__ import annotations

import pytest
import torch

from mmvae_cli.model.latents import LatentLayout

LAYOUTS = [
    LatentLayout((2, 2), 2),
    LatentLayout((2, 1, 3), 2),
    LatentLayout((0, 3, 0, 1), 2),
    LatentLayout((2, 2), 0),
    LatentLayout((0, 0), 4),
]
every_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=str)


@every_layout
def test_blocks_are_the_private_ones_in_order_then_the_shared_one(layout: LatentLayout) -> None:
    columns = list(range(layout.size))
    blocks = [columns[layout.private_block(m)] for m in range(layout.n_modalities)] + [columns[layout.shared_block]]
    assert [len(block) for block in blocks] == [*layout.private, layout.shared]
    assert [column for block in blocks for column in block] == columns


@every_layout
def test_a_modality_owns_its_private_block_and_the_shared_block(layout: LatentLayout) -> None:
    owned, shared = layout.owned([layout.shared, 0]), layout.is_shared()
    assert owned.shape == (layout.n_modalities, 2, layout.size)
    for m in range(layout.n_modalities):
        expected = torch.zeros(layout.size, dtype=torch.bool)
        expected[layout.private_block(m)] = expected[layout.shared_block] = True
        assert torch.equal(owned[m, 0], expected)
        expected[layout.shared_block] = False
        assert torch.equal(owned[m, 1], expected)
    assert torch.equal(owned[:, 0].all(0), shared)


def test_masks_of_three_modalities_by_hand() -> None:
    layout = LatentLayout((1, 2, 0), 2)
    assert layout.is_shared().int().tolist() == [0, 0, 0, 1, 1]
    all_used, one_used = layout.owned([2, 1]).int().transpose(0, 1).tolist()
    assert all_used == [[1, 0, 0, 1, 1], [0, 1, 1, 1, 1], [0, 0, 0, 1, 1]]
    assert one_used == [[1, 0, 0, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 1, 0]]
