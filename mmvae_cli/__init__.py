"""Shared and private latent factors of multi-omics data with multimodal variational autoencoders."""

from mmvae_cli._version import __version__
from mmvae_cli.api import (
    associations,
    benchmark,
    check,
    embed,
    evaluate,
    metrics,
    predict,
    select,
    simulate,
    top_features,
    train,
)

__all__ = [
    "__version__",
    "associations",
    "benchmark",
    "check",
    "embed",
    "evaluate",
    "metrics",
    "predict",
    "select",
    "simulate",
    "top_features",
    "train",
]
