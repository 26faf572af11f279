"""Training on values that stay on disk: the same preparation, the same quality, the same result twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import mudata
import numpy as np
import pytest
from scipy import sparse

from mmvae_cli.data import on_disk
from mmvae_cli.data.quiet import quiet_mudata
from mmvae_cli.data.simulate import simulate_mudata
from mmvae_cli.pipeline import on_disk as choice
from mmvae_cli.pipeline import sampling, streamed
from mmvae_cli.training.run import load_run
from tests.cli.commands import done, refused
from tests.data.small_mudata import snapshot

pytestmark = pytest.mark.filterwarnings("ignore:Writing zarr v2 data")
RECIPE = "--epochs 8 --threads 1 --label label --batch-size 32"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sparse values, sorted by the label, with 60 samples that one modality lacks and others in another order."""
    mdata = simulate_mudata(n_samples=600, modalities=("rna", "atac"), shared=8, other=24, sparsity=0.5, seed=3)
    order = np.argsort(mdata.obs["label"].astype(str), kind="stable")
    rna, atac = mdata["rna"][order].copy(), mdata["atac"][order[60:][::-1]].copy()
    rna.X = sparse.csr_matrix(rna.X)
    with quiet_mudata():
        found = mudata.MuData({"rna": rna, "atac": atac})
    found.obs["label"] = mdata.obs["label"].reindex(found.obs_names)
    folder = tmp_path_factory.mktemp("sorted")
    found.write_h5mu(folder / "sorted.h5mu")
    found.write_zarr(folder / "sorted.zarr")
    return folder


@pytest.fixture
def here(tmp_path: Path, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the data, which are read in small blocks and windows."""
    monkeypatch.setattr(on_disk, "BLOCK_ENTRIES", 4000)
    monkeypatch.setattr(streamed, "FEWEST_IN_BLOCK", 4)
    monkeypatch.setattr(streamed, "MOST_IN_BLOCK", 4)
    monkeypatch.setattr(streamed, "BLOCKS_IN_WINDOW", 32)
    shutil.copy(drawn / "sorted.h5mu", tmp_path)
    shutil.copytree(drawn / "sorted.zarr", tmp_path / "sorted.zarr")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def weights(run: str) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in load_run(run).model.state_dict().items()}


def quality(run: str) -> dict[str, float]:
    metrics: dict[str, Any] = done(f"evaluate sorted.h5mu -o e{run}.h5mu --run {run} --no-baselines --json").json
    r2 = {name: of["cross"]["shared"]["median"] for name, of in metrics["r2"].items()}
    return {**r2, "auc": metrics["label"]["auc"]["shared"]}


def test_sorted_data_train_as_well_as_in_memory(here: Path) -> None:
    before = snapshot(here / "sorted.h5mu")
    for seed in (0, 1):
        done(f"train sorted.h5mu -o m{seed}.h5mu --run m{seed} --seed {seed} {RECIPE}")
    done(f"train sorted.h5mu -o d.h5mu --run d --on-disk {RECIPE}")
    in_memory = [quality(f"m{seed}") for seed in (0, 1)]
    found = quality("d")
    for name, value in found.items():
        others = [each[name] for each in in_memory]
        assert value > min(others) - max(0.05, np.ptp(others)), (name, value, others)
    for field in ("columns", "mean", "sd", "role_shared"):
        for one, other in zip(load_run("d").modalities, load_run("m0").modalities, strict=True):
            np.testing.assert_allclose(getattr(one, field), getattr(other, field), rtol=1e-6)
    assert load_run("d").record["data"]["hash"] == load_run("m0").record["data"]["hash"]
    assert snapshot(here / "sorted.h5mu") == before


def test_the_same_seed_gives_the_same_twice_and_the_file_gets_nothing_but_results(here: Path) -> None:
    before = snapshot(here / "sorted.h5mu")
    short = RECIPE.replace("8", "2")
    done(f"train sorted.h5mu --run a --on-disk {short}")
    done(f"train sorted.h5mu --run b --on-disk --key other --split mmvae_split {short}")
    done(f"train sorted.zarr --run c --on-disk {short}")
    for name, value in weights("a").items():
        np.testing.assert_array_equal(value, weights("b")[name], err_msg=name)
        np.testing.assert_array_equal(value, weights("c")[name], err_msg=name)
    after = snapshot(here / "sorted.h5mu")
    unchanged = [name for name in before if not name.endswith("@")]
    assert repr([after[name] for name in unchanged]) == repr([before[name] for name in unchanged])
    latents = mudata.read_h5mu("sorted.h5mu").obsm["X_mmvae"]
    assert latents.shape[0] == 600
    done("embed --run a -o e.h5mu")
    np.testing.assert_allclose(mudata.read_h5mu("e.h5mu").obsm["X_mmvae"], latents, atol=1e-6)
    done("embed --run c -o e.zarr --on-disk")
    of_zarr = [mudata.read_zarr(name).obsm["X_mmvae"] for name in ("e.zarr", "sorted.zarr")]
    np.testing.assert_array_equal(*of_zarr)


def test_commands_on_disk_give_what_they_give_in_memory(here: Path) -> None:
    done(f"train sorted.h5mu --run a --on-disk --replicates 2 {RECIPE.replace('8', '2')}")
    for how in ("--on-disk", "--no-on-disk"):
        done(f"predict --run a --from rna --to atac -o p{how}.h5mu {how}")
        done(f"evaluate --run a -o v{how}.h5mu {how}")
    one, other = (mudata.read_h5mu(f"p{how}.h5mu")["atac"] for how in ("--on-disk", "--no-on-disk"))
    np.testing.assert_allclose(one.layers["mmvae_from_rna"], other.layers["mmvae_from_rna"], rtol=1e-5, atol=1e-6)
    of_each = [mudata.read_h5mu(f"v{how}.h5mu").uns["mmvae"]["metrics"] for how in ("--on-disk", "--no-on-disk")]
    one, other = (json.loads(metrics) for metrics in of_each)
    assert one["r2"] == other["r2"]
    assert one["label"] == other["label"]


def test_what_is_fitted_on_some_samples_is_said(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "FEWEST_SAMPLES", 100)
    monkeypatch.setattr(sampling, "MOST_SAMPLES", 200)
    short = RECIPE.replace("8", "2")
    said = done(f"train sorted.h5mu --run a --on-disk --shared 6 --other 10 {short}").err
    assert "--shared and --other: on 200 of 420 training samples, drawn at random" in said
    assert "screening and number of shared latents: on 200 of 420" in said
    said = done("evaluate --run a --on-disk --no-baselines").err
    assert "evaluation: on 100 of 120 test samples" in said


@pytest.mark.parametrize("transform", ["lognorm", "clr"])
def test_transforms_of_each_sample_work(here: Path, transform: str) -> None:
    mdata = mudata.read_h5mu("sorted.h5mu")
    for modality in mdata.mod.values():
        modality.X = sparse.csr_matrix(np.random.default_rng(0).poisson(1.0, modality.shape).astype(np.float32))
    mdata.write_h5mu("counts.h5mu")
    options = f"--epochs 1 --threads 1 --transform rna={transform} --model mmvae"
    done(f"train counts.h5mu -o a.h5mu --run a {options}")
    done(f"train counts.h5mu -o b.h5mu --run b --on-disk {options}")
    for one, other in zip(load_run("a").modalities, load_run("b").modalities, strict=True):
        np.testing.assert_allclose(one.mean, other.mean, rtol=1e-6)
        assert (one.median_size is None) == (other.median_size is None)
        if one.median_size is not None:
            assert one.median_size == other.median_size


def test_it_is_chosen_where_memory_is_short(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "free_memory", lambda: 10_000.0)
    short = RECIPE.replace("8", "1")
    said = done(f"train sorted.h5mu --run a {short}").err
    assert "values stay on disk (--on-disk): in memory they would take about" in said
    assert "values stay" in done("embed --run a").err
    assert "values stay" not in done("embed --run a --no-on-disk").err


def test_what_it_cannot_do_is_refused(here: Path) -> None:
    (here / "rna.csv").write_text("s,a\nx,1\n")
    refused("train rna=rna.csv atac=rna.csv --on-disk", 2, "--on-disk reads an .h5mu file or .zarr folder")
    refused("train sorted.h5mu --on-disk --replicates 2 --splits own", 2, "--splits own")
