"""``mmvae predict``."""

from __future__ import annotations

from typing import Any

from mmvae_cli.cli.execute import execute
from mmvae_cli.cli.parameters import READING, TALKING, WRITING, with_options
from mmvae_cli.config import PredictConfig


@with_options(PredictConfig, *READING, *WRITING, *TALKING)
def predict(**arguments: Any) -> None:
    """Predict one modality from others.

    INPUT: a file.h5mu or .zarr, a 10x .h5 or folder, or name=table.csv (.tsv, .gz, .h5ad, .h5) for each modality;
    default: the data of the run. New data need only the source: `mmvae predict new.csv --from rna --to
    methylation -o new.h5mu`. Writes layers["mmvae_from_<source>"] of the target; with -o .csv, .tsv or
    .h5ad the prediction alone.

    Example: mmvae predict --from rna --to methylation
    """
    execute("predict", arguments)
