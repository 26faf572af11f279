"""The page that is looked at, made once for those tests that a worker runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reporting.hostile import hostile_page


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Page of a study with hostile names."""
    return hostile_page(tmp_path_factory.mktemp("hostile"))
