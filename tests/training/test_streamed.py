from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch

from mmvae_cli.training.source import DeviceData, ModalityTensors
from mmvae_cli.training.streamed import StreamedData
from mmvae_cli.training.tables import DenseTable

N = 203


def device_data(samples: np.ndarray) -> DeviceData:
    """Two modalities whose values are the number of the sample; every fifth sample lacks the second one."""
    at = torch.from_numpy(samples).float()
    first = ModalityTensors(DenseTable(at[:, None] + torch.tensor([0.0, 0.5])), None)
    second = ModalityTensors(DenseTable(-at[:, None]), torch.from_numpy(samples % 5 > 0))
    return DeviceData((first, second), label=at[None], labelled=torch.from_numpy(samples % 2 == 0)[None])


def streamed(load: Callable[[np.ndarray], DeviceData] = device_data, **sizes: int) -> StreamedData:
    places = torch.from_numpy(np.random.default_rng(0).permutation(N))
    return StreamedData(load, places, sizes.get("block", 4), sizes.get("window", 32), 2)


@pytest.mark.parametrize("size", [1, 8, 10, 64, 500])
def test_batches_are_those_of_values_in_memory(size: int) -> None:
    rows = torch.stack([torch.randperm(N, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)])
    rows[1, 150:] = -1  # fewer samples
    whole = device_data(np.arange(N))
    for found, expected in zip(streamed().steps(rows, size), whole.steps(rows, size), strict=True):
        present = rows[:, :1] >= 0
        for one, other in zip(found.x, expected.x, strict=True):
            assert one.shape == other.shape
        torch.testing.assert_close(found.clean(1), expected.clean(1))
        assert torch.equal(found.observed_mask(), expected.observed_mask())
        assert torch.equal(found.labelled, expected.labelled)
        assert present.any()
    batch, expected = streamed().batch(rows[:, :7]), whole.batch(rows[:, :7])
    torch.testing.assert_close(batch.x, expected.x)


def test_the_order_is_a_shuffle_that_depends_on_the_seed_alone() -> None:
    rows = torch.arange(20, N)

    def order(seed: int) -> list[int]:
        return streamed().shuffled(rows, torch.Generator().manual_seed(seed)).tolist()

    assert order(0) == order(0)
    assert order(0) != order(1)
    assert sorted(order(0)) == rows.tolist()


def test_a_window_holds_whole_blocks_of_the_file() -> None:
    data = streamed(block=4, window=32)
    order = data.shuffled(torch.arange(N), torch.Generator().manual_seed(0))
    places = data.place[order[:32]].sort().values
    assert (places.view(-1, 4) == places.view(-1, 4)[:, :1] + torch.arange(4)).all()
    assert torch.equal(data.place[torch.arange(N)[data.reading_order(torch.arange(N))]], torch.arange(N))


def test_data_sorted_by_class_are_mixed_in_every_batch() -> None:
    n_samples, n_classes = 8192, 8
    data = StreamedData(device_data, torch.arange(n_samples), 16, 2048, 2)
    order = data.shuffled(torch.arange(n_samples), torch.Generator().manual_seed(0))
    of_batch = torch.nn.functional.one_hot(order.view(-1, 128) * n_classes // n_samples, n_classes).sum(1)
    assert (of_batch > 0).all()
    shares = of_batch.double() / 128
    entropy = -(shares * shares.clamp(min=1e-9).log()).sum(1)
    assert entropy.mean() > 0.93 * np.log(n_classes)


def test_the_next_window_is_read_meanwhile_and_failures_are_raised() -> None:
    read: list[tuple[int, str]] = []

    def load(samples: np.ndarray) -> DeviceData:
        read.append((len(samples), threading.current_thread().name))
        if len(read) > 3:
            raise OSError("gone")
        return device_data(samples)

    batches = streamed(load).steps(torch.arange(N)[None], 16)
    next(batches)
    with pytest.raises(OSError, match="gone"):
        list(batches)
    assert [size for size, _ in read] == [32] * 4
    assert all(name.startswith("read") for _, name in read)
