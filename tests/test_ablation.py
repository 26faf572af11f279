"""The script that takes mmvaex apart, on data of a few features."""

from __future__ import annotations

from types import ModuleType

import pytest

from mmvae_cli.config import TrainConfig
from mmvae_cli.model.objectives import OBJECTIVES
from tests.scripts import load_script


@pytest.fixture(scope="module")
def ablation() -> ModuleType:
    return load_script("benchmarks/ablation.py")


def test_pairs_of_a_modality_with_itself_are_all_that_is_left_out(ablation: ModuleType) -> None:
    whole, left = OBJECTIVES["mmvaex"].terms(3), ablation.cross_pairs_only(3, None)
    for term, without in zip(whole, left, strict=True):
        gone = [decode for decode in term.decodes if decode not in without.decodes]
        assert [(decode.modality, decode.shared_decoder) for decode in gone] == [(term.encode[0], True)]


def test_every_part_is_a_training_that_exists(ablation: ModuleType) -> None:
    for part in ablation.PARTS:
        TrainConfig(**part.options)
        assert set(part.row) <= set(vars(OBJECTIVES["mmvaex"]))


def test_parts_are_measured_and_the_model_is_whole_afterwards(
    ablation: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, lines = OBJECTIVES["mmvaex"], []
    monkeypatch.setattr(ablation, "OTHER", {"rna": 5, "methylation": 5})
    quick = tuple(
        ablation.replace(part, options={**part.options, "epochs": 2})
        for part in ablation.PARTS
        if "pairs" in part.title
    )
    monkeypatch.setattr(ablation, "PARTS", quick)
    assert ablation.main(["--data", "simulated", "--seeds", "2"], lines.append) == 0
    assert lines[-1].startswith("| no pairs of a modality with itself | ")
    assert OBJECTIVES["mmvaex"] is before
