"""What all summaries are shown with: tables, numbers, and where results were written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table

from mmvae_cli.cli.console import literal, out

Summary = dict[str, Any]


def number(value: float | None, digits: int = 2) -> str:
    """A number, or a dash where there is none."""
    return "–" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0: no minus before zero


def whole(count: int) -> str:
    """A count, its thousands set apart."""
    return f"{count:,}"


def with_sd(value: float | None, over: Summary | None) -> str:
    """One value; with several replicates the median ± sd over them instead."""
    if over is None or over.get("sd") is None:
        return number(value)
    return f"{number(over['median'])} ± {number(over['sd'])}"


def new_table(title: str, *columns: str, names: int = 1) -> Table:
    """Names to the left, where long ones are broken; numbers to the right, never broken."""
    if title:
        out.print(f"[bold]{literal(title)}[/bold]")  # a title of the table itself would be broken to its width
    table = Table(header_style="bold", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index >= names else "left", no_wrap=index > 0, overflow="fold")
    return table


def unit_of(unit: str) -> str:
    """A unit of predictions in words."""
    return "the unit of the input" if unit == "input" else unit


def show_written(summary: Summary) -> None:
    """Say where results were written."""
    if "output" in summary:
        path = Path(summary["output"])
        out.print(f"written: {literal(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)}")
