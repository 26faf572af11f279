"""Numbers that stand for missing, and values far from all others."""

from __future__ import annotations

import numpy as np
import pytest

from mmvae_cli.data import far_values
from mmvae_cli.data.far_values import warn_of_far_values
from tests.data.objects import FORMS, numbered_modality
from tests.logged import warned

RNG = np.random.default_rng(0)
SIZE = (40, 30)
KINDS = {
    "logarithms": RNG.normal(8, 2, SIZE).clip(1),
    "ratios": RNG.normal(0, 2, SIZE),
    "intensities": np.exp(RNG.normal(14, 2, SIZE)),
    "log-normalised": RNG.exponential(1, SIZE) * (RNG.random(SIZE) < 0.2),
    "calls": RNG.integers(-2, 3, SIZE),
    "counts": RNG.negative_binomial(0.3, 0.01, SIZE),
}


def said(values: np.ndarray, caplog, form: str = "dense") -> list[str]:
    caplog.clear()
    warn_of_far_values(numbered_modality(values, form))
    return warned(caplog)


def damaged(kind: str, value: float, count: int = 1) -> np.ndarray:
    """Values of which some are another one, the first that of sample 3 and feature 7."""
    values = np.array(KINDS[kind], dtype=float)
    values.reshape(-1)[3 * 30 + 7 :][:count] = value
    return values


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_sound_values_are_fine(kind: str, form: str, caplog) -> None:
    assert said(KINDS[kind], caplog, form) == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "ratios"])
@pytest.mark.parametrize(("number", "count"), [(-9, 1), (-99, 3), (-999, 300), (-9999, 1)])
def test_a_number_for_missing_below_all_others_is_named(kind, number, count, form, caplog) -> None:
    (warning,) = said(damaged(kind, number, count), caplog, form)
    assert warning.startswith(f"modality 'rna': {number} may stand for missing ({count} of ")
    assert f"the first {number} at sample 's3', feature 'g7'; all others are from " in warning


def test_several_numbers_for_missing_are_named(caplog) -> None:
    values = damaged("logarithms", -99)
    values[5, 5] = -9
    assert [warning.split()[2] for warning in said(values, caplog)] == ["-99", "-9"]


def test_a_number_among_the_others_is_named_where_it_is_frequent_only(caplog) -> None:
    values = damaged("ratios", -9)
    values[0, 0] = -9.5
    assert said(values, caplog) == []
    values[3] = -9
    (warning,) = said(values, caplog)
    assert "-9 may stand for missing (30 of " in warning
    assert said(RNG.integers(-12, 12, SIZE), caplog) == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [1e30, -1e30])
def test_one_value_far_from_all_others_is_named(kind: str, value: float, form: str, caplog, monkeypatch) -> None:
    monkeypatch.setattr("mmvae_cli.data.kinds.BLOCK", 77)
    (warning,) = said(damaged(kind, value), caplog, form)
    assert warning.startswith("modality 'rna' has values far from all others: 1 of ")
    assert f"the first {value:.6g} at sample 's3', feature 'g7'" in warning


def test_missing_and_infinite_entries_are_no_far_values(caplog) -> None:
    values = damaged("logarithms", np.nan, 40)
    values[20, 20] = np.inf
    assert said(values, caplog) == []
    assert said(np.full(SIZE, np.nan), caplog) == []
    assert said(np.zeros(SIZE), caplog, "sparse") == []


def test_a_long_tail_without_a_gap_is_fine(caplog) -> None:
    values = np.array(KINDS["logarithms"])
    values[0] = 10.0 ** np.linspace(1, 8, 30)
    assert said(values, caplog) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_feature_may_have_a_scale_of_its_own(form, caplog) -> None:
    values = np.array(KINDS["logarithms"])
    values[:, 4] *= 1e6
    assert said(values, caplog, form) == []
    values[9, 4] = 1e30
    (warning,) = said(values, caplog, form)
    assert "1 of 1,200, the first 1e+30 at sample 's9', feature 'g4'" in warning


def test_a_part_of_many_entries_says_what_is_usual(caplog, monkeypatch) -> None:
    monkeypatch.setattr(far_values, "SAMPLED", 40)
    assert len(said(damaged("logarithms", 1e30), caplog)) == 1
    assert said(KINDS["logarithms"] * np.arange(1, 31), caplog) == []
