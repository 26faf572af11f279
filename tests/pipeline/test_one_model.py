"""Results of two models never stand under one key."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import mudata
import numpy as np
import pytest

import mmvae_cli
from tests.pipeline.helpers import QUICK, study

OTHER, LOADINGS = "results of another model", "loadings under 'mmvae' are of another model"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[mudata.MuData, Path]:
    """Data that were trained and evaluated with the run ``a``, and its folder, where a run ``b`` is, too."""
    folder, mdata = tmp_path_factory.mktemp("models"), study(60)
    mmvae_cli.train(study(60), run=str(folder / "b"), seed=5, label="label", **QUICK)
    mmvae_cli.train(mdata, run=str(folder / "a"), label="label", **QUICK)
    mmvae_cli.evaluate(mdata, run=str(folder / "a"), baselines=False)
    return mdata, folder


@pytest.mark.parametrize(
    ("command", "options", "left"),
    [
        ("embed", {}, {"X_mmvae", "X_mmvae_shared"}),
        ("predict", {"source": ["rna"], "target": ["meth"]}, set()),
        ("evaluate", {"baselines": False}, set()),
    ],
)
def test_another_model_replaces_all_that_the_first_one_left(
    command: str, options: dict, left: set, models, caplog
) -> None:
    mdata, folder = models[0].copy(), models[1]
    before = mdata.obs["mmvae_split"].tolist()
    getattr(mmvae_cli, command)(mdata, run=str(folder / "b"), **options)
    assert OTHER in caplog.text
    assert {name for name in mdata.obsm if name.startswith("X_mmvae")} == left
    assert "mmvae_loadings" not in mdata["rna"].varm
    assert ("metrics" in mdata.uns["mmvae"]) == (command == "evaluate")
    split = json.loads((folder / "b" / "run.json").read_text(encoding="utf-8"))["splits"][0]
    assert mdata.obs["mmvae_split"].tolist() == [
        next(part for part, names in split.items() if name in names) for name in mdata.obs_names
    ]
    assert before != mdata.obs["mmvae_split"].tolist()


@pytest.mark.parametrize("command", ["embed", "evaluate"])
def test_the_same_model_keeps_what_is_there_also_from_another_folder(
    command: str, models, tmp_path: Path, caplog
) -> None:
    mdata, folder = models[0].copy(), models[1]
    shutil.copytree(folder / "a", tmp_path / "moved")
    getattr(mmvae_cli, command)(mdata, run=str(tmp_path / "moved"))
    assert OTHER not in caplog.text
    assert "mmvae_loadings" in mdata["rna"].varm


def test_top_features_knows_a_model_by_its_weights(models, tmp_path: Path, caplog) -> None:
    mdata, folder = models
    shutil.copytree(folder / "a", tmp_path / "moved")
    mmvae_cli.top_features(mdata, run=str(tmp_path / "moved"))
    assert LOADINGS not in caplog.text
    shutil.rmtree(tmp_path / "moved")
    shutil.copytree(folder / "b", tmp_path / "moved")
    mmvae_cli.top_features(mdata, run=str(tmp_path / "moved"))
    assert LOADINGS in caplog.text


@pytest.mark.parametrize(("changed", "used"), [(None, True), ("label", False), ("new", True)])
def test_a_report_uses_an_evaluation_until_a_column_changes_that_it_read(
    changed: str | None, used: bool, models, tmp_path: Path, caplog
) -> None:
    mdata, folder = models[0].copy(), models[1]
    if changed is not None:
        mdata.obs[changed] = np.roll(mdata.obs["label"].to_numpy(dtype=object), 7)
    caplog.set_level(logging.INFO, "mmvae_cli")
    mmvae_cli.report(mdata, run=str(folder / "a"), out=str(tmp_path / "page.html"), baselines=False)
    assert ("label changed after it" in caplog.text) != used
    assert ("evaluating" in caplog.text) != used
