"""Samples with one value everywhere, and samples in another unit."""

from __future__ import annotations

import numpy as np
import pytest

from mmvae_cli.data import odd_samples
from mmvae_cli.data.odd_samples import warn_of_odd_samples
from tests.data.objects import FORMS, numbered_modality
from tests.logged import warned

RNG = np.random.default_rng(0)
LOGARITHMS = RNG.normal(7, 2, (40, 1)).clip(6, 8) + RNG.normal(0, 2, (40, 50)).clip(-5, 5)
CALLS = RNG.integers(-2, 3, (40, 50))


def said(values: np.ndarray, caplog, form: str = "dense") -> list[str]:
    caplog.clear()
    warn_of_odd_samples(numbered_modality(values, form))
    return warned(caplog)


def with_rows(values: np.ndarray, rows: dict[int, float]) -> np.ndarray:
    values = np.array(values, dtype=float)
    for row, value in rows.items():
        values[row] = value
    return values


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("values", [LOGARITHMS, LOGARITHMS - 7, CALLS, RNG.random((40, 50))])
def test_sound_samples_are_fine(values: np.ndarray, form: str, caplog) -> None:
    assert said(values, caplog, form) == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("rows", "named"), [({4: 0, 9: 0}, "(0)"), ({4: 0, 9: -9}, "(-9, 0)"), ({4: 2.5, 9: 2.5}, "(2.5)")]
)
def test_samples_with_one_value_in_all_features_are_named(rows, named, form, caplog) -> None:
    warning = said(with_rows(LOGARITHMS, rows), caplog, form)[0]
    assert warning.startswith(f"modality 'rna': 2 samples with the same value in all features {named}, the first 's4'")


def test_a_sample_without_any_call_is_usual_and_one_with_another_number_is_not(caplog) -> None:
    assert said(with_rows(CALLS, {4: 0}), caplog) == []
    (warning,) = said(with_rows(CALLS, {4: 0, 9: -9}), caplog)
    assert "1 sample with the same value in all features (-9), the first 's9'" in warning


def test_missing_entries_and_samples_with_few_values_have_not_one_value(caplog) -> None:
    values = with_rows(LOGARITHMS, {4: np.nan, 5: np.nan, 6: np.nan})
    values[5, :4] = 1.0
    assert said(values, caplog) == []
    values[6, :5] = 1.0
    assert "1 sample with" in said(values, caplog)[0]
    assert said(np.repeat([[0.5, 0.25]], 2, axis=1).T, caplog) == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("others", [slice(1, None, 3), slice(30, 33)])
def test_samples_in_another_unit_are_named(others: slice, form: str, caplog) -> None:
    values = np.array(LOGARITHMS)
    values[others] = 2 ** values[others]
    (warning,) = said(values, caplog, form)
    first = range(40)[others][0]
    assert f"{len(values[others])} of 40 samples, such as 's{first}', seem to have another unit" in warning


def test_samples_of_very_different_size_have_one_unit(caplog) -> None:
    sizes = np.exp(RNG.normal(0, 1.5, (40, 1)))
    assert said(sizes * np.exp(LOGARITHMS), caplog) == []
    assert said(with_rows(LOGARITHMS, {}) * np.where(np.arange(40) == 3, 100, 1)[:, None], caplog) == []


def test_of_many_samples_some_are_looked_at(caplog, monkeypatch) -> None:
    monkeypatch.setattr(odd_samples, "LOOKED_AT", 10)
    values = np.array(LOGARITHMS)
    values[20:] = 2 ** values[20:]
    (warning,) = said(values, caplog)
    assert "5 of 10 samples, such as" in warning
