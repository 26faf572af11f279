"""Print the requirements of an extra, such as ``pipelines``, one a line: to install them without the package."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def requirements(extra: str) -> list[str]:
    """Requirements of an extra, as they stand in pyproject.toml."""
    found: list[str] = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"][extra]
    return found


if __name__ == "__main__":
    sys.stdout.write("".join(f"{requirement}\n" for requirement in requirements(sys.argv[1])))
