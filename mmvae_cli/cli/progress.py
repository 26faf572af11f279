"""Progress of screening and training: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from mmvae_cli.cli.console import err

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BEFORE_BAR = 3.0  # a screening that is done earlier shows nothing


class ScreeningProgress:
    """Shows the share of a screening that is done, if it takes some seconds; nothing when quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.bar: Progress | None = None
        self.task: Any = None
        self.first = self.last_line = 0.0  # time of the first report, and of the last line

    @property
    def events(self) -> dict[str, Callable[[Any], None]]:
        """What is to be called when."""
        return {"on_screening": self}

    def __enter__(self) -> ScreeningProgress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, done: float) -> None:
        """Take the share that is done, from 0 to 1."""
        if self.quiet:
            return
        now = time.monotonic()
        self.first = self.first or now
        if err.is_terminal:
            self._on_bar(done, now - self.first)
        elif now - max(self.first, self.last_line) > SECONDS_BETWEEN_LINES:
            err.print(f"screening  {100 * done:.0f} %")
            self.last_line = now

    def _on_bar(self, done: float, seconds: float) -> None:
        if self.bar is None and seconds > SECONDS_BEFORE_BAR:
            columns = (TextColumn("screening"), BarColumn(20), TaskProgressColumn(), TimeRemainingColumn())
            self.bar = Progress(*columns, console=err, transient=True)
            self.bar.start()
            self.task = self.bar.add_task("", total=1.0)
        if self.bar is not None:
            self.bar.update(self.task, completed=done)
            if done >= 1:
                self.bar.stop()


class TrainingProgress:
    """Shows loss and held-out R² of the replicates (their mean) after each epoch; nothing when quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.screening = ScreeningProgress(quiet=quiet)
        self.bar: Progress | None = None
        self.task: Any = None
        self.last_line = time.monotonic()

    @property
    def events(self) -> dict[str, Callable[[Any], None]]:
        """What is to be called when."""
        return {"on_epoch": self, **self.screening.events}

    def __enter__(self) -> TrainingProgress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.screening.__exit__(kind, error, at)
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, report: Any) -> None:
        """Take the report of an epoch."""
        if self.quiet:
            return
        if err.is_terminal:
            self._on_bar(report)
        elif report.epoch in (1, report.epochs) or time.monotonic() - self.last_line > SECONDS_BETWEEN_LINES:
            err.print(f"epoch {report.epoch}/{report.epochs}  {_text(report)}{_time_left(report)}")
            self.last_line = time.monotonic()

    def _on_bar(self, report: Any) -> None:
        if self.bar is None:
            columns = (TextColumn("epoch"), MofNCompleteColumn(), BarColumn(20), TextColumn("{task.description}"))
            self.bar = Progress(*columns, TimeRemainingColumn(), console=err, transient=True)
            self.bar.start()
            self.task = self.bar.add_task("", total=report.epochs)
        self.bar.update(self.task, completed=report.epoch, description=_short_text(report))


def _mean(values: list[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan


def _time_left(report: Any) -> str:
    """Seconds until the last epoch; the first one is no measure, it holds what is done once."""
    if report.epoch in (1, report.epochs):
        return ""
    return f"  at most {report.seconds / report.epoch * (report.epochs - report.epoch):.0f} s left"


def _short_text(report: Any) -> str:
    """What a bar has place for on 80 columns."""
    held_out = f"  held-out R² {_mean(report.r2):.2f}" if report.validation else ""
    return f"loss {_mean(report.loss):.1f}{held_out}"


def _text(report: Any) -> str:
    parts = [f"loss {_mean(report.loss):.1f}", f"beta {report.beta:.2f}"]
    if report.validation:
        parts.append(f"held-out score {_mean(report.validation):.3f}")
        parts.append(f"cross R² {_mean(report.r2):.2f}")
    if len(report.replicates) > 1:
        parts.append(f"{len(report.replicates)} replicates")
    return "  ".join(parts)
