"""Random generators that depend on a seed and on names, never on the order of calls."""

from __future__ import annotations

import hashlib
import json

import numpy as np


def keyed_generator(seed: int, *names: str) -> np.random.Generator:
    """Return the generator that belongs to a seed and some names.

    Two generators with different names are independent of each other, so that adding a modality, or asking
    for one more draw somewhere, leaves all other draws as they were.

    Parameters
    ----------
    seed
        Any whole number.
    names
        What the generator is for: ``("split",)``, ``("simulate", "rna")``.
    """
    # JSON keeps ("a", "b") and ("ab",) apart; the built-in hash() changes from process to process
    digest = hashlib.sha256(json.dumps([int(seed), *names]).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype="<u4"))
