"""What ``mmvae evaluate`` prints of baselines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mmvae_cli.cli.show_evaluate import show_evaluate
from tests.cli.commands import QUICK, done


@pytest.fixture
def evaluated(here: Path, drawn: Path) -> str:
    """What is printed of a model that was hardly trained, on simulated data of two modalities."""
    done(f"train {drawn}/two.h5mu -o out.h5mu --quiet {QUICK}")
    return done("evaluate").out


def test_a_baseline_that_is_better_is_named_in_a_sentence(evaluated: str) -> None:
    for name in ("rna", "methylation"):
        assert re.search(rf"ridge.* predict {name} better than the model does \(shared features\)", evaluated)


def test_every_baseline_has_a_line_with_its_r2_and_the_features_on_which_the_model_is_better(evaluated: str) -> None:
    rows = re.findall(r"^(rna|methylation) +(the model|ridge|kNN|PLS|trees|training mean) .*$", evaluated, re.MULTILINE)
    assert len(rows) == 2 * 6
    assert len(re.findall(r"^rna +ridge +0\.\d\d +-?0\.\d\d +-?0\.\d\d +\d+ of 10$", evaluated, re.MULTILINE)) == 1


def test_without_baselines_nothing_is_said_of_them(evaluated: str) -> None:
    found = done("evaluate --no-baselines").out
    assert "ridge" in evaluated
    assert "ridge" not in found
    assert "better than the model" not in found


def test_figures_are_counted_and_those_left_out_are_named(here: Path, drawn: Path) -> None:
    done(f"train {drawn}/two.h5mu -o out.h5mu --quiet {QUICK}")
    found = done("evaluate --no-baselines --no-associations --figures figures --figures-format svg").out
    files = len(list((here / "figures").glob("*.svg")))
    assert f"figures: {files} files in figures; left out: associations, baselines, roc, stability" in found


def scores(median: float) -> dict[str, object]:
    return {"all": {"median": median, "mean": median, "n": 1000}}


def summary(beaten_by: list[str]) -> dict[str, object]:
    """A summary with baselines and little else."""
    baselines = {
        "ridge": {"title": "ridge", "r2": scores(0.4), "model_better": {"all": 412}},
        "knn": {"title": "kNN", "r2": scores(0.3), "model_better": {"all": 700}},
    }
    compared = {
        "n": 20,
        "model": scores(0.2),
        "baselines": baselines,
        "decided_on": "all",
        "beaten_by": beaten_by,
        "left_out": {"trees": "too large, 60 samples × 300 × 7 features"},
    }
    return {
        "model": "MVAE",
        "replicate": 0,
        "pairs": {},
        "mixing": {},
        "variance": {},
        "replicates": [{}],
        "n_test": 20,
        "r2": {},
        "label": None,
        "baselines": {"gex": compared},
        "associations": None,
        "uncertainty": {"cross": {}},
    }


@pytest.mark.parametrize(
    ("beaten_by", "sentence"),
    [
        (["ridge"], "ridge predicts gex better than the model does (all features)"),
        (["ridge", "knn"], "ridge and kNN predict gex better than the model does (all features)"),
        ([], None),
    ],
)
def test_the_sentence_names_those_that_are_better(
    beaten_by: list[str], sentence: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    show_evaluate(summary(beaten_by))
    shown = capsys.readouterr().out
    assert ("better than the model" in shown) == (sentence is not None)
    assert sentence is None or sentence in shown
    assert "412 of 1,000" in shown
    assert "trees, left out for gex: too large, 60 samples × 300 × 7 features" in shown


def test_what_is_left_of_a_batch_stands_beside_the_label(capsys: pytest.CaptureFixture[str]) -> None:
    found = {"column": "batch", "kind": "categorical", "classes": ["a", "b"]}
    areas = {"auc": {"shared": 0.52, "private": {"gex": 0.7}, "all": 0.7}}
    show_evaluate({**summary([]), "mixing": {"batch": {**found, **areas}}})
    shown = capsys.readouterr().out
    assert "separation of batch by the latents" in shown
    assert "0.52" in shown
    assert "an AUC of 0.5 is none of it" in shown
