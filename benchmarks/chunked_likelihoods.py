"""Last layer and likelihood of wide modalities: in chunks of features, against all features at once.

    python benchmarks/chunked_likelihoods.py [--features 26000 100000] [--terms 3] [--density 0.03] [--chunk 19 20]

Time is that of forward and backward pass on one thread, all ways in turns, the median of the rounds; memory is what the
process took at most beyond inputs and weights, each way in a process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor

from mmvae_cli.model import chunks
from mmvae_cli.model.heads import LinearHead
from mmvae_cli.model.likelihoods import LIKELIHOODS

N_SAMPLES, N_HIDDEN = 128, 128
NAMES = ("gaussian", "bernoulli", "poisson", "nb")
AT_ONCE = 0  # as a chunk: none
Step = Callable[[int], Tensor]


def step_of(name: str, n_features: int, n_terms: int, density: float) -> Step:
    """Return what does one pass, forward and backward, with chunks of 2^k outputs."""
    generator = torch.Generator().manual_seed(0)
    row = LIKELIHOODS[name]
    occupied = torch.rand(1, N_SAMPLES, n_features, generator=generator) < density
    x = occupied * torch.poisson(torch.ones(1, N_SAMPLES, n_features), generator=generator).clamp(
        1, 1 if name == "bernoulli" else 9
    )
    hidden = torch.randn(1, n_terms * N_SAMPLES, N_HIDDEN, generator=generator).requires_grad_()
    weight = (0.02 * torch.randn(1, N_HIDDEN, n_features, generator=generator)).requires_grad_()
    bias = torch.full((1, 1, n_features), -2.0, requires_grad=True)
    parameters = {
        key: torch.full((1, n_features), start, requires_grad=True) for key, start in row.feature_parameters.items()
    }
    leaves = [hidden, weight, bias, *parameters.values()]

    def step(chunk: int) -> Tensor:
        with mock.patch.object(chunks, "ON_CPU", chunks.Chunking(0 if chunk else 2**60, 2**chunk)):
            value = chunks.by_chunks(row.log_density, x, hidden, LinearHead(weight, bias), parameters, None)
        torch.autograd.grad(value.sum(), leaves)
        return value.detach()

    return step


def seconds(step: Step, ways: list[int], rounds: int) -> dict[int, float]:
    """Median of each way."""
    found: dict[int, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            start = time.perf_counter()
            step(way)
            found[way].append(time.perf_counter() - start)
    return {way: statistics.median(times) for way, times in found.items()}


def _measure(arguments: tuple[str, int, int, float], way: int, queue: multiprocessing.SimpleQueue[float]) -> None:
    torch.set_num_threads(1)
    step_of(arguments[0], 100, *arguments[2:])(way)  # libraries are loaded
    step = step_of(*arguments)
    before = _peak(reset=True)
    step(way)
    queue.put(_peak() - before)


def _peak(*, reset: bool = False) -> float:
    """Most memory the process has taken, in MB, since it was last reset; only Linux tells."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def megabytes(arguments: tuple[str, int, int, float], way: int) -> float:
    """Memory of one pass."""
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    process = context.Process(target=_measure, args=(arguments, way, queue))
    process.start()
    found = float(queue.get())
    process.join()
    return found


def parser() -> argparse.ArgumentParser:
    """The words that the script takes."""
    found = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    found.add_argument("--features", type=int, nargs="+", default=[26_000, 100_000])
    found.add_argument("--terms", type=int, default=3)
    found.add_argument("--density", type=float, default=0.03)
    found.add_argument("--chunk", type=int, nargs="+", default=[19], help="outputs of a chunk, as powers of 2")
    found.add_argument("--rounds", type=int, default=5)
    return found


def main() -> None:
    """Print time and memory of every way, as multiples of all features at once."""
    given = parser().parse_args()
    torch.set_num_threads(1)
    ways = [AT_ONCE, *given.chunk]
    print(f"{N_SAMPLES} samples, {given.terms} terms, {given.density:.0%} of the entries above 0")
    for n_features in given.features:
        for name in NAMES:
            arguments = (name, n_features, given.terms, given.density)
            times = seconds(step_of(*arguments), ways, given.rounds)
            memory = {way: megabytes(arguments, way) for way in ways}
            print(
                f"{name:10} {n_features:7} features, at once: {times[AT_ONCE] * 1e3:5.0f} ms {memory[AT_ONCE]:5.0f} MB"
            )
            for way in given.chunk:
                ratio = times[way] / times[AT_ONCE]
                print(f"{'':10} chunks of 2^{way}: {ratio:.2f} of the time, {memory[way]:5.0f} MB")


if __name__ == "__main__":
    main()
