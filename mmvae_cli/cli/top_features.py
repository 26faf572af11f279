"""``mmvae top-features``."""

from __future__ import annotations

from typing import Any

from mmvae_cli.cli.execute import execute
from mmvae_cli.cli.parameters import TALKING, WRITING, with_options
from mmvae_cli.config import TopFeaturesConfig


@with_options(TopFeaturesConfig, "inputs", *WRITING, *TALKING)
def top_features(**arguments: Any) -> None:
    """List the features that each latent drives most.

    INPUT: the file.h5mu or .zarr that mmvae train wrote into; default: the data of the run. Shows the loadings of
    varm["mmvae_loadings"], largest first; needs no model, writes nothing into the data. -o FILE writes them as
    .csv or .tsv.

    Example: mmvae top-features --latent shared --n 10 --names symbol
    """
    execute("top-features", arguments)
