"""What the replicates of a training are given, whether a model or a baseline learns from it."""

from __future__ import annotations

from mmvae_cli.config import TrainConfig
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.pipeline.covariates import with_covariates
from mmvae_cli.pipeline.prepare import prepare
from mmvae_cli.pipeline.prepared import Prepared
from mmvae_cli.pipeline.select import sets_to_reuse
from mmvae_cli.pipeline.study import Study, make_study


def training_input(dataset: Dataset, config: TrainConfig) -> tuple[Study, Prepared]:
    """Split; then transform, select and scale, without roles yet.

    The study holds the values as they were read, and covariates.

    Raises
    ------
    MmvaeError
        As ``make_study``, ``with_covariates`` and ``prepare``.
    """
    n_own_splits = config.replicates if config.splits == "own" else 0
    study = with_covariates(make_study(dataset, config, config.label, config.key, n_own_splits), config)
    return study, prepare(study, config, config, config.scale_on, sets_to_reuse(study, config))
