"""Versions that a result may depend on, from the metadata of the installed packages: none of them is imported."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from mmvae_cli._version import __version__

LIBRARIES = ("torch", "anndata", "mudata", "numpy")


def versions() -> dict[str, str]:
    """Name → version of this package, of Python and of the libraries; ``"unknown"`` where a package has no metadata."""
    return {
        "mmvae": __version__,
        "python": platform.python_version(),
        **{name: _installed(name) for name in LIBRARIES},
    }


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
