"""The largest loadings of each latent, from what training wrote."""

from __future__ import annotations

import json
from pathlib import Path

import mudata
import numpy as np
import pytest

import mmvae_cli
from mmvae_cli.errors import DataError
from tests.pipeline.helpers import study, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> mudata.MuData:
    """Many latents for few shared factors, so that some are not used."""
    mdata = study(200, ("rna", "meth"), other=10)
    folder = tmp_path_factory.mktemp("run") / "run"
    train(mdata, folder, model="mmvaex", latent="shared=8,rna=6,meth=6", epochs=150, lr=3e-3)
    mdata.mod["rna"].var["symbol"] = [f"S{index}" for index in range(mdata.mod["rna"].n_vars)]
    return mdata


def test_the_largest_loadings_come_first_and_keep_their_sign(trained: mudata.MuData) -> None:
    found = mmvae_cli.top_features(trained, n=4)
    names = list(trained.uns["mmvae"]["latents"])
    assert list(dict.fromkeys(found["latent"])) == names
    for (latent, modality), rows in found.groupby(["latent", "modality"]):
        written = trained.mod[modality].varm["mmvae_loadings"][:, names.index(latent)]
        expected = np.argsort(-np.abs(written), kind="stable")[:4]
        assert list(rows["feature"]) == list(trained.mod[modality].var_names[expected])
        np.testing.assert_allclose(rows["loading"], written[expected])
        assert list(rows["rank"]) == [1, 2, 3, 4]


def test_private_latents_drive_their_own_modality_alone(trained: mudata.MuData) -> None:
    found = mmvae_cli.top_features(trained)
    assert set(found.loc[found["latent"] == "rna_1", "modality"]) == {"rna"}
    assert set(found.loc[found["latent"] == "shared_1", "modality"]) == {"rna", "meth"}


def test_the_shared_latents_that_are_used_are_led_by_shared_features(trained: mudata.MuData) -> None:
    found = mmvae_cli.top_features(trained, latent="shared_1", n=3)
    assert all("shared" in feature for feature in found["feature"])
    assert set(found["role"]) == {"shared"}
    assert found["share"].between(0, 1).all()
    assert "share_of_shared" not in found


def test_latents_that_explain_next_to_nothing_are_unused(trained: mudata.MuData) -> None:
    found = mmvae_cli.top_features(trained, latent="shared")
    unused = found.groupby("latent", sort=False)["unused"].first()
    assert not unused["shared_1"]
    assert unused["shared_8"]
    shares = [trained.mod[name].varm["mmvae_variance"] for name in ("rna", "meth")]
    means = np.array([np.nanmean(share, axis=0) for share in shares])
    names = list(trained.uns["mmvae"]["latents"])
    for latent, is_unused in unused.items():
        assert is_unused == (means[:, names.index(latent)].max() < 0.001)


def test_by_share_ranks_by_what_is_explained_of_a_feature(trained: mudata.MuData) -> None:
    found = mmvae_cli.top_features(trained, by="share", latent=["shared_1"], modality="meth", n=5)
    assert len(found) == 5
    assert found["share"].is_monotonic_decreasing


def test_names_stand_beside_the_features_where_a_modality_has_them(trained: mudata.MuData) -> None:
    found = mmvae_cli.top_features(trained, names="symbol", latent="shared_1", n=2)
    of_rna = found[found["modality"] == "rna"]
    assert list(of_rna["name"]) == list(trained.mod["rna"].var.loc[of_rna["feature"], "symbol"])
    assert found.loc[found["modality"] == "meth", "name"].isna().all()


def test_shares_of_the_shared_block_are_there_after_evaluate_and_in_the_file(
    trained: mudata.MuData, tmp_path: Path
) -> None:
    mdata = trained.copy()
    mmvae_cli.evaluate(mdata, run=str(trained.uns["mmvae"]["run"]), baselines=False)
    found = mmvae_cli.top_features(mdata, latent="shared_1", n=3)
    assert found["share_of_shared"].between(0, 1).all()
    mdata.write(tmp_path / "data.h5mu")
    again = mmvae_cli.top_features(mudata.read_h5mu(tmp_path / "data.h5mu"), latent="shared_1", n=3)
    assert json.loads(again.to_json()) == json.loads(found.to_json())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent": "shared_9"}, "unknown latent 'shared_9'"),
        ({"modality": "rma"}, "unknown modality 'rma'"),
        ({"names": "symbl"}, "unknown column of var 'symbl'"),
        ({"key": "other"}, "no loadings under the key 'other'"),
    ],
)
def test_names_that_are_not_there_are_refused(trained: mudata.MuData, options: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        mmvae_cli.top_features(trained, **options)


def test_data_without_loadings_are_refused_and_so_are_loadings_of_another_model(trained: mudata.MuData) -> None:
    with pytest.raises(DataError, match="no loadings"):
        mmvae_cli.top_features(study())
    mdata = trained.copy()
    mdata.mod["rna"].varm["mmvae_loadings"] = mdata.mod["rna"].varm["mmvae_loadings"][:, :3]
    with pytest.raises(DataError, match="has the shape"):
        mmvae_cli.top_features(mdata)
