"""The number of shared latents: by evidence where nobody asks for one."""

from __future__ import annotations

from pathlib import Path

import anndata
import mudata
import numpy as np
import pandas as pd
import pytest

import mmvae_cli
from mmvae_cli.training.run import load_run
from tests.pipeline.helpers import train

QUICK = {"epochs": 3, "warmup": 0.4, "latent": None}


def wide_study(n_factors: int, n: int = 240, noise: float = 0.5) -> mudata.MuData:
    """Two modalities with nothing but shared factors of equal strength, and noise."""
    random = np.random.default_rng(0)
    factors = random.standard_normal((n, n_factors))
    obs = pd.DataFrame(index=[f"s{i:03}" for i in range(n)])
    made = {}
    for name in ("rna", "meth"):
        loadings = np.linalg.qr(random.standard_normal((60, n_factors)))[0].T
        x = 6 * factors @ loadings + noise * random.standard_normal((n, 60))
        var = pd.DataFrame(index=[f"{name}{j}" for j in range(60)])
        made[name] = anndata.AnnData(x.astype(np.float32), obs.copy(), var)
    return mudata.MuData(made)


def test_more_shared_factors_give_more_shared_latents(tmp_path: Path) -> None:
    found = [train(wide_study(k), tmp_path / str(k), **QUICK).spec.n_shared for k in (1, 12)]
    assert found[0] == 4
    assert 11 <= found[1] <= 14


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"latent": "shared=3"}, 3),
        ({"latent": "2"}, 2),
        ({"latent": "2+5+2"}, 5),
        ({"model": "mmvaepp"}, 4),
        ({"model": "mmvae", "screen": True}, 4),
    ],
)
def test_a_number_that_is_asked_for_and_other_models_are_left_alone(
    options: dict, expected: int, tmp_path: Path
) -> None:
    run = train(wide_study(12), tmp_path / "run", **{**QUICK, **options})
    assert run.spec.n_shared == expected
    assert [one["shared_latents"] for one in run.record["summary"]["replicates"]] == [expected]


def test_private_sizes_alone_leave_the_shared_block_to_the_evidence(tmp_path: Path) -> None:
    run = train(wide_study(12), tmp_path / "run", **{**QUICK, "latent": "rna=2"})
    assert run.spec.n_shared > 4
    assert [one.n_private for one in run.spec.modalities] == [4, 2]


def test_each_replicate_has_its_own_number(tmp_path: Path) -> None:
    """Numbers differ between splits; what a replicate does not use is in none of its results."""
    mdata = wide_study(14, n=90, noise=3.0)
    run = train(mdata, tmp_path / "run", replicates=5, splits="own", **QUICK)
    sizes = [one["shared_latents"] for one in run.record["summary"]["replicates"]]
    assert len(set(sizes)) > 1, "the same everywhere: the test would say little"
    assert run.spec.n_shared == max(sizes)
    written = run.record["summary"]["replicate"]
    assert run.record["summary"]["shared_latents"] == sizes[written]
    assert mdata.obsm["X_mmvae_shared"].shape[1] == sizes[written]
    assert mdata.obsm["X_mmvae"].shape[1] == 8 + sizes[written] == len(mdata.uns["mmvae"]["latents"])
    again = load_run(tmp_path / "run")
    assert [again.layout(r).shared for r in range(5)] == sizes
    for r, size in enumerate(sizes):
        unused = run.spec.layout.shared_block.start + size
        assert not again.model.owned[:, r, unused:].any()
    before = mdata.obsm["X_mmvae"].copy()
    mmvae_cli.evaluate(mdata, run=str(tmp_path / "run"))
    mmvae_cli.embed(mdata, run=str(tmp_path / "run"))
    np.testing.assert_array_equal(mdata.obsm["X_mmvae"], before)
