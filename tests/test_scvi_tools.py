"""The comparison with scvi-tools, with a stand-in for that package: who sees which cells, and what is measured."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import mudata
import numpy as np
import pandas as pd
import pytest

from mmvae_cli.data.quiet import quiet_mudata
from tests.cli.commands import done
from tests.pipeline.helpers import study, with_samples
from tests.scripts import REPOSITORY, load_script

BATCH = "batch"


class StandIn:
    """In place of a model of scvi-tools: remembers what it was given, embeds and predicts by sums."""

    seen: ClassVar[list[Any]] = []
    trained: ClassVar[dict[str, set[str]]] = {}
    history: ClassVar[dict[str, list[float]]] = {"elbo_train": [1.0, 0.5]}

    def __init__(self, data: mudata.MuData) -> None:
        self.data = data

    @classmethod
    def setup_mudata(cls, data: mudata.MuData, batch_key: str | None, modalities: dict[str, str]) -> None:
        assert data.mod[modalities["batch_key"]].obs.columns.tolist() == ([] if batch_key is None else [batch_key])

    def train(self, **options: Any) -> None:
        options |= options.pop("datasplitter_kwargs", {})
        train, validation = (set(self.data.obs_names[rows]) for rows in options["external_indexing"])
        assert train | validation == set(self.data.obs_names)
        StandIn.trained = {"train": train, "validation": validation}

    def get_latent_representation(self, data: mudata.MuData) -> np.ndarray:
        StandIn.seen.append(data)
        return np.stack([_dense(adata) @ np.ones(adata.n_vars) for adata in data.mod.values()], axis=1)

    def get_normalized_expression(self, data: mudata.MuData, **options: Any) -> Any:
        expression = np.ones((data.n_obs, data.mod["rna"].n_vars))
        if "n_samples" not in options:
            return expression
        (batch,) = options["transform_batch"]
        return expression, np.full((data.n_obs, data.mod["other"].n_vars), float(batch[-1]))

    def get_normalized_accessibility(self, data: mudata.MuData, **options: Any) -> np.ndarray:
        return np.ones((data.n_obs, data.mod["other"].n_vars))


def _dense(adata: Any) -> np.ndarray:
    return np.asarray(adata.X.toarray() if hasattr(adata.X, "toarray") else adata.X)


def counts(n_samples: int = 120) -> mudata.MuData:
    """Counts; a sixth of the cells has RNA only and is a batch of its own, another sixth the other modality only."""
    whole = study(n_samples, ("rna", "other"))
    for adata in whole.mod.values():
        adata.X = np.floor(2 * np.exp(adata.X)).astype(np.float32) + 1
    fifth = n_samples // 6
    data = with_samples(whole, {"rna": range(n_samples - fifth), "other": range(fifth, n_samples)})
    data.obs[BATCH] = np.where(np.arange(n_samples) < fifth, "b0", np.where(np.arange(n_samples) % 2, "b1", "b2"))
    return data


@pytest.fixture(scope="module")
def metrics() -> ModuleType:
    return load_script("benchmarks/tool_metrics.py")


@pytest.fixture
def scripts(metrics: ModuleType, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Both scripts, the stand-in, and every process in this one."""
    fake = SimpleNamespace(TOTALVI=StandIn, MULTIVI=StandIn)
    monkeypatch.setitem(sys.modules, "scvi", SimpleNamespace(settings=SimpleNamespace(), __version__="0", model=fake))
    monkeypatch.setitem(sys.modules, "scvi.model", fake)
    tools, models = load_script("benchmarks/scvi_tools.py"), load_script("benchmarks/scvi_models.py")
    StandIn.seen.clear()

    def measured(command: list[str], log: Path) -> dict[str, float]:
        if command[1].endswith("scvi_models.py"):
            models.main(Path(command[2]))
        else:
            done(shlex.join(command[3:]))
        return {"seconds": 2.0, "cpu": 1.0, "bytes": 1e9}

    monkeypatch.setattr(tools, "measured", measured)
    return SimpleNamespace(tools=tools, models=models, scale=metrics.Scale({"rna": "lognorm", "other": "lognorm"}))


@pytest.mark.parametrize("model", ["TOTALVI", "MULTIVI"])
def test_held_out_cells_teach_nobody_and_show_one_modality_at_a_time(
    scripts: SimpleNamespace, tmp_path: Path, model: str
) -> None:
    setting = scripts.tools.Setting("", "label", model, scripts.scale, BATCH)
    data = counts()
    with quiet_mudata():
        scripts.tools.prepare(data, setting, tmp_path, 0, 3)
        scripts.tools.run_scvi(setting, tmp_path, "")
    part = data.obs[scripts.tools.PART]
    used = data.obs_names.isin(data.mod["rna"].obs_names) | (model == "MULTIVI")
    for name, cells in StandIn.trained.items():
        assert cells == set(data.obs_names[used & (part == name)])
    everything, *alone = StandIn.seen
    assert set(everything.obs_names) == set(data.obs_names[used])
    for given, name in zip(alone, ("rna", "other"), strict=False):
        adata = data.mod[name]
        assert set(given.obs_names) == set(adata.obs_names[part[adata.obs_names] == "test"])
        np.testing.assert_array_equal(_dense(given.mod[name]), adata[given.obs_names].X)
        assert not _dense(given.mod[{"rna": "other", "other": "rna"}[name]]).any()
    assert len(alone) == (1 if model == "TOTALVI" else 2)


def test_totalvi_reads_cells_without_proteins_as_such_and_decodes_in_their_own_batch(
    scripts: SimpleNamespace, tmp_path: Path
) -> None:
    setting = scripts.tools.Setting("", "label", "TOTALVI", scripts.scale, BATCH)
    data = counts()
    with quiet_mudata():
        scripts.tools.prepare(data, setting, tmp_path, 0, None)
        found = scripts.tools.run_scvi(setting, tmp_path, "")["TOTALVI"].tables["rna->other"]
    assert set(StandIn.seen[-1].mod["rna"].obs[BATCH]) == {"b0"}
    own = data.obs[BATCH].loc[found.index].str[-1].astype(float)
    np.testing.assert_array_equal(found, np.repeat(own.to_numpy()[:, None], found.shape[1], axis=1))


def test_every_tool_has_its_place_in_the_table(
    scripts: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = scripts.tools.Setting("mosaic.h5mu", "label", "TOTALVI", scripts.scale)
    monkeypatch.setattr(scripts.tools, "SETTINGS", {"mosaic": setting})
    monkeypatch.setattr(scripts.tools, "DATA", tmp_path)
    monkeypatch.setattr(scripts.tools, "lacking", lambda *_: None)
    monkeypatch.setattr(scripts.tools, "components", lambda *_: {})
    monkeypatch.setattr(StandIn, "get_normalized_expression", lambda self, data, **_: (None, np.ones((data.n_obs, 12))))
    with quiet_mudata():
        counts().write_h5mu(tmp_path / "mosaic.h5mu")
    lines: list[str] = []
    assert scripts.tools.main(["--epochs", "2", "--out", str(tmp_path / "out")], lines.append) == 0
    results = pd.read_csv(tmp_path / "out/mosaic.csv")
    tools = results.groupby("quantity")["tool"].agg(set)
    assert tools["AUC, given rna + other"] == {"mmvae, shared latents", "mmvae", "TOTALVI"}
    assert tools["AUC, given other alone"] == {"mmvae, shared latents", "mmvae"}
    assert tools["Pearson, rna → other, all features"] == {"mmvae", "TOTALVI"}
    assert tools["Pearson, other → rna, all features"] == {"mmvae"}
    assert results.set_index(["quantity", "tool"])["value"]["epochs", "mmvae"] == 2
    assert "| epochs | – | 2 | 2 | – |" in lines[-1]


def test_what_is_absent_is_skipped_with_the_reason(
    scripts: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools, setting = scripts.tools, scripts.tools.SETTINGS["pbmc"]
    monkeypatch.setattr(tools, "DATA", tmp_path)
    lines: list[str] = []
    assert tools.main(["--data", "pbmc", "--out", str(tmp_path / "out")], lines.append) == 0
    assert lines[-1].startswith("pbmc: skipped: no ")
    (tmp_path / setting.file).touch()
    assert "no --scvi-python" in tools.lacking(setting, None)
    assert "does not start" in tools.lacking(setting, str(tmp_path / "python"))


def test_the_measured_memory_is_that_of_the_process_and_failures_say_why(
    scripts: SimpleNamespace, tmp_path: Path
) -> None:
    measured = load_script("benchmarks/scvi_tools.py").measured
    held = bytearray(200_000_000)  # not counted: it is ours
    found = measured([sys.executable, "-c", "x = bytearray(50_000_000)"], tmp_path / "log")
    assert 50e6 < found["bytes"] < 150e6
    assert len(held) > 150e6
    with pytest.raises(Exception, match="exit code 1: ValueError: no cells"):
        measured([sys.executable, "-c", "raise ValueError('no cells')"], tmp_path / "other")


def test_what_ended_well_is_not_run_again_and_never_taken_for_another_comparison(
    scripts: SimpleNamespace, tmp_path: Path
) -> None:
    tools = load_script("benchmarks/scvi_tools.py")
    again = [sys.executable, "-c", f"open({str(tmp_path / 'ran')!r}, 'a').write('x')"]
    assert tools.measured(again, tmp_path / "log") == tools.measured(again, tmp_path / "log")
    assert (tmp_path / "ran").read_text() == "x"
    setting = tools.Setting("", "label", "TOTALVI", scripts.scale, BATCH)
    with quiet_mudata():
        for seed in (0, 0):
            tools.prepare(counts(), setting, tmp_path, seed, None)
        for seed, data in ((1, counts()), (0, tools.subset(counts(), "label", 100, 0.0))):
            with pytest.raises(tools.ToolError, match="name another --out"):
                tools.prepare(data, setting, tmp_path, seed, None)


def test_a_part_has_the_classes_in_proportion_and_the_features_that_its_cells_have(scripts: SimpleNamespace) -> None:
    data = counts()
    data.mod["rna"].X[5:, 0] = 0
    with quiet_mudata():
        part = scripts.tools.subset(data, "label", 60, 0.1)
    assert part.n_obs == 60
    for name, share in data.obs["label"].value_counts(normalize=True).items():
        assert abs((part.obs["label"] == name).mean() - share) < 0.02
    assert part.mod["rna"].var_names.tolist() == data.mod["rna"].var_names[1:].tolist()
    assert part.mod["other"].n_vars == data.mod["other"].n_vars


def test_the_other_interpreter_needs_nothing_of_this_package() -> None:
    """Only what scvi-tools brings is imported, so an environment without mmvae will do."""
    code = "import sys, scvi_models; assert not any(name.startswith('mmvae') for name in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY / "benchmarks", check=True)


def test_predictions_count_in_proportion_and_only_where_all_tools_predict(metrics: ModuleType) -> None:
    data = counts()
    adata, scale = data.mod["rna"], metrics.Scale({"rna": "lognorm"})
    right = pd.DataFrame(7 * adata.X / adata.X.sum(axis=1, keepdims=True), adata.obs_names, adata.var_names)
    partly = right.copy()
    partly.iloc[:, 5:] = right.iloc[:, 5:].mean(axis=0)
    wrong = right.copy()
    wrong.iloc[50:] = 1.0
    found = {"right": {"other->rna": right}, "partly": {"other->rna": partly}}
    rows = {(quantity, tool): value for quantity, tool, value in metrics.correlations(found, data.mod, scale)}
    assert rows["Pearson, other → rna, all features", "right"] == pytest.approx(1, abs=1e-5)
    assert rows["Pearson, other → rna, all features", "partly"] == 0  # by its mean: in most features
    assert rows["Pearson, other → rna, those that all tools predict", "partly"] == pytest.approx(1, abs=1e-5)
    assert rows["features of rna predicted, of 12", "partly"] == 5
    found = {"right": {"other->rna": right.iloc[:50]}, "half": {"other->rna": wrong}}
    rows = {(quantity, tool): value for quantity, tool, value in metrics.correlations(found, data.mod, scale)}
    assert rows["Pearson, other → rna, all features", "half"] == pytest.approx(1, abs=1e-5)


def test_the_label_is_told_from_held_out_cells_and_each_tool_has_what_it_embeds(metrics: ModuleType) -> None:
    names = pd.Index([f"c{i}" for i in range(60)])
    label = pd.Series(np.tile(["a", "b", "c"], 20), names)
    part = pd.Series(np.repeat(["train", "test"], 30), names)
    telling = pd.DataFrame(np.eye(3)[np.tile([0, 1, 2], 20)], names)
    silent = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), names)
    tools = {"one": {"all": telling, "rna": telling}, "two": {"all": silent}}
    rows = {(quantity, tool): value for quantity, tool, value in metrics.separations(tools, ("rna",), label, part)}
    assert rows["AUC, given rna", "one"] == 1
    assert rows["AUC, given rna", "two"] < 0.9
    assert rows["AUC, given rna alone", "one"] == 1
    assert set(rows) == {("AUC, given rna", "one"), ("AUC, given rna", "two"), ("AUC, given rna alone", "one")}


def test_components_are_fitted_on_training_cells(metrics: ModuleType) -> None:
    data = counts()
    part = pd.Series(np.where(np.arange(len(data.obs)) % 3, "train", "test"), data.obs_names)
    scale = metrics.Scale({"rna": "lognorm", "other": "clr"})
    metrics.COMPONENTS = 3
    before = metrics.components(data.mod, part, scale)
    for adata in data.mod.values():
        adata.X[(part[adata.obs_names] == "test").to_numpy()] += 5
    after = metrics.components(data.mod, part, scale)
    for name, table in before.items():
        learned = (part[table.index] == "train").to_numpy()
        assert table.shape[1] == 3
        np.testing.assert_allclose(after[name][learned], table[learned], atol=1e-5)
        assert np.abs(after[name][~learned] - table[~learned]).to_numpy().max() > 0.1
