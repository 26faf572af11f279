"""``mmvae evaluate``."""

from __future__ import annotations

from typing import Any

from mmvae_cli.cli.execute import execute
from mmvae_cli.cli.parameters import READING, REPORTING, TALKING, WRITING, with_options
from mmvae_cli.config import EvaluateConfig


@with_options(EvaluateConfig, *READING, *WRITING, *REPORTING, *TALKING)
def evaluate(**arguments: Any) -> None:
    """Measure prediction and label separation.

    INPUT: as for train; default: the data of the run. On the samples held out from training: R² of
    every feature (from the other modalities, from its own, from all) and AUC of a logistic regression on
    the latents. On all samples: which columns of obs go with which latents. Writes var["mmvae_r2_cross"],
    ..._self, ..._joint and the metrics.

    Example: mmvae evaluate
    """
    execute("evaluate", arguments)
