"""What was logged in a test."""

from __future__ import annotations

import logging

import pytest


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Messages of warnings and errors, whatever else the level lets through."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
