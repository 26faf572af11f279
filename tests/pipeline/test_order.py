from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mmvae_cli
from mmvae_cli import api
from mmvae_cli.data.formats import read
from mmvae_cli.pipeline.study import make_study
from tests.pipeline.helpers import assert_same_run, by_sample, permuted, rebuilt, study, train, with_samples

SELECTED = {"label": "label", "shared": 3, "other": 4, "supervised": True}


def incomplete() -> object:
    return with_samples(study(modalities=("rna", "meth", "cnv")), {"rna": range(70), "cnv": range(15, 80)})


@pytest.mark.parametrize("options", [SELECTED, {"replicates": 2, "splits": "own", **SELECTED}], ids=["one", "own"])
def test_the_order_of_samples_and_modalities_changes_only_the_order_of_the_output(
    tmp_path: Path, options: dict[str, object]
) -> None:
    first = incomplete()
    second = permuted(first)
    assert list(second.mod) == ["cnv", "meth", "rna"]
    orders = [list(one.obs_names) for one in (first, second, second.mod["rna"], second.mod["meth"])]
    assert all(one != other for one, other in itertools.pairwise(orders))
    runs = [train(mdata, tmp_path / str(i), **options) for i, mdata in enumerate((first, second))]
    assert_same_run(*runs)
    assert runs[0].record["data"]["hash"] == runs[1].record["data"]["hash"]
    assert runs[0].record["summary"]["replicates"] == runs[1].record["summary"]["replicates"]
    np.testing.assert_array_equal(runs[0].splits, runs[1].splits)
    for key in ("obs", "rna", "meth"):
        ours, theirs = (
            one.obs["mmvae_split"] if key == "obs" else one.mod[key].var["mmvae_rank"] for one in (first, second)
        )
        pd.testing.assert_series_equal(ours.sort_index(), theirs.sort_index(), check_names=False)
    shared = [by_sample(mdata, "X_mmvae_shared") for mdata in (first, second)]
    pd.testing.assert_frame_equal(*shared, check_exact=True)
    # columns: private blocks in the order of the file, then the shared block
    names = [list(mdata.uns["mmvae"]["latents"]) for mdata in (first, second)]
    assert names[0] == [f"{block}_{i}" for block in ("rna", "meth", "cnv", "shared") for i in (1, 2)]
    assert names[1] == [f"{block}_{i}" for block in ("cnv", "meth", "rna", "shared") for i in (1, 2)]
    joint = [
        by_sample(mdata, "X_mmvae").set_axis(columns, axis=1)
        for mdata, columns in zip((first, second), names, strict=True)
    ]
    pd.testing.assert_frame_equal(joint[0], joint[1][joint[0].columns], check_exact=True)
    for name in first.mod:
        private = [by_sample(mdata, "X_mmvae_private", name) for mdata in (first, second)]
        pd.testing.assert_frame_equal(*private, check_exact=True)
        block = joint[0].loc[private[0].index, [f"{name}_1", f"{name}_2"]]
        np.testing.assert_array_equal(private[0], block)


def test_predictions_and_metrics_do_not_depend_on_the_order(tmp_path: Path) -> None:
    first = incomplete()
    second = permuted(first)
    train(first, tmp_path / "run", label="label")
    metrics = []
    for mdata in (first, second):
        mmvae_cli.predict(mdata, run=str(tmp_path / "run"), source="rna,cnv", target="meth")
        mmvae_cli.predict(mdata, run=str(tmp_path / "run"), source="meth", target="rna")
        mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
        metrics.append(mmvae_cli.metrics(mdata))
    assert metrics[0] == metrics[1]
    for name, layer in (("meth", "mmvae_from_rna+cnv"), ("rna", "mmvae_from_meth")):
        tables = [mdata.mod[name].to_df(layer=layer).sort_index() for mdata in (first, second)]
        pd.testing.assert_frame_equal(*tables, check_exact=True)
    pd.testing.assert_frame_equal(
        *(by_sample(mdata, "mmvae_rna", "meth") for mdata in (first, second)), check_exact=True
    )


def test_tables_give_the_same_result_as_a_mudata_file(tmp_path: Path) -> None:
    mdata = with_samples(study(), {"rna": range(60)})
    inputs = []
    for name, adata in mdata.mod.items():
        adata.to_df().sample(frac=1, random_state=1).to_csv(tmp_path / f"{name}.csv")
        inputs.append(f"{name}={tmp_path / name}.csv")
    mdata.obs[["label"]].to_csv(tmp_path / "labels.csv")
    mdata.write(tmp_path / "data.h5mu")
    options = {"epochs": 3, "threads": 1, "label": "label", "shared": 3, "other": 3, "supervised": True}
    from mmvae_cli.training.run import load_run

    runs = []
    for name, given, obs in (("tables", inputs, tmp_path / "labels.csv"), ("mudata", [tmp_path / "data.h5mu"], None)):
        checked = api.options_of("train", {**options, "run": str(tmp_path / name)})
        api.on_files("train", [str(one) for one in given], checked, obs=obs and str(obs))
        runs.append(load_run(tmp_path / name))
    assert_same_run(*runs)
    assert runs[0].record["data"]["hash"] == runs[1].record["data"]["hash"]
    import mudata

    written = [mudata.read_h5mu(path) for path in (tmp_path / "tables" / "result.h5mu", tmp_path / "data.h5mu")]
    for key in ("X_mmvae", "X_mmvae_shared"):
        pd.testing.assert_frame_equal(*(by_sample(one, key) for one in written), check_exact=True)
    metrics = []
    for name in ("tables", "mudata"):
        summary = api.on_files("evaluate", [], api.options_of("evaluate", {"run": str(tmp_path / name)}))
        metrics.append({key: summary[key] for key in ("n_test", "r2", "label")})
    assert metrics[0] == metrics[1]


def input_hash_of(mdata: object, label: str | None = "label") -> str:
    from mmvae_cli.config import TrainConfig
    from mmvae_cli.data.aligned import input_hash

    made = make_study(read(mdata), TrainConfig(), label, "mmvae")
    return input_hash(made.aligned, made.columns)


def test_the_input_hash_changes_with_one_value_one_name_and_one_label_only(tmp_path: Path) -> None:
    mdata = study()
    hashes = {"original": input_hash_of(mdata)}
    assert input_hash_of(permuted(mdata)) == hashes["original"]
    train(mdata, tmp_path / "run", label="label", shared=3, other=3)
    mmvae_cli.predict(mdata, run=str(tmp_path / "run"), source="rna", target="meth")
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
    assert input_hash_of(mdata) == hashes["original"]
    value = study()
    value.mod["meth"].X[3, 4] += 1e-3
    hashes["value"] = input_hash_of(value)
    feature = study()
    feature.mod["rna"].var_names = [*feature.mod["rna"].var_names[:-1], "another"]
    hashes["feature"] = input_hash_of(feature)
    mods = {name: adata.copy() for name, adata in study().mod.items()}
    for adata in mods.values():
        adata.obs_names = ["another" if name == "s0007" else name for name in adata.obs_names]
    sample = rebuilt(mods, study().obs.rename(index={"s0007": "another"}))
    hashes["sample"] = input_hash_of(sample)
    label = study()
    label.obs["label"] = np.where(
        label.obs_names == "s0007", {"positive": "negative", "negative": "positive"}[label.obs["label"]["s0007"]],
        label.obs["label"],
    )  # fmt: skip
    hashes["label"] = input_hash_of(label)
    hashes["no label"] = input_hash_of(study(), None)
    assert len(set(hashes.values())) == len(hashes)
