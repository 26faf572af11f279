"""Which device, precision and number of threads to use."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from mmvae_cli.errors import UsageError

log = logging.getLogger("mmvae_cli")

WIDE_LAYER = 4096  # features above which bf16 GEMMs outweigh the casts around them
WORTH_TIMING = 2e8  # multiply-adds of a step below which a second thread never pays
TIMED_STEPS = 5


def choose_device(asked: str) -> torch.device:
    """Return the device asked for; ``auto`` takes cuda, then mps, then cpu.

    Raises
    ------
    UsageError
        If a device was asked for by name and is not there.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if asked == "auto":
        name = next(name for name, there in available.items() if there)
    elif available[asked]:
        name = asked
    else:
        there = ", ".join(name for name, is_there in available.items() if is_there)
        raise UsageError(f"--device {asked}: there is no such device here", hint=f"available: {there}")
    log.info("device: %s", torch.cuda.get_device_name() if name == "cuda" else name)
    return torch.device(name)


def choose_precision(asked: str, device: torch.device, widest: int) -> torch.dtype | None:
    """Return the dtype of mixed precision, None for plain float32; ``auto`` takes bf16 on CUDA for wide layers.

    Raises
    ------
    UsageError
        If bf16 was asked for on a GPU that has none.
    """
    if device.type == "cuda" and asked != "float32":
        if torch.cuda.is_bf16_supported():
            return torch.bfloat16 if asked == "bf16" or widest >= WIDE_LAYER else None
        if asked == "bf16":
            raise UsageError("--precision bf16: this GPU has no bf16", hint="use --precision float32")
    return torch.bfloat16 if asked == "bf16" else None


def autocast(device: torch.device, dtype: torch.dtype | None) -> contextlib.AbstractContextManager[object]:
    """Mixed precision where a dtype is given, nothing otherwise."""
    return contextlib.nullcontext() if dtype is None else torch.autocast(device.type, dtype)


def available_threads() -> int:
    """Cores this process may use: CPU affinity, container quota and SLURM's share, whichever is least."""
    counts = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        counts.append(max(1, int(quota) // int(period)))
    with contextlib.suppress(KeyError, ValueError):
        counts.append(int(os.environ["SLURM_CPUS_PER_TASK"]))
    return max(1, min(counts))


@contextlib.contextmanager
def threads_restored() -> Iterator[None]:
    """Leave torch's number of threads as it was: it holds for the whole process, which may be a notebook."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def at_most_threads(most: int | None) -> Iterator[None]:
    """Let neither torch nor the linear algebra of NumPy take more threads; None leaves them as they are."""
    if most is None:
        yield
        return
    with threads_restored(), threadpool_limits(most):
        torch.set_num_threads(most)
        yield


def choose_threads(asked: int | None, device: torch.device, step: Callable[[], None], work: float) -> int:
    """Set and return the number of CPU threads: the number asked for, else the faster of 1 and all.

    Parameters
    ----------
    asked
        ``--threads``; None decides by timing.
    device
        On a GPU one thread is enough.
    step
        A real training step without its update.
    work
        Multiply-adds of a step; small ones are not timed.
    """
    most = available_threads()
    if asked is not None or most == 1 or device.type != "cpu" or work < WORTH_TIMING:
        threads = asked or 1
    else:
        seconds = {threads: _seconds(step, threads) for threads in (1, most)}
        threads = min(seconds, key=lambda count: seconds[count])
        log.info(
            "threads: %d (a step takes %s)",
            threads,
            ", ".join(f"{s * 1e3:.0f} ms with {n}" for n, s in seconds.items()),
        )
    torch.set_num_threads(threads)
    return threads


def _seconds(step: Callable[[], None], threads: int) -> float:
    """Median time of a few steps."""
    torch.set_num_threads(threads)
    step()
    times = []
    for _ in range(TIMED_STEPS):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]
