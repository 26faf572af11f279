"""Programs of others that some tests run: named by an environment variable, or found on PATH."""

from __future__ import annotations

import os
import shutil

import pytest


def executable(name: str) -> str:
    """Path of a program; skips the test where it is not installed.

    ``make test`` installs them in an environment of their own and names them, as ``MMVAE_MULTIQC`` for ``multiqc``.
    """
    variable = f"MMVAE_{name.upper()}"
    asked = os.environ.get(variable)
    found = shutil.which(asked or name)
    if found is None:
        pytest.skip(f"{asked} is no program" if asked else f"no {name} on PATH, and {variable} names none")
    return found
