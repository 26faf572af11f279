"""Commands one after another, as in a study: each finds what the one before it left."""

from __future__ import annotations

import json
from pathlib import Path

import mudata
import numpy as np
import pandas as pd
import pytest

from tests.cli.commands import QUICK, done, refused


def test_after_training_predict_and_evaluate_find_run_and_data(trained: Path) -> None:
    done("predict --from rna --to methylation")
    done("evaluate")
    mdata = mudata.read_h5mu(trained)
    n_shared = int(json.loads(mdata.uns["mmvae"]["training"])["shared_latents"])
    assert n_shared >= 4
    assert mdata.obsm["X_mmvae"].shape == (80, 8 + n_shared)
    assert mdata.obsm["X_mmvae_shared"].shape == (80, n_shared)
    assert mdata.mod["rna"].obsm["X_mmvae_private"].shape == (80, 4)
    assert mdata.mod["methylation"].layers["mmvae_from_rna"].shape == (80, 30)
    assert "mmvae_r2_cross" in mdata.mod["methylation"].var
    assert set(mdata.obs["mmvae_split"]) == {"train", "validation", "test"}
    assert {path.name for path in Path("mmvae_run").iterdir()} == {"model.safetensors", "run.json", "history.csv"}


def test_commands_find_the_data_from_another_folder(trained: Path, tmp_path: Path, monkeypatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert done("evaluate --run ../mmvae_run --json").json["output"] == str(trained)
    assert list(elsewhere.iterdir()) == []


def test_output_file_leaves_the_input_alone_and_later_commands_use_it(two: Path) -> None:
    before = two.read_bytes()
    done(f"train two.h5mu -o results.h5mu {QUICK}")
    done("predict --from rna --to methylation")
    done("evaluate")
    assert two.read_bytes() == before
    results = mudata.read_h5mu("results.h5mu")
    assert "mmvae_from_rna" in results.mod["methylation"].layers
    assert "metrics" in results.uns["mmvae"]


def test_tables_stay_as_they_are_and_results_are_in_the_run_folder(tables: Path) -> None:
    before = {path.name: path.read_bytes() for path in tables.iterdir()}
    done(f"train rna=rna.csv methylation=methylation.csv --obs labels.csv --label label {QUICK}")
    done("predict --from rna --to methylation")
    metrics = done("evaluate --json").json
    assert {path.name: path.read_bytes() for path in tables.iterdir() if path.is_file()} == before
    result = mudata.read_h5mu("mmvae_run/result.h5mu")
    assert list(result.mod) == ["rna", "methylation"]
    assert result.obs["label"].tolist() == pd.read_csv("labels.csv", index_col=0)["label"].tolist()
    assert "mmvae_from_rna" in result.mod["methylation"].layers
    assert metrics["label"]["column"] == "label"


def test_tables_give_what_the_same_data_in_a_mudata_file_give(two: Path, tables: Path) -> None:
    done(f"train two.h5mu --label label --run a {QUICK}")
    done(f"train rna=rna.csv methylation=methylation.csv --obs labels.csv --label label --run b {QUICK}")
    first, second = mudata.read_h5mu(two), mudata.read_h5mu("b/result.h5mu")
    np.testing.assert_allclose(first.obsm["X_mmvae"], second.obsm["X_mmvae"], atol=1e-4)


def test_results_of_tables_are_not_trained_on_in_place_with_force(tables: Path) -> None:
    done(f"train rna=rna.csv methylation=methylation.csv {QUICK}")
    refused(f"train mmvae_run/result.h5mu --force {QUICK}", 73, "holds the input", "--run")


def test_run_folder_is_replaced_only_with_force(trained: Path) -> None:
    refused(f"train two.h5mu {QUICK}", 73, "mmvae_run", "--force")
    done(f"train two.h5mu --force {QUICK}")
    Path("notes").mkdir()
    Path("notes/thesis.txt").write_text("years of work")
    refused(f"train two.h5mu --force --run notes {QUICK}", 73, "no run folder")


def test_output_file_is_replaced_only_with_force(trained: Path) -> None:
    Path("taken.csv").write_text("something else")
    Path("taken.h5mu").write_text("something else")
    for command in ("predict --from rna --to methylation -o taken.csv", "evaluate -o taken.h5mu",
                    f"train two.h5mu --run new -o taken.h5mu {QUICK}", "simulate -o taken.h5mu"):  # fmt: skip
        refused(command, 73, "taken", "--force")
    done("predict --from rna --to methylation -o taken.csv --force")
    assert pd.read_csv("taken.csv", index_col=0).shape == (80, 30)


def everything(mdata: mudata.MuData, key: str) -> dict[str, object]:
    """All that stands under a key."""
    found = {f"obsm/{name}": value for name, value in mdata.obsm.items() if key in name}
    found |= {f"obs/{name}": mdata.obs[name].to_numpy() for name in mdata.obs if str(name).startswith(key)}
    for name, modality in mdata.mod.items():
        found |= {f"{name}/layers/{layer}": value for layer, value in modality.layers.items() if layer.startswith(key)}
        found |= {f"{name}/obsm/{item}": value for item, value in modality.obsm.items() if key in item}
        found |= {f"{name}/var/{item}": modality.var[item].to_numpy() for item in modality.var if item.startswith(key)}
    return found


def test_another_key_leaves_the_first_model_alone(trained: Path) -> None:
    done("predict --from rna --to methylation")
    done("evaluate")
    before = mudata.read_h5mu(trained)
    done(f"train two.h5mu --key other --run second --seed 5 --latent 2 {QUICK}")
    done("predict --run second --from rna --to methylation")
    done("evaluate --run second")
    after = mudata.read_h5mu(trained)
    mine, kept = everything(before, "mmvae"), everything(after, "mmvae")
    assert mine.keys() == kept.keys()
    for name, value in mine.items():
        np.testing.assert_array_equal(value, kept[name], err_msg=name)
    assert before.uns["mmvae"].keys() == after.uns["mmvae"].keys()
    others = {name.replace("other", "mmvae") for name in everything(after, "other")}
    assert others == set(mine)


def test_training_again_leaves_no_result_of_the_first_model(trained: Path) -> None:
    done("predict --from rna --to methylation")
    done("evaluate")
    done(f"train two.h5mu --latent 2 --force {QUICK}")
    mdata = mudata.read_h5mu(trained)
    assert mdata.obsm["X_mmvae"].shape == (80, 6)
    assert "metrics" not in mdata.uns["mmvae"]
    assert not mdata.mod["methylation"].layers
    assert not [name for modality in mdata.mod.values() for name in modality.var if "r2" in name]


def test_training_uses_split_and_sets_of_select_and_says_so(two: Path) -> None:
    done("select two.h5mu --label label --shared 3 --other rna=5 --seed 7")
    selected = mudata.read_h5mu(two)
    result = done(f"train two.h5mu --seed 1 {QUICK}")
    assert "obs['mmvae_split']" in result.err
    assert "var['mmvae_set']" in result.err
    trained = mudata.read_h5mu(two)
    assert trained.obs["mmvae_split"].tolist() == selected.obs["mmvae_split"].tolist()
    for name, total in (("rna", 8), ("methylation", 3)):
        sets = trained.mod[name].var["mmvae_set"]
        assert sets.tolist() == selected.mod[name].var["mmvae_set"].tolist()
        assert (sets != "unused").sum() == total
        row = next(line for line in result.out.splitlines() if line.startswith(name))
        assert f"{total} of 30" in row


def test_own_splits_are_one_per_replicate_and_the_written_one_is_said(two: Path) -> None:
    result = done(f"train two.h5mu --label label --replicates 3 --splits own {QUICK} --json").json
    written = mudata.read_h5mu(two).obs["mmvae_split"]
    assert (written == "test").sum() == 16
    assert result["replicate"] in (0, 1, 2)
    assert f"written is replicate {result['replicate'] + 1} of 3" in done("evaluate").out


def test_data_that_moved_are_named_as_an_argument(trained: Path) -> None:
    trained.rename("moved.h5mu")
    refused("evaluate", 66, "two.h5mu", "new place")
    done("evaluate moved.h5mu")
    assert "metrics" in mudata.read_h5mu("moved.h5mu").uns["mmvae"]


@pytest.mark.filterwarnings("ignore:Writing zarr v2 data")
def test_a_zarr_folder_is_read_and_written_as_a_file_is(two: Path) -> None:
    mudata.read_h5mu(two).write_zarr("two.zarr")
    done(f"train two.zarr/ {QUICK} --label label")
    done(f"train two.h5mu {QUICK} --label label --run other")
    done("predict --from rna --to methylation")
    done("evaluate --no-baselines")
    done("embed -o new.zarr")
    found, expected = mudata.read_zarr("two.zarr"), mudata.read_h5mu(two)
    np.testing.assert_array_equal(found.obsm["X_mmvae"], expected.obsm["X_mmvae"])
    assert "mmvae_from_rna" in found.mod["methylation"].layers
    assert "mmvae_r2_cross" in mudata.read_zarr("new.zarr").mod["methylation"].var
    refused("embed -o new.zarr", 73, "exists", "--force")
    refused("embed -o new.h5mu", 2, "results go into .zarr")
