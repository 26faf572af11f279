"""A few of many, where all would take too long and a random draw would have to be kept."""

from __future__ import annotations

import numpy as np


def evenly(n: int, most: int) -> np.ndarray:
    """(min(n, most),) different places of n, from the first to the last."""
    return np.linspace(0, n - 1, min(n, most)).astype(int)
