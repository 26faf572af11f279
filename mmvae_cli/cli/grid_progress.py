"""Progress of a benchmark: a bar on a terminal, a line for each cell elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mmvae_cli.cli.console import err, literal


class GridProgress:
    """Shows each cell when it is done; nothing when quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.bar: Progress | None = None
        self.task: Any = None

    @property
    def events(self) -> dict[str, Callable[[Any], None]]:
        """What is to be called when."""
        return {"on_cell": self}

    def __enter__(self) -> GridProgress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, report: Any) -> None:
        """Take the report of a cell."""
        if self.quiet:
            return
        if err.is_terminal:
            self._on_bar(report)
            return
        if report.done == 0:
            return
        how = f"{report.seconds:.1f} s" if report.error is None else f"failed: {report.error.args[0]}"
        err.print(f"cell {report.done}/{report.total}  {literal(report.title)}  {literal(how)}")

    def _on_bar(self, report: Any) -> None:
        if self.bar is None:
            columns = (TextColumn("cell"), MofNCompleteColumn(), BarColumn(20), TextColumn("{task.description}"))
            self.bar = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=err, transient=True)
            self.bar.start()
            self.task = self.bar.add_task("", total=report.total)
        self.bar.update(self.task, completed=report.done, description=literal(report.title))
