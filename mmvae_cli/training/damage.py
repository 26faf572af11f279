"""Files of a run folder, and what is the matter with them where they cannot be read."""

from __future__ import annotations

import json

CONFIG_FILE, WEIGHTS_FILE = "run.json", "model.safetensors"


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
