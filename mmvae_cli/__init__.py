"""Shared and private latent factors of multi-omics data with multimodal variational autoencoders."""

from __future__ import annotations

import importlib
from typing import Any

from mmvae_cli._version import __version__
from mmvae_cli.api import (
    associations,
    benchmark,
    check,
    embed,
    evaluate,
    metrics,
    predict,
    report,
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
    "pl",
    "predict",
    "report",
    "select",
    "simulate",
    "top_features",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import the figures where they are asked for, as they need pandas and scikit-learn."""
    if name == "pl":
        return importlib.import_module("mmvae_cli.pl")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
