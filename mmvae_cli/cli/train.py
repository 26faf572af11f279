"""``mmvae train``."""

from __future__ import annotations

from typing import Any

from mmvae_cli.cli.execute import execute
from mmvae_cli.cli.parameters import READING, TALKING, WRITING, with_options
from mmvae_cli.cli.progress import TrainingProgress
from mmvae_cli.config import TrainConfig


@with_options(TrainConfig, *READING, *WRITING, "preset", *TALKING)
def train(**arguments: Any) -> None:
    """Train a model and embed every sample.

    INPUT: a file.h5mu or .zarr, a 10x .h5 or folder, or name=table.csv (.tsv, .gz, .h5ad, .h5) for each modality.
    Results go into the MuData itself (-o FILE: into a copy; for tables: into the run folder), the model
    into the run folder. predict and evaluate find both.

    Example: mmvae train cll.h5mu --model mmvaepp --label IGHV --shared 10 --other 100 --latent 2+2+2
    """
    execute("train", arguments, progress=TrainingProgress(quiet=arguments["quiet"]))
