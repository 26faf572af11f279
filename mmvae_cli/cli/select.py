"""``mmvae select``."""

from __future__ import annotations

from typing import Any

from mmvae_cli.cli.execute import execute
from mmvae_cli.cli.parameters import READING, TALKING, WRITING, with_options
from mmvae_cli.config import SelectConfig


@with_options(SelectConfig, *READING, *WRITING, *TALKING)
def select(**arguments: Any) -> None:
    """Choose features by their correlation with a label.

    INPUT: a file.h5mu; or name=table.csv (.tsv, .gz, .h5ad) for each modality, with -o FILE. Ranks
    are fitted on training samples (--select-on all: on all). Writes obs["mmvae_split"], var["mmvae_set"]
    and var["mmvae_rank"]; mmvae train uses them.

    Example: mmvae select cll.h5mu --label IGHV --shared 10 --other rna=250 --other methylation=100
    """
    execute("select", arguments)
