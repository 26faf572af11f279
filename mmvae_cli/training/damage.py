"""What is the matter with a run folder that cannot be read."""

from __future__ import annotations

import json

from mmvae_cli.training.identity import CONFIG_FILE, WEIGHTS_FILE


def damage(error: Exception) -> str:
    """Say in the user's words what Python, torch or safetensors say of a run folder that is damaged."""
    changed = f"{CONFIG_FILE} was changed"
    words = {
        OSError: str(getattr(error, "strerror", None) or error),
        json.JSONDecodeError: f"{CONFIG_FILE} is cut off or overwritten",
        UnicodeDecodeError: f"{CONFIG_FILE} is cut off or overwritten",
        KeyError: f"{error} is missing in it",
        RuntimeError: f"the weights in {WEIGHTS_FILE} are not those that {CONFIG_FILE} describes",
        ValueError: changed,
        LookupError: changed,
        TypeError: changed,
    }
    found = (said for kind, said in words.items() if isinstance(error, kind))
    return next(found, f"{WEIGHTS_FILE} is cut off or overwritten")
