"""``mmvae benchmark``."""

from __future__ import annotations

from typing import Any

import typer

from mmvae_cli.cli.console import show_error
from mmvae_cli.cli.execute import execute
from mmvae_cli.cli.grid_progress import GridProgress
from mmvae_cli.cli.parameters import READING, TALKING, with_options
from mmvae_cli.pipeline.benchmark_options import BENCHMARK_PRESETS, BenchmarkConfig


@with_options(BenchmarkConfig, *READING, "preset", *TALKING, presets=BENCHMARK_PRESETS)
def benchmark(**arguments: Any) -> None:
    """Compare models over a grid of settings.

    INPUT: as for train; none with --simulate. Models, numbers of other features and latent sizes are
    combined; every cell is trained with all its replicates and evaluated on held-out samples. The folder
    --out gets each cell as soon as it is finished, so that the same command goes on after an interrupt;
    then all numbers (results.csv), medians and paired differences of models with their 95 % intervals
    (summary.csv), R² of every feature (features.csv.gz), tables (table.md) and figures.

    Example: mmvae benchmark cll.h5mu --label IGHV --models mvae,mmvaex --shared 10 --other 20,50 --epochs 5
    """
    summary = execute("benchmark", arguments, progress=GridProgress(quiet=arguments["quiet"]))
    for failed in summary["failed"]:
        show_error(f"{failed['cell']}: {failed['message']}", failed["hint"])
    if summary["failed"]:
        raise typer.Exit(summary["failed"][0]["exit_code"])
