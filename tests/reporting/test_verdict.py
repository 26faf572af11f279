from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mmvae_cli.reporting.verdict import verdict


def scores(median: float | None, part: str = "shared") -> dict[str, Any]:
    found = {"median": median, "mean": median, "n": 10}
    return {part: found, "all": found, "n": 77}


def content(**changes: Any) -> Any:
    """As much of a content as the verdict reads."""
    summary = {
        "n_test": 100,
        "replicates": [{}, {}],
        "r2": {"a": {"cross": scores(0.4)}},
        "baselines": {
            "a": {
                "decided_on": "shared",
                "model": scores(0.4),
                "baselines": {
                    "ridge": {"title": "ridge", "r2": scores(0.3)},
                    "knn": {"title": "kNN", "r2": scores(0.2)},
                },
                "beaten_by": [],
            }
        },
        "variance": {
            "a": {"sets": {"all": {"shared": 0.31, "private": 0.2, "noise": 0.49}}, "latents": {"shared_1": 0.3}}
        },
        "uncertainty": {
            "level": 0.9,
            "cross": {"a": {"significant": 5, "tested": 10, "intervals": {"all": {"coverage": 0.9}}}},
            "stability": {"median": 0.9, "min": 0.8, "pairs": 1},
        },
        "label": None,
        "mixing": {},
    }
    training = {"shared_latents": 2, "modalities": {"a": {"features": 20, "n_shared_features": 8}}}
    return SimpleNamespace(
        summary={**summary, **changes.pop("summary", {})},
        record={"summary": {**training, **changes.pop("training", {})}},
        warnings=changes.pop("warnings", ()),
    )


def said(kind: str, **changes: Any) -> str:
    return " ".join(sentence.text for sentence in verdict(content(**changes)) if sentence.kind == kind)


def test_a_good_run_has_findings_and_no_warning() -> None:
    good = said("good")
    for part in (
        "8 of 20 of a",
        "2 shared latents",
        "0.40 (shared features, 77 held-out",
        "ridge, 0.30",
        "correlation of 0.90",
    ):
        assert part in good
    assert "31 % of a" in said("plain")
    assert said("warning") == ""


def test_a_baseline_that_is_better_is_named_first_of_all_as_a_warning() -> None:
    one = content().summary["baselines"]["a"]
    beaten = {"baselines": {"a": {**one, "beaten_by": ["ridge", "knn"]}}}
    assert "ridge (0.30) and kNN (0.20) predict a better than the model does (0.40" in said("warning", summary=beaten)
    assert "No baseline" not in said("good", summary=beaten)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"training": {"modalities": {"a": {"features": 20, "n_shared_features": 0}}}}, "No shared signal"),
        ({"training": {"shared_latents": 0}}, "no shared latents"),
        ({"summary": {"r2": {"a": {"cross": scores(0.01)}}}}, "hardly better than predicting the mean"),
        ({"summary": {"r2": {"a": {"cross": scores(-0.01)}}}}, "no better than predicting the mean"),
        (
            {"summary": {"variance": {"a": {"sets": {"all": {"shared": 0.0}}, "latents": {"shared_1": 0.0}}}}},
            "No latent explains even 0.1 %",
        ),
        ({"summary": {"n_test": 12}}, "Only 12 samples were held out"),
        ({"summary": {"mixing": {"batch": {"auc": {"shared": 0.9}}}}}, "tell batch with AUC 0.90"),
        ({"warnings": ("batch and label go together",)}, "batch and label go together"),
    ],
)
def test_what_should_stop_a_reader_is_a_warning(changes: dict[str, Any], words: str) -> None:
    assert words in said("warning", **changes)
    assert words not in said("good", **changes)


def test_intervals_that_are_off_and_latents_that_differ_between_seeds_are_warnings() -> None:
    uncertain = content().summary["uncertainty"]
    off = {"a": {"significant": 0, "tested": 10, "intervals": {"all": {"coverage": 0.7}}}}
    found = said("warning", summary={"uncertainty": {**uncertain, "cross": off}})
    assert "90 % intervals of a hold 70 %" in found
    unstable = {"median": 0.4, "min": 0.2, "pairs": 3}
    found = said("warning", summary={"uncertainty": {**uncertain, "stability": unstable}})
    assert "other seeds find other shared latents" in found


def test_warnings_come_after_what_was_found() -> None:
    kinds = [sentence.kind for sentence in verdict(content(summary={"n_test": 5}))]
    assert kinds[-1] == "warning"
    assert kinds.index("warning") == len(kinds) - 1


def test_what_was_not_measured_is_not_spoken_of() -> None:
    nothing = {"baselines": None, "variance": {}, "r2": {}, "uncertainty": {"cross": {}, "stability": None}}
    found = [sentence.text for sentence in verdict(content(summary=nothing))]
    assert len(found) == 3
    assert "--no-baselines" in found[1]
    assert "One replicate" in found[2]


def test_values_that_changed_since_the_training_come_as_a_warning() -> None:
    assert "Values of rna have changed" in said("warning", summary={"changed_samples": {"rna": 3, "meth": 0}})
    assert "have changed" not in said("warning", summary={"changed_samples": {"rna": 0}})


def test_a_modality_that_counts_less_in_the_joint_embedding_is_named() -> None:
    modalities = {
        name: {"features": 20, "n_shared_features": 8, "joint_weight": weight}
        for name, weight in (("a", 1.0), ("b", 1 / 64))
    }
    assert "In the joint embedding b counts 1/64 of its precision" in said("plain", training={"modalities": modalities})
    assert "joint embedding" not in said("plain")
