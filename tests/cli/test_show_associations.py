"""What ``mmvae evaluate`` prints and gives as JSON of associations."""

from __future__ import annotations

import re
from pathlib import Path

import mudata
import numpy as np
import pytest

from mmvae_cli.cli.show_associations import show_associations
from tests.cli.commands import QUICK, done


def row(latent: str, column: str, q: float, **more: object) -> dict[str, object]:
    return {
        "latent": latent, "column": column, "measure": "spearman", "effect": -0.5, "higher_in": "", "n": 1000,
        "p": q / 2, "q": q, "samples": "all", "covariate": False, **more,
    }  # fmt: skip


def shown(tests: list[dict[str, object]], capsys: pytest.CaptureFixture[str]) -> str:
    show_associations({"tests": tests, "left_out": {}})
    return capsys.readouterr().out


def test_of_each_latent_the_strongest_three_stand_first_to_last(capsys: pytest.CaptureFixture[str]) -> None:
    tests = [row("shared_1", f"c{i}", q) for i, q in enumerate((0.04, 1e-9, 0.3, 1e-5, 0.01))]
    text = shown([*tests, row("rna_1", "c0", 0.9)], capsys)
    assert re.findall(r"^(\w+_1) +(c\d)", text, re.MULTILINE) == [("shared_1", name) for name in ("c1", "c3", "c4")]
    assert "ρ -0.50" in text
    assert "tested: 5 columns, 4 of 6 tests significant" in text


def test_columns_that_the_model_knows_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    tests = [row("shared_1", "IGHV", 0.9, samples="held-out"), row("shared_1", "batch", 0.9, covariate=True)]
    text = shown(tests, capsys)
    assert "0 of 2 tests significant" in text
    assert "IGHV: on held-out samples only" in text
    assert "batch: a covariate" in text
    assert shown([], capsys) == ""


def test_evaluate_says_what_it_left_out_and_why(two: Path) -> None:
    mdata = mudata.read_h5mu(two)
    mdata.obs["patient"] = [f"p{index}" for index in range(mdata.n_obs)]
    mdata.obs["[red]size"] = np.random.default_rng(0).normal(size=mdata.n_obs)
    mdata.write_h5mu("more.h5mu")
    done(f"train more.h5mu {QUICK}")
    found = done("evaluate --no-baselines --json").json["associations"]
    assert "identifier" in found["left_out"]["patient"]
    assert {test["column"] for test in found["tests"]} == {"label", "[red]size"}
    text = done("evaluate --no-baselines").out
    assert "tested: 2 columns" in text
    assert "associations" not in done("evaluate --no-baselines --no-associations").out
    assert done("evaluate --no-baselines --no-associations --json").json["associations"] is None
