"""The benchmark of a training step runs; its timings are not judged here."""

from __future__ import annotations

import json
from types import ModuleType

import pytest
import torch

from mmvae_cli.model.objectives import OBJECTIVES
from tests.scripts import load_script

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def step_time() -> ModuleType:
    return load_script("benchmarks/step_time.py")


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_is_timed_beside_its_bound(step_time: ModuleType, name: str) -> None:
    one, several = step_time.measure(step_time.Size(12, (5, 3), 2), name, [1, 2], CPU, None)
    assert (one.replicates, several.replicates) == (1, 2)
    assert several.step_per_replicate == several.step / 2
    assert min(one.step, one.products, one.adam, one.ratio) > 0


def test_the_bound_holds_one_product_of_each_kind_for_every_modality(
    step_time: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = []

    def remember(a: torch.Tensor, b: torch.Tensor, *, out: torch.Tensor) -> torch.Tensor:
        shapes.append((a.shape[0], a.shape[1], b.shape[1]))
        return out

    monkeypatch.setattr(torch, "mm", remember)
    step_time.products(step_time.Size(200, (7, 5), 1), "mmvaepp", CPU, None)()
    two_terms = 2 * step_time.BATCH  # both terms of two modalities decode each of them
    expected = []
    for width in (7, 5):
        expected += [
            (128, width, 128),
            (width, 128, 128),
            (two_terms, 128, width),
            (128, two_terms, width),
            (two_terms, width, 128),
        ]
    assert shapes == expected


def test_an_epoch_trains(step_time: ModuleType) -> None:
    assert step_time.Size(383, (5, 3), 1).n_steps == 2  # full batches only
    work = step_time.epoch(step_time.Size(300, (5, 3), 1), "mmvaepp", 2, CPU, None)
    loop = next(cell.cell_contents for cell in work.__closure__ if hasattr(cell.cell_contents, "optimiser"))
    before = [value.clone() for value in loop.model.parameters()]
    work()
    assert loop.step == 2
    assert all(not torch.equal(a, b) for a, b in zip(before, loop.model.parameters(), strict=True))


def test_a_table_or_json_is_printed(
    step_time: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(step_time, "SIZES", (step_time.Size(12, (5, 3), 1),))
    monkeypatch.setattr(step_time, "TARGETS", {(5, 1): 1.8})
    step_time.main(["--replicates", "1"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("| 12 × (5 + 3) | 1 |")
    assert last.endswith("≤ 1.8 |")
    step_time.main(["--json", "--replicates", "1", "2", "--model", "mopoe"])
    printed = json.loads(capsys.readouterr().out)
    assert [one["replicates"] for one in printed["timings"]] == [1, 2]
    assert printed["model"] == "mopoe"
