from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mudata
import numpy as np
import pandas as pd
import pytest

import mmvae_cli
from mmvae_cli.errors import CannotCreateError, DataError, UsageError
from mmvae_cli.pipeline.benchmark import CellReport, benchmark
from mmvae_cli.pipeline.benchmark_options import BENCHMARK_PRESETS, BenchmarkConfig
from mmvae_cli.pipeline.grid import cells
from tests.pipeline.helpers import study

GRID: Mapping[str, Any] = {
    "models": "mvae,sup-mmvae",
    "label": "label",
    "shared": 4,
    "other": {"rna": [2, 4], "meth": 3},
    "replicates": 2,
    "epochs": 3,
    "batch_size": 32,
    "latent": "1+2+1",
    "jobs": 1,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and a benchmark of two models and two sizes."""
    folder = tmp_path_factory.mktemp("benchmark")
    study().write(folder / "data.h5mu")
    run(folder)
    return folder


def run(folder: Path, **options: Any) -> tuple[dict[str, Any], list[CellReport]]:
    reports: list[CellReport] = []
    config = BenchmarkConfig(**{**GRID, "out": str(folder / "out"), **options})
    summary = benchmark([str(folder / "data.h5mu")], config, on_cell=reports.append).summary
    return summary, [report for report in reports if report.done]


def results(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "out" / "results.csv", keep_default_na=False)


def test_results_have_a_row_for_every_cell_replicate_and_metric(finished: Path) -> None:
    found = results(finished)
    assert list(found)[:6] == ["model", "other_rna", "other_meth", "latent", "replicate", "seed"]
    auc = found[(found["metric"] == "auc") & (found["part"] == "shared")]
    assert len(auc) == 2 * 2 * 2
    assert auc["value"].between(0, 1).all()
    assert set(found["latent"]) == {"1+2+1"}
    cross = found[(found["metric"] == "r2_cross_median") & (found["part"] != "all")]
    assert len(cross) == 2 * 2 * 2 * 2 * 2  # models, sizes, replicates, modalities, sets
    assert (found.loc[found["metric"] == "seconds", "value"] > 0).all()
    features = pd.read_csv(finished / "out" / "features.csv.gz")
    assert features.groupby(["model", "other_rna", "replicate", "modality"]).size().max() == 4 + 4
    assert set(features["part"]) == {"shared", "other"}


def test_a_cell_is_what_train_and_evaluate_give(finished: Path, tmp_path: Path) -> None:
    mdata = mudata.read_h5mu(finished / "data.h5mu")
    same = {name: GRID[name] for name in ("label", "shared", "replicates", "epochs", "batch_size", "latent")}
    mmvae_cli.train(mdata, model="mmvae", supervised=True, other={"rna": 4, "meth": 3}, splits="own", threads=1,
                    run=str(tmp_path / "run"), **same)  # fmt: skip
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
    found = results(finished).query("model == 'sup-mmvae' and other_rna == 4")
    for replicate, metrics in enumerate(mmvae_cli.metrics(mdata)["replicates"]):
        own = found[found["replicate"] == replicate].set_index(["metric", "modality", "part"])["value"].sort_index()
        assert own["auc", "", "shared"] == pytest.approx(metrics["label"]["auc"]["shared"], rel=1e-5)
        assert own["auc", "rna", "private"] == pytest.approx(metrics["label"]["auc"]["private"]["rna"], rel=1e-5)
        for part in ("shared", "other", "all"):
            expected = metrics["r2"]["rna"]["cross"][part]["median"]
            assert own["r2_cross_median", "rna", part] == pytest.approx(expected, rel=1e-5)


def test_tables_hold_the_medians_of_the_results(finished: Path) -> None:
    found = results(finished).query("metric == 'auc' and part == 'shared'")
    page = (finished / "out" / "table.md").read_text(encoding="utf-8")
    assert "| other rna | MVAE | sup-MMVAE |" in page
    for other, rows in found.groupby("other_rna"):
        shown = [f"{one['value'].median():.2f} ± {one['value'].std():.2f}" for _, one in rows.groupby("model")]
        assert f"| {other} | {' | '.join(shown)} |" in page


def test_the_summary_holds_each_model_and_its_difference_from_the_other(finished: Path) -> None:
    summary = pd.read_csv(finished / "out" / "summary.csv", keep_default_na=False)
    auc = summary[(summary["metric"] == "auc") & (summary["other_rna"] == 4)].set_index(["model", "minus"])["median"]
    assert set(auc.index) == {("mvae", ""), ("sup-mmvae", ""), ("mvae", "sup-mmvae"), ("sup-mmvae", "mvae")}
    # with two replicates the median is the mean, so medians can be subtracted
    assert auc["mvae", "sup-mmvae"] == pytest.approx(auc["mvae", ""] - auc["sup-mmvae", ""])


def test_tables_of_another_benchmark_are_not_replaced_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    study().write(tmp_path / "data.h5mu")
    small = {"other": {"rna": 2, "meth": 3}, "replicates": 1}
    run(tmp_path, models="ridge", **small)
    run(tmp_path, models="ridge,pls2", **small)  # the same, grown
    assert "another benchmark" not in caplog.text
    run(tmp_path, models="knn", **small)
    assert f"{tmp_path / 'out'} holds another benchmark" in caplog.text


def test_figures_are_there(finished: Path) -> None:
    for name in ("label.png", "cross_r2.png", "features.png"):
        assert (finished / "out" / name).read_bytes().startswith(b"\x89PNG")


def test_finished_cells_are_not_run_again_and_missing_ones_are(finished: Path) -> None:
    before = results(finished)
    summary, reports = run(finished)
    assert reports == []
    assert (summary["cells"], summary["finished"]) == (4, 4)
    pd.testing.assert_frame_equal(results(finished), before)
    (lost, *_) = (finished / "out" / "cells").glob("mvae-4-*.json")
    lost.unlink()
    _, reports = run(finished)
    assert [(report.title, report.found) for report in reports] == [
        ("mvae, other_rna 4, other_meth 3, latent 1+2+1", 3)
    ]
    kept = before["metric"] != "seconds"
    pd.testing.assert_frame_equal(results(finished)[kept], before[kept])


@pytest.mark.parametrize(
    ("options", "n_new"),
    [({"threads": 2}, 0), ({"jobs": 2}, 0), ({"models": "mvae"}, 0), ({"out": "elsewhere"}, 0), ({"epochs": 4}, 4),
     ({"replicates": 3}, 4), ({"models": "mvae,mvae+beta=2"}, 2), ({"other": {"rna": [2, 5], "meth": 3}}, 2)],
)  # fmt: skip
def test_a_cell_is_another_where_an_option_changes_its_result(options: dict[str, Any], n_new: int) -> None:
    before, after = (
        {cell.key("data") for cell in cells(BenchmarkConfig(**{**GRID, **changed}), ["rna", "meth"])}
        for changed in ({}, options)
    )
    assert len(after - before) == n_new


def test_changed_data_are_run_anew(finished: Path, tmp_path: Path) -> None:
    config = BenchmarkConfig(**{**GRID, "models": "mvae", "other": 2, "out": str(tmp_path / "out")})
    for seed in (1, 2):
        study(seed=seed).write(tmp_path / "data.h5mu")
        benchmark([str(tmp_path / "data.h5mu")], config)
    first, second = (json.loads(path.read_text())["rows"] for path in (tmp_path / "out" / "cells").iterdir())
    assert first[0]["value"] != second[0]["value"]


def test_an_error_of_one_cell_is_said_and_the_others_go_on(finished: Path, tmp_path: Path) -> None:
    summary, reports = run(finished, models="mvae,mvae+lr=1e30", out=str(tmp_path / "out"), other=2)
    assert summary["finished"] == 1
    assert [failed["cell"] for failed in summary["failed"]] == ["mvae+lr=1e30, other 2, latent 1+2+1"]
    assert summary["failed"][0]["exit_code"] == DataError.exit_code
    assert [report.error is None for report in reports] == [True, False]
    assert json.loads((tmp_path / "out" / "benchmark.json").read_text())["failed"] == summary["failed"]
    with pytest.raises(DataError):
        run(finished, models="mvae+lr=1e30", out=str(tmp_path / "none"), other=2)


def test_simulated_data_are_drawn_anew_for_each_replicate(tmp_path: Path) -> None:
    options = {"simulate": True, "samples": 60, "shared": 3, "other": [2, 4], "models": "mvae", "replicates": 3}
    found = mmvae_cli.benchmark(out=str(tmp_path / "out"), epochs=2, latent=1, jobs=1, **options)
    assert (found["cells"], found["finished"]) == (6, 6)
    frame = results(tmp_path)
    assert set(frame["replicate"]) == {0, 1, 2}
    shared = frame[(frame["metric"] == "r2_cross_n") & (frame["part"] == "shared")]
    assert (shared["value"] == 3).all()
    assert len(shared) == 2 * 3 * 2
    auc = frame[(frame["metric"] == "auc") & (frame["part"] == "shared") & (frame["other"] == 2)]["value"]
    assert auc.nunique() > 1


def test_what_screening_called_shared_is_counted_in_the_order_of_the_file(tmp_path: Path) -> None:
    options = {**GRID, "models": "mmvae+screen,mmvae", "other": 4, "out": str(tmp_path / "out")}
    mmvae_cli.benchmark(study(), **options)
    found = results(tmp_path)
    called = found[found["metric"] == "features_called_shared"]
    assert list(called["modality"]) == ["rna", "meth"] * 2
    assert set(called["model"]) == {"mmvae+screen"}
    assert called["value"].between(0, 8).all()


def test_a_label_can_be_one_class_against_the_rest(tmp_path: Path) -> None:
    mdata = study()
    mdata.obs["type"] = np.resize(["a", "b", "c", "d"], mdata.n_obs)
    options = {**GRID, "label": "type", "models": "mvae", "other": 2, "out": str(tmp_path / "out")}
    mmvae_cli.benchmark(mdata, label_class="b", **options)
    found = json.loads(next((tmp_path / "out" / "cells").iterdir()).read_text())
    assert [row for row in found["rows"] if row["metric"] == "auc"]
    assert "one class" not in mdata.obs
    reports: list[CellReport] = []
    mmvae_cli.benchmark(mdata, label_class="b", on_cell=reports.append, **options)
    assert [(report.total, report.found) for report in reports] == [(0, 1)]
    with pytest.raises(DataError, match="no class 'z'"):
        mmvae_cli.benchmark(mdata, label_class="z", **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"models": "mvae,mvea"}, "mvea"),
        ({"models": "mvae,mvae"}, "models"),
        ({"label": None}, "label"),
        ({"label": None, "models": "mvae", "label_class": "a"}, "label"),
        ({"other": {"atac": 5}}, "atac"),
        ({"simulate": True}, "simulate"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_written(
    finished: Path, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        run(finished, out=str(tmp_path / "out"), **options)
    assert not (tmp_path / "out").exists()


def test_data_that_cannot_be_drawn_are_refused_at_once(tmp_path: Path) -> None:
    reports: list[CellReport] = []
    with pytest.raises(DataError, match="no private latent"):
        mmvae_cli.benchmark(
            simulate=True, true_latent="0+2+0", other=5, out=str(tmp_path / "out"), on_cell=reports.append
        )
    assert reports == []
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(CannotCreateError, match="no benchmark's"):
        run(finished, out=str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("name", [name for name in BENCHMARK_PRESETS if "models" in BENCHMARK_PRESETS[name]])
def test_every_preset_is_a_grid(name: str) -> None:
    config = BenchmarkConfig(**BENCHMARK_PRESETS[name])
    grid = cells(config, config.modalities or ("rna", "methylation"))
    assert len({cell.key("") for cell in grid}) == len(grid) > 1
    assert all(cell.config.validation_fraction == 0 and cell.config.patience == 0 for cell in grid)


def test_the_grid_of_table_1_is_that_of_the_paper() -> None:
    grid = cells(BenchmarkConfig(**BENCHMARK_PRESETS["table1"]), ["rna", "methylation"])
    assert len(grid) == 8 * 4
    assert {cell.config.other["rna"] for cell in grid} == {50, 250, 500, 1000}
    assert sum(cell.config.supervised for cell in grid) == 16
    assert {cell.config.replicates for cell in grid} == {10}
