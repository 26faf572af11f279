"""Time, memory and size of the page of ``mmvae report`` for very many cells.

    python benchmarks/report.py [--samples 100000] [--features 500,1000] [--training 10000]

Writes sparse counts of two modalities, trains for an epoch, evaluates without baselines, does so again with a page, and
makes the page of the evaluation, each step in a process of its own. Prints a table.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from on_disk import COUNTS, in_a_process, write_data


@dataclass(frozen=True)
class Step:
    """What one command took: seconds by the clock and of the processor, gigabytes at most."""

    name: str
    seconds: float
    cpu_seconds: float
    peak_gb: float


def timed(command: str, folder: Path) -> Step:
    """Run a command of mmvae in a process of its own."""
    seconds, usage = in_a_process(command.split(), folder)
    name = command.split()[0] + (" --html" if "--html" in command else "")
    return Step(name, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e9)


def table(steps: list[Step], megabytes: float) -> str:
    """The steps, and the size of the page, in Markdown."""
    lines = ["| | seconds | of which CPU | peak memory, GB | page, MB |", "|---|---|---|---|---|"]
    for step in steps:
        size = f"{megabytes:.1f}" if step is steps[-1] else "–"
        lines.append(f"| `{step.name}` | {step.seconds:.0f} | {step.cpu_seconds:.0f} | {step.peak_gb:.2f} | {size} |")
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The words that the script takes."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--samples", type=int, default=100_000)
    found.add_argument("--features", default="500,1000", help="of rna and atac")
    found.add_argument("--training", type=int, default=10_000, help="samples that train")
    found.add_argument("--folder", help="where the data are written (default: a temporary folder)")
    found.add_argument("--keep", help="copy the page to this file")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Write, train, evaluate, report, print."""
    given = parser().parse_args(arguments)
    widths = dict(zip(COUNTS, map(int, given.features.split(",")), strict=True))
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        write_data(folder / "cells.h5mu", given.samples, widths, given.training)
        commands = (
            "train cells.h5mu --label label --split part --epochs 1 --threads 1 --no-on-disk --no-screen --latent 4",
            "evaluate --no-baselines --quiet",
            "evaluate --no-baselines --quiet --html evaluated.html",
            "report --no-baselines",
        )
        steps = [timed(command, folder) for command in commands]
        page = folder / "report.html"
        print(table(steps, page.stat().st_size / 1e6))
        if given.keep:
            Path(given.keep).write_bytes(page.read_bytes())


if __name__ == "__main__":
    main()
