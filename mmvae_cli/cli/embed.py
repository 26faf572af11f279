"""``mmvae embed``."""

from __future__ import annotations

from typing import Any

from mmvae_cli.cli.execute import execute
from mmvae_cli.cli.parameters import READING, TALKING, WRITING, with_options
from mmvae_cli.config import EmbedConfig


@with_options(EmbedConfig, *READING, *WRITING, *TALKING)
def embed(**arguments: Any) -> None:
    """Embed samples, also new ones, with a trained model.

    INPUT: a file.h5mu or .zarr, a 10x .h5 or folder, or name=table.csv (.tsv, .gz, .h5ad, .h5) for each modality;
    default: the data of the run. Writes obsm["X_mmvae"], obsm["X_mmvae_shared"] and each modality's
    obsm["X_mmvae_private"].

    Example: mmvae embed cll.h5mu -o embedded.h5mu
    """
    execute("embed", arguments)
