"""The script that runs real data sets with the defaults, on a small one."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.decomposition import PCA

from tests.pipeline.helpers import study, with_samples
from tests.scripts import load_script


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("benchmarks/data_sets.py")


def test_a_row_says_what_was_chosen_what_came_out_and_what_it_cost(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    with_samples(study(80, other=20), {"rna": range(70)}).write(tmp_path / "data/small.h5mu")
    monkeypatch.setattr(script, "CASES", {"small": script.Case("small.h5mu", "label", "--epochs 2")})
    monkeypatch.setattr(script, "DATA", tmp_path / "data")
    lines: list[str] = []
    assert script.main([], lines.append) == 0
    cells = [cell.strip() for cell in lines[-2].strip("|").split("|")]
    assert cells[:2] == ["small", "rna gaussian, meth gaussian"]
    assert all(0 <= float(value) <= 1 for value in cells[2:4])
    pairs = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[-1].strip().splitlines()]
    assert pairs[0] == ["small, from", "rna", "meth"]
    assert [line[0] for line in pairs[2:]] == ["rna", "meth"]
    assert pairs[2][1] == pairs[3][2] == "–"
    assert pairs[2][2].count("/") == 1
    assert cells[4].startswith("rna ")
    assert float(cells[5]) > 0
    assert 0.05 < float(cells[6]) < 5


def test_components_are_fitted_on_training_samples_of_standardised_values(script: ModuleType) -> None:
    values = np.random.default_rng(0).normal(3, np.arange(1, 41), (60, 40)).astype(np.float32)
    train = np.arange(45)
    scaled = (values - values[train].mean(0)) / values[train].std(0)
    expected = PCA(20, svd_solver="full").fit(scaled[train]).transform(scaled)
    found = script.components(values, train)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=1e-2, atol=1e-2)
