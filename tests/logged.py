"""What was logged in a test."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import pytest


@contextlib.contextmanager
def log_as_before() -> Iterator[None]:
    """Leave the log as it was: commands and benchmarks set it up for a process of their own."""
    log = logging.getLogger("mmvae_cli")
    before = (list(log.handlers), log.level, log.propagate)
    try:
        yield
    finally:
        log.handlers, log.level, log.propagate = before


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Messages of warnings and errors, whatever else the level lets through."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
