"""Fixtures every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.logged import log_as_before

REPOSITORY = Path(__file__).resolve().parents[1]


def _shared_folder() -> Path:
    """Folder of the development data, from the environment; they are no part of the project."""
    return Path(os.environ.get("MMVAE_DATA", str(REPOSITORY.parent / "shared")))


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """No test sees what another one did to the log."""
    with log_as_before():
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = _shared_folder() / "data"
    if not folder.is_dir():
        pytest.skip(f"no development data in {folder}; set MMVAE_DATA to the folder that holds data/")
    return folder


@pytest.fixture(scope="session")
def example_data() -> Path:
    return REPOSITORY / "example_data"
