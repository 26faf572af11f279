"""The benchmark of screening runs; what it measures is not judged here."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from tests.scripts import load_script


@pytest.fixture(scope="module")
def screening() -> ModuleType:
    return load_script("benchmarks/screening.py", "screening_benchmark")


def test_settings_span_sizes_sparsities_noise_and_numbers_of_modalities(screening: ModuleType) -> None:
    planted = screening.PLANTED
    assert {setting.samples for setting in planted} >= {100, 300, 1000}
    assert {setting.sparsity for setting in planted} == {0.0, 0.8, 0.95}
    assert {len(setting.shared) for setting in planted} == {2, 3}
    assert len({setting.noise for setting in planted}) > 2
    widths = {
        shared + other for setting in planted for shared, other in zip(setting.shared, setting.other, strict=True)
    }
    assert min(widths) <= 100
    assert max(widths) >= 2000
    assert len({setting.title for setting in planted}) == len(planted)


def test_false_discoveries_and_power_are_counted_against_the_truth(
    screening: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = screening.alike(20, 4, 6, 2, 0.0, 0.5)
    calls = {"a": np.array([1] * 4 + [1] + [0] * 5, bool), "b": np.array([1, 0, 0, 0] + [0] * 6, bool)}
    monkeypatch.setattr(screening, "called", lambda *_, **__: calls)
    false, power = screening.discoveries(setting, 0)
    assert false == pytest.approx(0.1)  # 1 of 5, and 0 of 1
    assert power == pytest.approx(0.625)


def test_tables_are_printed_and_broken_promises_counted(
    screening: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    setting = screening.alike(40, 5, 10, 2, 0.0, 0.2)
    monkeypatch.setattr(screening, "PLANTED", [setting])
    monkeypatch.setattr(screening, "NULL", [setting])
    monkeypatch.setattr(screening, "REAL", {})
    assert screening.main(["--runs", "2", "--null-runs", "2"]) in (0, 1)
    printed = capsys.readouterr().out
    assert "| 40 | 5+10 × 5+10 | 0 | 0.2 |" in printed
    assert "| 40, 5+10 × 5+10, 0, 0.2 | " in printed
    monkeypatch.setattr(screening, "discoveries", lambda *_: (0.2, 1.0))
    assert screening.main(["--runs", "2", "--only", "planted"]) == 1
    assert "settings with a mean above 0.05 + 2 standard errors: 1 of 1" in capsys.readouterr().out


def test_speed_is_told_with_the_memory_it_took(
    screening: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(screening, "LARGE", "none.h5mu")
    screening.speed(50, 200)
    row = capsys.readouterr().out.splitlines()[-1]
    assert row.startswith("| 50 × (200 + 200), dense |")
