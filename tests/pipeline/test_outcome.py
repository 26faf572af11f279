"""What commands write, one after the other, and what they remove."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import mudata
import numpy as np
import pytest

import mmvae_cli
from mmvae_cli.api import on_files, options_of
from mmvae_cli.data.aligned import align
from mmvae_cli.data.formats import read
from mmvae_cli.data.updates import REMOVE
from mmvae_cli.data.writeback import write_mudata
from mmvae_cli.errors import CannotWriteError
from mmvae_cli.pipeline.outcome import with_record
from tests.data.small_mudata import snapshot
from tests.limits import largest_file
from tests.pipeline.helpers import QUICK, study

OF_MODEL = ("layers/mmvae_from", "obsm/mmvae_", "_r2_", "uns/mmvae/metrics", "uns/mmvae/unit_", "uns/mmvae/features_")


def command(name: str, inputs: list[str], output: str | None = None, **options: object) -> dict:
    force = {"force": True} if name == "train" else {}
    return on_files(name, inputs, options_of(name, options), output=output, **force)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_mudata(study(40), tmp_path / "data.h5mu")
    return tmp_path / "data.h5mu"


def objects(path: Path) -> set[str]:
    """Return the paths of all elements, a table's columns included, and nothing that is part of one."""
    found: set[str] = set()

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if item.attrs.get("encoding-type") not in (None, "dict", "dataframe", "anndata", "MuData"):
            found.add(name)

    with h5py.File(path) as file:
        file.visititems(visit)
    return {name for name in found if not any(name.startswith(f"{other}/") for other in found)}


def record(path: Path) -> dict[str, str]:
    return json.loads(mudata.read_h5mu(path).uns["mmvae"]["written"])


def test_commands_in_any_number_leave_every_element_readable_and_the_user_s_as_they_were(
    example_data: Path, tmp_path: Path
) -> None:
    path, run = tmp_path / "cll.h5mu", str(tmp_path / "run")
    path.write_bytes((example_data / "cll.h5mu").read_bytes())
    before = snapshot(path)
    tables = ("obs@", "mod/rna/var@", "mod/methylation/var@")  # their lists of columns grow
    sequence = ["train", "predict", "evaluate", "evaluate", "predict", "evaluate", "embed", "train", "evaluate"]
    for name in sequence:
        more = {
            "predict": {"source": "rna", "target": "methylation"},
            "train": {"label": "IGHV", **QUICK},
            "evaluate": {"baselines": False},
            "embed": {},
        }
        command(name, [str(path)], run=run, **more[name])
        after = snapshot(path)  # reads every value and attribute with h5py alone
        assert {key for key in before if key not in tables and repr(after[key]) != repr(before[key])} == set()
        found = mudata.read_h5mu(path)
        assert found.obsm["X_mmvae"].shape == (126, 6)
        assert ("metrics" in found.uns["mmvae"]) == (name == "evaluate" or "metrics" in objects_named(path, name))
    assert json.loads(found.uns["mmvae"]["metrics"])["command"] == "evaluate"


def objects_named(path: Path, name: str) -> set[str]:
    """Return what an earlier evaluation has left, which only a training removes."""
    return set() if name == "train" else {place.rpartition("/")[2] for place in objects(path)}


def test_a_new_training_leaves_nothing_of_the_earlier_model(path: Path) -> None:
    user, run = objects(path), str(path.with_name("run"))
    command("train", [str(path)], run=run, **QUICK)
    trained = objects(path)
    command("predict", [str(path)], run=run, source="rna", target="meth")
    command("evaluate", [str(path)], run=run)
    results = objects(path) - trained
    assert all(any(part in name for name in results) for part in ("layers/mmvae_from_rna", "_r2_cross", "metrics"))
    own = {name.replace("associations/q", "associations") for name in objects(path) - user}  # a table is one entry
    own = {name for name in own if "associations/" not in name} - {"uns/mmvae/written", "uns/mmvae/mmvae_version"}
    assert set(record(path)) == own

    summary = command("train", [str(path)], run=run, **QUICK)
    assert objects(path) == trained
    assert set(record(path)) == trained - user - {"uns/mmvae/written", "uns/mmvae/mmvae_version"}
    assert set(summary["written"]) == trained - user  # nothing that was removed
    with h5py.File(path) as file:
        for name in ("rna", "meth"):
            assert not [column for column in file[f"mod/{name}/var"].attrs["column-order"] if "r2" in column]
    found = mudata.read_h5mu(path)
    assert not [name for name in found.mod["meth"].layers if name is not None]


def test_an_object_in_memory_loses_and_keeps_the_same(tmp_path: Path) -> None:
    mdata, run = study(40), str(tmp_path / "run")
    mmvae_cli.train(mdata, run=run, **QUICK)
    mmvae_cli.predict(mdata, run=run, source="rna", target="meth")
    mmvae_cli.evaluate(mdata, run=run)
    assert "mmvae_from_rna" in mdata.mod["meth"].layers
    mmvae_cli.train(mdata, run=run, force=True, **QUICK)
    assert not [name for name in mdata.mod["meth"].layers if name is not None]
    assert not [column for column in mdata.mod["rna"].var if "_r2_" in column]
    assert "metrics" not in mdata.uns["mmvae"]
    assert mdata.mod["rna"].var["true_set"].notna().all()


RECORD = {
    "obsm/X_mmvae": "train",
    "mod/rna/layers/mmvae_from_meth": "predict",
    "mod/gone/layers/mmvae_from_rna": "predict",  # the user took this modality out
    "mod/rna/layers/counts": "predict",  # somebody wrote this into the record
    "uns/dataset/source": "evaluate",
    "uns/mmvae": "evaluate",
    "mod": "evaluate",
    "uns": "evaluate",
    "var/mmvae_x": "evaluate",
    "uns/mmvae/metrics": "evaluate",
    "obs/mmvae_split": "select",
}


@pytest.mark.parametrize("text", [json.dumps(RECORD), "no json", "[1]", ""])
def test_only_what_is_ours_and_still_has_a_place_is_removed(text: str) -> None:
    mdata = study(20)
    mdata.uns["mmvae"] = {"mmvae_version": "0", "written": text}
    aligned = align(read(mdata))
    updates = with_record({"obsm/X_mmvae": 1}, aligned, "mmvae", {"command": "train"}, replaces=("predict", "evaluate"))
    removed = [path for path, value in updates.items() if value is REMOVE]
    kept = json.loads(str(updates["uns/mmvae/written"]))
    if text == json.dumps(RECORD):
        assert removed == ["mod/rna/layers/mmvae_from_meth", "uns/mmvae/metrics"]
        assert kept == {"obsm/X_mmvae": "train", "obs/mmvae_split": "select"}
    else:
        assert removed == []
        assert kept == {"obsm/X_mmvae": "train"}


def test_a_modality_taken_out_of_the_file_is_no_obstacle(path: Path, tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    mdata = study(40, modalities=("rna", "meth", "adt"))
    mmvae_cli.train(mdata, run=run, **QUICK)
    mmvae_cli.predict(mdata, run=run, source="rna", target="adt")
    smaller = mudata.MuData({name: mdata.mod[name] for name in ("rna", "meth")})
    smaller.uns["mmvae"] = mdata.uns["mmvae"]
    write_mudata(smaller, path)
    command("train", [str(path)], run=run, **QUICK)
    assert "mod/adt" not in " ".join(record(path))


def test_a_disk_that_fills_when_results_of_tables_are_written_leaves_a_whole_run(tmp_path: Path) -> None:
    mdata = study(800, other=40)
    for name in mdata.mod:
        mdata.mod[name].to_df().to_csv(tmp_path / f"{name}.csv")
    inputs = [f"{name}={tmp_path}/{name}.csv" for name in mdata.mod]
    run = tmp_path / "run"
    options = {"run": str(run), **QUICK}
    command("train", inputs, **options)
    sizes = {file.name: file.stat().st_size for file in run.iterdir()}
    limit = sizes["result.h5mu"] - 1
    assert limit > max(size for name, size in sizes.items() if name != "result.h5mu")
    with largest_file(limit), pytest.raises(CannotWriteError, match=r"result\.h5mu: File too large") as caught:
        command("train", inputs, **options)
    assert {file.name for file in run.iterdir()} == {"model.safetensors", "run.json", "history.csv"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["meth.csv", "rna.csv", "run"]
    later = caught.value.hint.partition("later: mmvae embed ")[2].split()
    assert later == [*inputs, "--run", str(run), "-o", str(run / "result.h5mu")]
    command("embed", inputs, str(run / "result.h5mu"), run=str(run))
    command("predict", [], run=str(run), source="rna", target="meth")  # finds the data of the run again


@pytest.mark.parametrize("limit", [100, 3000])
def test_a_disk_that_fills_while_the_run_is_written_leaves_nothing_new(path: Path, limit: int) -> None:
    before = path.read_bytes()
    with largest_file(limit), pytest.raises(CannotWriteError, match="File too large"):
        command("train", [str(path)], run=str(path.with_name("run")), **QUICK)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["data.h5mu"]


def test_layers_of_h5ad_files_are_there_for_later_commands(tmp_path: Path) -> None:
    mdata, run = study(40), str(tmp_path / "run")
    for name, adata in mdata.mod.items():
        adata.layers["z"] = adata.X - 1
        del adata.X
        adata.write_h5ad(tmp_path / f"{name}.h5ad")
    inputs = [f"{name}={tmp_path}/{name}.h5ad" for name in mdata.mod]
    command("train", inputs, run=run, layer=dict.fromkeys(mdata.mod, "z"), **QUICK)
    command("predict", [], run=run, source="rna", target="meth")
    command("evaluate", [], run=run)
    found = mudata.read_h5mu(tmp_path / "run" / "result.h5mu")
    assert found.mod["meth"].layers["mmvae_from_rna"].shape == (40, 12)
    assert np.isfinite(found.mod["meth"].layers["mmvae_from_rna"]).all()
    assert found.mod["rna"].var["true_set"].notna().all()
