"""What every command does: one call of ``api``, then the result as a table or as JSON."""

from __future__ import annotations

import shlex
import sys
from contextlib import nullcontext
from typing import Any

from mmvae_cli import api
from mmvae_cli.cli.console import print_json, set_up_log
from mmvae_cli.cli.parameters import given
from mmvae_cli.cli.progress import TrainingProgress
from mmvae_cli.cli.show import SHOW


def execute(
    command: str,
    inputs: list[str] | None,
    options: dict[str, Any],
    *,
    json: bool,
    quiet: bool,
    preset: str | None = None,
    config: str | None = None,
    progress: TrainingProgress | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Run a command and show its result; returns the summary."""
    warnings = set_up_log(quiet=quiet)
    checked = api.options_of(command, given(options), preset=preset, config=config)
    if progress is not None:
        more["on_epoch"] = progress
    with progress or nullcontext():
        command_line = shlex.join(["mmvae", *sys.argv[1:]])
        summary = api.on_files(command, inputs or [], checked, command_line=command_line, **more)
    if json:
        print_json(summary, warnings)
    elif not quiet:
        SHOW[command](summary)
    return summary
