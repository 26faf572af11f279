"""Data of the page: JSON that cannot end its script element, and long arrays as base64, which browsers read fast."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

STEPS = 65534  # of quantised values; 65535 stands for nan
NO_CLASS = 255  # of a sample without a value; so there are at most 255 classes

# What HTML or JavaScript could read as more than text; inside JSON strings the escapes mean the same characters.
UNSAFE = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def script_json(value: object) -> str:
    """JSON for a ``<script type="application/json">``; fails on nan, which JSON does not have."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).translate(UNSAFE)


def quantised(values: np.ndarray) -> dict[str, Any]:
    """Numbers as 16-bit steps between the lowest and the highest; nan and infinite ones as missing.

    Returns
    -------
    ``low``, ``high`` and ``u2``, the steps: ``low + (high - low) * step / 65534``.
    """
    values = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(values)
    low, high = (float(values[finite].min()), float(values[finite].max())) if finite.any() else (0.0, 0.0)
    steps = np.full(values.shape, STEPS + 1, dtype="<u2")
    steps[finite] = np.rint((values[finite] - low) / ((high - low) or 1.0) * STEPS)
    return {"low": low, "high": high, "u2": _base64(steps)}


def floats(values: np.ndarray) -> dict[str, str]:
    """Numbers in float32, nan where missing."""
    return {"f4": _base64(np.asarray(values, dtype="<f4"))}


def whole_numbers(values: np.ndarray) -> dict[str, str]:
    """Numbers in int32."""
    return {"i4": _base64(np.asarray(values, dtype="<i4"))}


def classes(values: Sequence[int] | np.ndarray) -> dict[str, str]:
    """Numbers of classes, below 255; -1 where there is none."""
    values = np.asarray(values)
    return {"u1": _base64(np.where(values < 0, NO_CLASS, values).astype("u1"))}


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
