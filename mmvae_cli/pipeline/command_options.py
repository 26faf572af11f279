"""The options of every command, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmvae_cli import config as configs
from mmvae_cli.options import Options, from_options
from mmvae_cli.pipeline.benchmark_options import BENCHMARK_PRESETS, BenchmarkConfig

CONFIGS: dict[str, type[Options]] = {
    "check": configs.CheckConfig,
    "select": configs.SelectConfig,
    "train": configs.TrainConfig,
    "embed": configs.EmbedConfig,
    "predict": configs.PredictConfig,
    "evaluate": configs.EvaluateConfig,
    "report": configs.ReportConfig,
    "top-features": configs.TopFeaturesConfig,
    "benchmark": BenchmarkConfig,
    "simulate": configs.SimulateConfig,
}
PRESETS = {"train": configs.PRESETS, "benchmark": BENCHMARK_PRESETS}


def options_of(
    command: str, options: Mapping[str, Any], *, preset: str | None = None, config: str | Path | None = None
) -> Any:
    """Return the checked options of a command."""
    return from_options(CONFIGS[command], options, presets=PRESETS.get(command), preset=preset, config=config)
