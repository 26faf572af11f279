"""Samples that lack a modality: what the benchmark compares, and what their embedding says about the lack itself."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from mmvae_cli.data.formats import read
from tests.pipeline.helpers import study, train, with_samples
from tests.scripts import load_script


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return load_script("benchmarks/missing_modalities.py")


def test_only_complete_samples_are_held_out_and_in_proportion_to_the_label(benchmark: ModuleType) -> None:
    dataset = read(with_samples(study(120), {"rna": range(100), "meth": range(20, 120)}), None, {})
    parted, complete = benchmark.divided(dataset, "label", seed=3)
    assert complete.sum() == 80
    part = parted.obs[benchmark.PART]
    assert set(part[~complete]) == {"train"}
    assert part[complete].value_counts().to_dict() == {"train": 52, "test": 20, "validation": 8}
    positive = parted.obs["label"][complete] == "positive"
    assert abs((part[complete] == "test")[positive].mean() - 0.25) < 0.05


def test_both_models_are_measured_on_the_same_samples(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    with_samples(study(120), {"rna": range(100), "meth": range(20, 120)}).write(tmp_path / "data/mosaic.h5mu")
    setting = benchmark.Setting("mosaic.h5mu", "label", {"epochs": 2})
    monkeypatch.setattr(benchmark, "STUDIES", {"mosaic": setting})
    monkeypatch.setattr(benchmark, "DATA", tmp_path / "data")
    runs, fitted = [], benchmark.fit_run
    monkeypatch.setattr(benchmark, "fit_run", lambda *given: runs.append(fitted(*given)) or runs[-1])
    lines: list[str] = []
    assert benchmark.main(["--replicates", "2"], lines.append) == 0
    assert lines[-1].startswith("| mosaic | 120, 80 | ")
    for whole, only in (runs[:2], runs[2:]):
        for part in ("test", "validation"):
            np.testing.assert_array_equal(whole.run.splits == part, only.run.splits == part)
        assert (whole.run.splits == "train").sum() == (only.run.splits == "train").sum() + 40


def test_absent_data_are_skipped_with_the_reason(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "DATA", tmp_path)
    lines: list[str] = []
    assert benchmark.main(["--study", "cll"], lines.append) == 0
    assert lines[-1].startswith("skipped: no ")


def test_what_a_sample_lacks_cannot_be_read_off_its_shared_latents(tmp_path: Path) -> None:
    """Modalities are taken away at random, so nothing but the embedding could tell: chance within sampling error."""
    n_samples = 600
    kept = np.array_split(np.random.default_rng(0).permutation(n_samples), 4)
    lacking = with_samples(
        study(n_samples, shared=8),
        {"rna": np.sort(np.concatenate(kept[1:])), "meth": np.sort(np.concatenate([kept[0], *kept[2:]]))},
    )
    run = train(lacking, tmp_path / "run", model="mmvaex", epochs=60, latent="2", label="label", batch_size=128)
    assert run.n_shared(0) == 2
    z = lacking.obsm["X_mmvae_shared"]
    assert np.isfinite(z).all()
    label = (lacking.obs["label"] == "positive").to_numpy()
    half = np.random.default_rng(1).permutation(n_samples) % 2 == 0

    def area(target: np.ndarray) -> float:
        model = LogisticRegression(C=1e6).fit(z[half], target[half])
        return float(roc_auc_score(target[~half], model.decision_function(z[~half])))

    for name in lacking.mod:
        has = lacking.obs_names.isin(lacking[name].obs_names)
        fewer = min(has[~half].sum(), (~has[~half]).sum())
        assert area(has) < 0.5 + 3 * 0.29 / np.sqrt(fewer)  # sd of an AUC at chance: sqrt(1/12 (1/n1 + 1/n2))
    assert area(label) > 0.9
