from __future__ import annotations

import multiprocessing
import os
import time

import pytest

from mmvae_cli.errors import DataError, MmvaeError
from mmvae_cli.pipeline.jobs import run_jobs


def halve(number: int) -> int:
    if number % 2:
        raise DataError(f"{number} is odd", hint="an even one")
    return number // 2


def threads(_: int) -> list[int]:
    import numpy as np
    from threadpoolctl import threadpool_info

    np.zeros((2, 2)) @ np.zeros((2, 2))
    return [pool["num_threads"] for pool in threadpool_info()]


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def die(_: int) -> None:
    os._exit(1)


def test_errors_come_back_with_their_hint_from_another_process() -> None:
    found = dict(run_jobs(halve, [2, 3, 4], 2))
    assert (found[2], found[4]) == (1, 2)
    assert isinstance(found[3], MmvaeError)
    assert found[3].hint == "an even one"


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_each_piece_of_work_has_one_thread(n_jobs: int) -> None:
    for _, found in run_jobs(threads, [1, 2], n_jobs):
        assert isinstance(found, list)
        assert set(found) == {1}


def test_a_killed_process_is_said() -> None:
    with pytest.raises(DataError, match="killed"):
        list(run_jobs(die, [1, 2], 2))


def test_leaving_ends_the_processes() -> None:
    began = time.monotonic()
    jobs = run_jobs(sleep, [0.0, 60.0, 60.0], 2)
    next(jobs)
    jobs.close()
    assert time.monotonic() - began < 40
    assert multiprocessing.active_children() == []
