"""``mmvae predict``."""

from __future__ import annotations

from typing import Any

from mmvae_cli.cli.execute import execute
from mmvae_cli.cli.parameters import ConfigFile, Force, Inputs, Json, Labels, Output, Quiet, with_options
from mmvae_cli.config import PredictConfig


@with_options(PredictConfig)
def predict(
    inputs: Inputs = None,
    obs: Labels = None,
    output: Output = None,
    force: Force = False,
    config: ConfigFile = None,
    json: Json = False,
    quiet: Quiet = False,
    **options: Any,
) -> None:
    """Predict a modality from others with a trained model.

    Without INPUT: the data of the run. Writes layers["mmvae_from_<source>"] of the target; with -o and
    .csv, .tsv or .h5ad the prediction alone. New data need only the source: mmvae predict new.csv --from rna ...

    Example: mmvae predict --from rna --to methylation
    """
    execute("predict", inputs, options, obs=obs, output=output, force=force, config=config, json=json, quiet=quiet)
