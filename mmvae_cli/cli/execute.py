"""What every command does: one call of ``api``, then the result as a table or as JSON."""

from __future__ import annotations

import shlex
import sys
from contextlib import nullcontext
from typing import Any

from mmvae_cli import api
from mmvae_cli.cli.console import print_json, set_up_log
from mmvae_cli.cli.grid_progress import GridProgress
from mmvae_cli.cli.parameters import REPORTING, WRITING, given
from mmvae_cli.cli.progress import ScreeningProgress, TrainingProgress
from mmvae_cli.cli.show import SHOW


def execute(
    command: str,
    arguments: dict[str, Any],
    *,
    progress: TrainingProgress | ScreeningProgress | GridProgress | None = None,
) -> dict[str, Any]:
    """Run a command with what stands on the command line, and show its result; returns the summary."""
    warnings = set_up_log(quiet=arguments["quiet"])
    checked = api.options_of(command, given(arguments), preset=arguments.get("preset"), config=arguments["config"])
    more = {name: arguments[name] for name in ("obs", *WRITING, *REPORTING) if name in arguments}
    if progress is not None:
        more.update(progress.events)
    with progress or nullcontext():
        command_line = shlex.join(["mmvae", *sys.argv[1:]])
        summary = api.on_files(command, arguments.get("inputs") or [], checked, command_line=command_line, **more)
    if arguments["json"]:
        print_json(summary, warnings)
    elif not arguments["quiet"]:
        SHOW[command]({**summary, "warnings": warnings})
    return summary
