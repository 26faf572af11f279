"""Time of a training step against the least this machine could need for it.

    python benchmarks/step_time.py [--model mmvaepp] [--device cpu] [--threads 1] [--precision float32] [--json]

A step is what ``mmvae train`` does: take the batch, evaluate the objective, backward, Adam. The bound is the time of
its large matrix products (of every modality: encoder forward and weight gradient, decoder forward, weight and hidden
gradient) and of fused Adam on the same parameters. Both are measured in turns, round by round, so that whatever else
runs on the machine slows both alike; numbers are medians over the rounds, ratios are medians of each round's ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from mmvae_cli.model.objectives import OBJECTIVES
from mmvae_cli.model.spec import ModalitySpec, ModelSpec
from mmvae_cli.model.vae import MultimodalVAE
from mmvae_cli.training.hardware import choose_device, choose_precision
from mmvae_cli.training.loop import Loop, Recipe
from mmvae_cli.training.source import DeviceData, ModalityTensors
from mmvae_cli.training.tables import DenseTable

BATCH = 128  # samples
Work = Callable[[], None]


@dataclass(frozen=True)
class Size:
    """A study to time: its samples, features of each modality, and how often each thing is measured."""

    n_samples: int
    n_features: tuple[int, ...]
    rounds: int

    @property
    def n_steps(self) -> int:
        """Full batches of an epoch."""
        return max(1, self.n_samples // BATCH)

    @property
    def title(self) -> str:
        """For the table."""
        return f"{self.n_samples} × ({' + '.join(map(str, self.n_features))})"


# the most a step may take, as a multiple of the bound: (number of features of the widest modality, replicates)
TARGETS = {(26000, 1): 1.8, (1010, 10): 3.0}
SIZES = (Size(800, (1010, 110), 30), Size(383, (1500, 26000), 9))


@dataclass(frozen=True)
class Timing:
    """What was measured, times in ms.

    Attributes
    ----------
    step, step_per_replicate
        One training step of all replicates; divided by their number.
    products, adam, bound
        Matrix products and Adam of one replicate; their sum.
    ratio
        ``step_per_replicate / bound``.
    target
        The most the ratio may be; None where nothing was promised.
    """

    study: str
    replicates: int
    step: float
    step_per_replicate: float
    products: float
    adam: float
    bound: float
    ratio: float
    target: float | None


def spec(size: Size, name: str) -> ModelSpec:
    """Return the shapes of a model with two latents in every block."""
    modalities = tuple(ModalitySpec(f"modality {i}", width, 2) for i, width in enumerate(size.n_features))
    objective = OBJECTIVES[name]
    return ModelSpec(modalities, 2, objective.posterior, shared_path=objective.shared_path)


def epoch(size: Size, name: str, n_replicates: int, device: torch.device, precision: torch.dtype | None) -> Work:
    """Return an epoch of real training over full batches."""
    objective = OBJECTIVES[name]
    seeds = list(range(n_replicates))
    model = MultimodalVAE(spec(size, name), seeds).to(device)
    x = [torch.randn(size.n_samples, width, generator=torch.Generator().manual_seed(0)) for width in size.n_features]
    data = DeviceData(tuple(ModalityTensors(DenseTable(values.to(device)), None) for values in x))
    recipe = Recipe(1000, BATCH, 1e-3, 1.0, 0.2, 0, {}, precision=precision)
    loop = Loop(model, objective, data, recipe, seeds)
    rows = torch.arange(min(size.n_steps * BATCH, size.n_samples), device=device).expand(n_replicates, -1).contiguous()
    return lambda: void(loop.train_epoch(rows, 0))


def products(size: Size, name: str, device: torch.device, precision: torch.dtype | None) -> Work:
    """Return the large matrix products of a step of one replicate."""
    n_hidden = ModelSpec((), 2, "mixture").n_hidden
    terms = OBJECTIVES[name].terms(len(size.n_features))
    batch = min(BATCH, size.n_samples)
    pairs: list[tuple[Tensor, Tensor, Tensor]] = []
    for modality, width in enumerate(size.n_features):
        decoded = batch * sum(decode.modality == modality for term in terms for decode in term.decodes)
        encoder = [
            (batch, width, n_hidden),  # forward
            (width, batch, n_hidden),  # gradient of its weights
        ]
        shapes = [
            *(encoder * (2 if OBJECTIVES[name].shared_path else 1)),
            (decoded, n_hidden, width),  # decoder forward
            (n_hidden, decoded, width),  # gradient of its weights
            (decoded, width, n_hidden),  # gradient of its hidden layer
        ]
        for rows, inner, columns in shapes:
            a, b, out = torch.randn(rows, inner), torch.randn(inner, columns), torch.empty(rows, columns)
            dtype = precision or torch.float32
            pairs.append((a.to(device, dtype), b.to(device, dtype), out.to(device, dtype)))
    return lambda: [void(torch.mm(a, b, out=out)) for a, b, out in pairs].clear()


def adam(size: Size, name: str, device: torch.device) -> Work:
    """Return fused Adam on the parameters of one replicate."""
    model = MultimodalVAE(spec(size, name), [0]).to(device)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 1e-3)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-6, fused=device.type in ("cpu", "cuda"))
    return lambda: void(optimiser.step())


def void(_: object) -> None:
    """Drop a result."""


def milliseconds(work: Work, repeats: int, device: torch.device) -> float:
    """Mean time of one of several repeats in a row; on a GPU by its own clock, once all are done."""
    if device.type == "cuda":
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize()
        start.record()
        for _ in range(repeats):
            work()
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end) / repeats
    began = time.perf_counter()
    for _ in range(repeats):
        work()
    if device.type == "mps":
        torch.mps.synchronize()
    return (time.perf_counter() - began) / repeats * 1e3


def measure(
    size: Size, name: str, replicates: Sequence[int], device: torch.device, precision: torch.dtype | None
) -> list[Timing]:
    """Time one study with several numbers of replicates, in turns with the bound."""
    epochs = {count: epoch(size, name, count, device, precision) for count in replicates}
    parts = {"products": products(size, name, device, precision), "adam": adam(size, name, device)}
    for work in (*epochs.values(), *parts.values()):
        work()  # the first call allocates
    steps: dict[int, list[float]] = {count: [] for count in replicates}
    bounds: dict[str, list[float]] = {part: [] for part in parts}
    for _ in range(size.rounds):
        for part, work in parts.items():
            bounds[part].append(milliseconds(work, size.n_steps, device))
        for count, work in epochs.items():
            steps[count].append(milliseconds(work, 1, device) / size.n_steps)
    total = [sum(pair) for pair in zip(bounds["products"], bounds["adam"], strict=True)]
    timings = []
    for count, times in steps.items():
        step = statistics.median(times)
        ratios = [each / count / least for each, least in zip(times, total, strict=True)]
        timings.append(
            Timing(
                size.title,
                count,
                step,
                step / count,
                *(statistics.median(bounds[part]) for part in parts),
                statistics.median(total),
                statistics.median(ratios),
                TARGETS.get((max(size.n_features), count)),
            )
        )
    return timings


def table(timings: Sequence[Timing]) -> str:
    """Return the timings as a Markdown table."""
    lines = [
        "| samples × features | replicates | ms per step | per replicate | bound: products + Adam | ratio | target |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in timings:
        bound = f"{one.bound:.2f} ({one.products:.2f} + {one.adam:.2f})"
        target = "" if one.target is None else f"≤ {one.target:g}"
        numbers = f"{one.step:.2f} | {one.step_per_replicate:.2f} | {bound} | {one.ratio:.2f} | {target}"
        lines.append(f"| {one.study} | {one.replicates} | {numbers} |")
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The words that the script takes."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--model", choices=OBJECTIVES, default="mmvaepp")
    found.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="cpu")
    found.add_argument("--threads", type=int, default=1)
    found.add_argument("--precision", choices=("auto", "float32", "bf16"), default="float32")
    found.add_argument("--replicates", type=int, nargs="+", default=[1, 10])
    found.add_argument("--json", action="store_true", help="print a JSON object instead of a table")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    timings: list[Timing] = []
    for size in SIZES:
        precision = choose_precision(options.precision, device, max(size.n_features))
        timings += measure(size, options.model, options.replicates, device, precision)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    if options.json:
        machine = {"torch": torch.__version__, "device": device.type, "threads": options.threads, "load": load}
        print(json.dumps({**machine, "model": options.model, "timings": [asdict(one) for one in timings]}, indent=1))
    else:
        print(f"{options.model}, {device.type}, {options.threads} thread(s), {options.precision}, load {load}\n")
        print(table(timings))


if __name__ == "__main__":
    main()
