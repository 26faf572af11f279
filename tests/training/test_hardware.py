from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from mmvae_cli.errors import UsageError
from mmvae_cli.training import hardware
from mmvae_cli.training.hardware import at_most_threads, choose_device, choose_precision, choose_threads

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _same_threads_afterwards() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def with_devices(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "some GPU")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_auto_takes_cuda_then_mps_then_cpu(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, expected: str
) -> None:
    with_devices(monkeypatch, cuda=cuda, mps=mps)
    assert choose_device("auto").type == expected
    assert choose_device("cpu").type == "cpu"


def test_a_device_that_is_not_there_is_refused_with_what_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with_devices(monkeypatch, cuda=False, mps=False)
    with pytest.raises(UsageError, match="--device cuda") as error:
        choose_device("cuda")
    assert error.value.hint == "available: cpu"


def test_mixed_precision_is_chosen_on_cuda_for_wide_layers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert choose_precision("auto", cuda, 26_000) is torch.bfloat16
    assert choose_precision("auto", cuda, 500) is None
    assert choose_precision("float32", cuda, 26_000) is None
    assert choose_precision("auto", CPU, 26_000) is None
    assert choose_precision("bf16", CPU, 10) is torch.bfloat16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert choose_precision("auto", cuda, 26_000) is None
    with pytest.raises(UsageError, match="no bf16"):
        choose_precision("bf16", cuda, 10)


@pytest.mark.parametrize(("slow", "expected"), [(4, 1), (1, 4)])
def test_the_faster_number_of_threads_is_taken(monkeypatch: pytest.MonkeyPatch, slow: int, expected: int) -> None:
    monkeypatch.setattr(hardware, "available_threads", lambda: 4)

    def step() -> None:
        time.sleep(0.02 if torch.get_num_threads() == slow else 0.001)

    assert choose_threads(None, CPU, step, work=1e12) == expected
    assert torch.get_num_threads() == expected


def test_threads_asked_for_small_steps_and_gpus_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "available_threads", lambda: 4)

    def never() -> None:
        raise AssertionError("timed")

    assert choose_threads(3, CPU, never, work=1e12) == 3
    assert choose_threads(None, CPU, never, work=1e3) == 1
    assert choose_threads(None, torch.device("cuda"), never, work=1e12) == 1
    monkeypatch.setattr(hardware, "available_threads", lambda: 1)
    assert choose_threads(None, CPU, never, work=1e12) == 1


def pools() -> set[int]:
    """Threads of torch and of every library for linear algebra."""
    np.zeros((2, 2)) @ np.zeros((2, 2))
    return {torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())}


def test_threads_asked_for_hold_for_every_library_and_only_meanwhile() -> None:
    with threadpool_limits(2):
        torch.set_num_threads(2)
        with at_most_threads(1):
            assert pools() == {1}
        assert pools() == {2}
        with at_most_threads(None):
            assert pools() == {2}


def test_slurms_share_limits_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    assert hardware.available_threads() == 1
