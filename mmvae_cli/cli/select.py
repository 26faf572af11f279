"""``mmvae select``."""

from __future__ import annotations

from typing import Any

from mmvae_cli.cli.execute import execute
from mmvae_cli.cli.parameters import READING, TALKING, WRITING, with_options
from mmvae_cli.cli.progress import ScreeningProgress
from mmvae_cli.config import SelectConfig


@with_options(SelectConfig, *READING, *WRITING, *TALKING)
def select(**arguments: Any) -> None:
    """Choose features by a label, or by shared signal.

    INPUT: a file.h5mu or .zarr; a 10x .h5 or folder; or name=table.csv (.tsv, .gz, .h5ad, .h5) for each modality,
    with -o FILE. Ranks are fitted on training samples (--select-on all: on all). Writes
    obs["mmvae_split"], var["mmvae_set"] and var["mmvae_rank"]; mmvae train uses them.

    --by screening needs no label: it finds the features that are associated with another modality, and
    writes var["mmvae_role"], var["mmvae_score"] and var["mmvae_q"] instead of set and rank.

    Example: mmvae select cll.h5mu --label IGHV --shared 10 --other rna=250 --other methylation=100
    """
    execute("select", arguments, progress=ScreeningProgress(quiet=arguments["quiet"]))
