"""Many pieces of work in several processes, each on one thread."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from threadpoolctl import threadpool_limits

from mmvae_cli.errors import DataError, MmvaeError

log = logging.getLogger("mmvae_cli")

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
Task = TypeVar("Task")
Result = TypeVar("Result")


def run_jobs(
    work: Callable[[Task], Result], tasks: Sequence[Task], n_jobs: int
) -> Iterator[tuple[Task, Result | MmvaeError]]:
    """Yield each task and what came of it, in the order in which they finish.

    With one job the work is done in this process. Processes are spawned, not forked: torch's threads do not survive
    a fork. However the caller leaves, no process is left behind.

    Parameters
    ----------
    work
        A function at the top of a module.

    Raises
    ------
    DataError
        If a process was killed.
    """
    n_jobs = min(n_jobs, len(tasks))
    if n_jobs <= 1:
        for task in tasks:
            with _on_one_thread():
                result = _guarded(work, task)
            yield task, result
        return
    before = multiprocessing.active_children()
    with ProcessPoolExecutor(n_jobs, multiprocessing.get_context("spawn"), _start_worker) as pool:
        try:
            futures = {pool.submit(_guarded, work, task): task for task in tasks}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            raise DataError(
                "a process of the benchmark was killed, or could not start",
                hint="it may have run out of memory; finished cells are kept: go on with --jobs 1",
            ) from None
        except BaseException:
            for child in multiprocessing.active_children():
                if child not in before:
                    child.terminate()
            pool.shutdown(cancel_futures=True)  # its thread reaps them: joined here, too, one might be missed by both
            raise


def _guarded(work: Callable[[Task], Result], task: Task) -> Result | MmvaeError:
    """Errors that one task may have are its result: the others go on."""
    try:
        return work(task)
    except MmvaeError as error:
        return error


@contextmanager
def _on_one_thread() -> Iterator[None]:
    """As in a process of its own; what the log says of each piece of work is left out."""
    import torch

    from mmvae_cli.training.hardware import threads_restored

    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with threads_restored(), threadpool_limits(1):
            torch.set_num_threads(1)
            yield
    finally:
        log.setLevel(level)


def _start_worker() -> None:
    """One thread; an interrupt is for the parent, which ends its children, and whose end is theirs, too."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log.setLevel(logging.ERROR)
    os.environ.update(dict.fromkeys(THREADS, "1"))  # for libraries that the work will load
    threadpool_limits(1)  # for those that the main module has loaded
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _end_with_parent() -> None:
    """Without this, processes whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
