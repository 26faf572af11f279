"""How a model is trained: what the options say, and what they leave open."""

from __future__ import annotations

import torch

from mmvae_cli.config import TrainConfig
from mmvae_cli.model.elbo import LABEL
from mmvae_cli.pipeline.per_modality import per_modality
from mmvae_cli.pipeline.prepared import Prepared
from mmvae_cli.training.hardware import choose_precision
from mmvae_cli.training.loop import Recipe

MOST_EPOCHS, FEWEST_EPOCHS = 500, 10
STEPS = 4000  # updates after which training on many samples ends by default


def recipe_of(prepared: Prepared, config: TrainConfig, n_training: int, device: torch.device) -> Recipe:
    """Fill in what the options leave open; ``n_training`` samples train a replicate."""
    widths = [record.columns.shape[1] for record in prepared.records]
    assert config.lr is not None
    steps_per_epoch = -(-n_training // config.batch_size)
    epochs = config.epochs or min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(STEPS / steps_per_epoch)))
    given = per_modality(config.modality_weight, prepared.study.aligned.file_order, "--modality-weight")
    weights = {name: float(weight) for name, weight in given.items() if weight is not None}
    weights[LABEL] = float(max(widths)) if config.label_weight is None else config.label_weight
    return Recipe(
        epochs=epochs,
        batch_size=config.batch_size,
        lr=config.lr,
        beta=config.beta,
        warmup=config.warmup,
        patience=max(10, epochs // 10) if config.patience is None else config.patience,
        weights=weights,
        dropout=config.dropout,
        precision=choose_precision(config.precision, device, max(widths)),
        threads=config.threads,
    )
