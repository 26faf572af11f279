"""Which model a run folder holds, without loading it."""

from __future__ import annotations

import hashlib
from pathlib import Path

CONFIG_FILE, WEIGHTS_FILE = "run.json", "model.safetensors"


def fingerprint(folder: str | Path) -> str:
    """SHA-256 of a trained model: its weights and all that ``run.json`` says, the time of the training among it."""
    return _sha256(folder, WEIGHTS_FILE, CONFIG_FILE)


def model_hash(folder: str | Path) -> str | None:
    """SHA-256 of weights and preparation, the same wherever and whenever trained; None where there is no model."""
    return _sha256(folder, WEIGHTS_FILE) if (Path(folder) / WEIGHTS_FILE).is_file() else None


def _sha256(folder: str | Path, *names: str) -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update((Path(folder) / name).read_bytes())
    return digest.hexdigest()
