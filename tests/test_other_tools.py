"""The comparison with other tools: the same samples, features and scales as the models have."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from mmvae_cli import api
from mmvae_cli.evaluation.mofa import FactorModel
from mmvae_cli.pipeline.grid import cells
from mmvae_cli.pipeline.train import fit_run
from tests.scripts import load_script

SMALL = {"other": {"rna": 20, "methylation": 15}, "samples": 60, "epochs": 1}


@pytest.fixture(scope="module")
def other_tools() -> ModuleType:
    return load_script("benchmarks/other_tools.py")


class Principal:
    """Principal components in place of MOFA; remembers what it was trained on."""

    def __init__(self) -> None:
        self.seen: list[list[np.ndarray]] = []

    def __call__(self, values: list[np.ndarray], n_factors: int, seed: int) -> FactorModel:
        self.seen.append(values)
        axes = np.linalg.svd(np.concatenate(values, axis=1), full_matrices=False)[2][:n_factors].T
        weights = np.split(axes, np.cumsum([x.shape[1] for x in values])[:-1])
        return FactorModel(
            tuple(weights), tuple(np.ones(len(w)) for w in weights), tuple(np.zeros(len(w)) for w in weights)
        )


@pytest.mark.parametrize("with_mofa", [False, True], ids=["stand-in", "mofapy2"])
def test_mofa_has_a_number_wherever_a_model_has_one(
    other_tools: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, with_mofa: bool
) -> None:
    if with_mofa:
        pytest.importorskip("mofapy2")
    else:
        monkeypatch.setattr(other_tools, "fit_mofa", Principal())
    results = other_tools.compare(other_tools.COMPARISONS["simulated"], "mmvaepp", 2, tmp_path, **SMALL)
    shown = results[results["part"].isin(("all", "shared", "other", "")) & (results["metric"] != "accuracy")]
    places = {
        model: set(map(tuple, rows[["metric", "modality", "part", "replicate"]].to_numpy()))
        for model, rows in shown.groupby("model")
    }
    assert places["mofa"] <= places["mmvaepp"]
    assert {(metric, replicate) for metric, _, _, replicate in places["mofa"]} == {
        (metric, replicate) for metric in ("auc", "r2_cross_median", "seconds") for replicate in (0, 1)
    }
    text = other_tools.table(results)
    assert text.startswith("| | mofa | mmvaepp |")
    assert "| AUC of the label, shared latents | – |" in text


def test_mofa_is_trained_on_what_a_model_is_trained_on(
    other_tools: ModuleType, monkeypatch: pytest.MonkeyPatch, shared_data: Path
) -> None:
    monkeypatch.setattr(other_tools, "fit_mofa", remembered := Principal())
    monkeypatch.setattr(other_tools, "DATA", shared_data)
    comparison = other_tools.COMPARISONS["cll"]
    given = {**other_tools.SETTING, **comparison.options, "models": "mmvaepp", "replicates": 2, "epochs": 1}
    config = api.options_of("benchmark", given)
    (cell,) = cells(config, [*config.modalities])
    dataset = other_tools.dataset_of(cell, config, [str(shared_data / comparison.file)])
    other_tools.mofa_rows(cell, dataset, 0.0)
    fitted = fit_run(dataset, cell.config)
    for index, seen in enumerate(remembered.seen):
        train = fitted.run.splits[index] == "train"
        assert len(seen) == len(fitted.run.modalities)
        for record, values in zip(fitted.run.modalities, seen, strict=True):
            aligned = fitted.prepared.study.aligned
            columns = aligned.modalities[record.name].var.index.get_indexer(pd.Index(record.feature_names(index)))
            scaled = (aligned.dense(record.name, columns) - record.mean[index]) / record.sd[index]
            np.testing.assert_allclose(values, scaled[train], atol=1e-5)
            np.testing.assert_allclose(values.mean(0), 0, atol=1e-4)


def test_data_that_are_not_there_are_left_out_with_a_reason(
    other_tools: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(other_tools, "DATA", tmp_path / "nowhere")
    assert other_tools.main(["--data", "cll", "--out", str(tmp_path / "out")]) == 0
    assert "left out, there is no cll.h5mu" in capsys.readouterr().out
