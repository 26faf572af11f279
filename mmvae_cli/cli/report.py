"""``mmvae report``."""

from __future__ import annotations

from typing import Any

from mmvae_cli.cli.execute import execute
from mmvae_cli.cli.parameters import READING, TALKING, with_options
from mmvae_cli.config import ReportConfig


@with_options(ReportConfig, *READING, "force", *TALKING)
def report(**arguments: Any) -> None:
    """Write a page for the browser about a trained model.

    INPUT: as for train; default: the data of the run. One HTML file that holds all its data and loads nothing: what
    was found in sentences, variance explained, maps of the latents, R² of every feature beside baselines, training
    curves, options and versions. Takes the evaluation of this model from the data, or else makes it.

    Example: mmvae report --out report.html
    """
    execute("report", arguments)
