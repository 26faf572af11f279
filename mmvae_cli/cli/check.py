"""``mmvae check``."""

from __future__ import annotations

from typing import Any

import typer

from mmvae_cli.cli.console import show_error
from mmvae_cli.cli.execute import execute
from mmvae_cli.cli.parameters import READING, TALKING, with_options
from mmvae_cli.config import CheckConfig


@with_options(CheckConfig, *READING, *TALKING)
def check(**arguments: Any) -> None:
    """Describe the data; say what training would refuse.

    INPUT: a file.h5mu or .zarr, a 10x .h5 or folder, or name=table.csv (.tsv, .gz, .h5ad, .h5) for each modality.
    Exit code 65 if training would refuse them.

    Example: mmvae check cll.h5mu --label IGHV
    """
    summary = execute("check", arguments)
    for problem in summary["problems"]:
        show_error(problem["message"], problem["hint"])
    if summary["problems"]:
        raise typer.Exit(summary["problems"][0]["exit_code"])
