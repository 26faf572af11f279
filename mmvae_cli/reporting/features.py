"""The table of features, and predicted against observed values, for the script of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mmvae_cli.reporting.content import MEASURES, Features, Pairs
from mmvae_cli.reporting.encode import classes, floats, quantised, whole_numbers

SETS = ("shared", "other")


def encoded(features: Mapping[str, Features]) -> list[dict[str, Any]]:
    """One entry per modality."""
    return [_encoded(name, one) for name, one in features.items()]


def measures(features: Mapping[str, Features]) -> list[dict[str, str]]:
    """Columns of the table: measures that any modality has."""
    return [
        {"key": key, "title": title, "meaning": meaning}
        for key, (title, meaning) in MEASURES.items()
        if any(key in one.values for one in features.values())
    ]


def _encoded(name: str, one: Features) -> dict[str, Any]:
    codes = None if one.sets is None else [SETS.index(part) if part in SETS else -1 for part in one.sets]
    return {
        "modality": name,
        "names": [str(feature) for feature in one.names],
        "symbols": None if one.symbols is None else [str(symbol) for symbol in one.symbols],
        "sets": None if codes is None else classes(codes),
        "values": {key: floats(values) for key, values in one.values.items()},
        "pairs": None if one.pairs is None else _pairs(one.pairs),
    }


def _pairs(pairs: Pairs) -> dict[str, Any]:
    """Values of each feature between its own lowest and highest, so that 16 bits are enough."""
    observed, predicted = (_by_feature(values) for values in (pairs.observed, pairs.predicted))
    return {
        "features": whole_numbers(pairs.features),
        "samples": whole_numbers(pairs.samples),
        "observed": observed,
        "predicted": predicted,
        "unit": pairs.unit,
        "heldOut": pairs.n_held_out,
    }


def _by_feature(values: np.ndarray) -> dict[str, Any]:
    finite = np.isfinite(values)
    low = np.where(finite, values, np.inf).min(axis=1, initial=np.inf)
    high = np.where(finite, values, -np.inf).max(axis=1, initial=-np.inf)
    known = low <= high
    low, high = np.where(known, low, 0.0), np.where(known, high, 0.0)
    width = np.where(high > low, high - low, 1.0)
    relative = (values - low[:, None]) / width[:, None]  # from 0 to 1, so that all features have one scale
    steps = quantised(np.append(relative.ravel(), [0.0, 1.0]))
    return {"low": floats(low), "width": floats(width), "steps": steps["u2"]}
