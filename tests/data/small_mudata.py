"""A small MuData with the awkward parts: permuted and missing samples, a modality without any column."""

from __future__ import annotations

from pathlib import Path

import anndata
import h5py
import mudata
import numpy as np
import pandas as pd
from scipy import sparse

N_ALL, N_RNA, N_ATAC, N_PROTEIN = 7, 6, 5, 3
D_RNA, D_ATAC, D_PROTEIN = 4, 3, 2


def small_mudata() -> mudata.MuData:
    """Three modalities of 7 samples, each with its own samples in its own order."""
    random = np.random.default_rng(0)
    samples = {"rna": [*"fbadec"], "atac": [*"gadcb"], "protein": [*"bfa"]}
    features = {"rna": D_RNA, "atac": D_ATAC, "protein": D_PROTEIN}
    modalities = {}
    for name, own in samples.items():
        values = random.poisson(2.0, (len(own), features[name])).astype(np.float32)
        modalities[name] = anndata.AnnData(
            sparse.csr_matrix(values) if name == "atac" else values,
            obs=pd.DataFrame(index=own),
            var=pd.DataFrame(index=[f"{name}{i}" for i in range(features[name])]),
        )
    modalities["rna"].obs["batch"] = pd.Categorical(["x", "y", "x", "y", "x", "y"])
    modalities["rna"].var["length"] = np.arange(D_RNA)
    modalities["rna"].obsm["X_pca"] = random.normal(size=(N_RNA, 2))
    modalities["rna"].layers["counts"] = modalities["rna"].X.copy()
    mdata = mudata.MuData(modalities)
    mdata.obs["diagnosis"] = pd.Categorical.from_codes([0, 1, -1, 0, 1, 0, 1], categories=["ill", "well"])
    mdata.obs["age"] = np.arange(N_ALL) + 0.5
    mdata.uns["dataset"] = {"source": "made up", "sizes": np.arange(3)}
    return mdata


def every_update() -> dict[str, object]:
    """Return a value for every kind of place and every kind of value."""
    random = np.random.default_rng(1)
    return {
        "obsm/X_mmvae": random.normal(size=(N_ALL, 5)).astype(np.float32),
        "obs/mmvae_split": np.array(["train", "test", "", "train", "validation", "train", "test"]),
        "obs/mmvae_score": random.normal(size=N_ALL),
        "obs/mmvae_used": np.array([True, False, True, True, True, False, True]),
        "uns/mmvae/metrics": '{"auc": 0.9}',
        "uns/mmvae/features_rna": np.array(["rna0", "rna1"]),
        "uns/mmvae/nothing": np.array([], dtype=object),
        "uns/mmvae/seed": 3,
        "uns/mmvae/beta": 0.5,
        "uns/mmvae/auc": random.random((2, 3)),
        "mod/rna/obsm/X_mmvae_private": random.normal(size=(N_RNA, 2)),
        "mod/rna/layers/mmvae_from_atac": random.normal(size=(N_RNA, D_RNA)).astype(np.float32),
        "mod/rna/var/mmvae_set": np.array(["shared", "other", None, "shared"], dtype=object),
        "mod/rna/var/mmvae_rank": np.arange(D_RNA),
        "mod/atac/obs/mmvae_group": pd.Series(["u", "v", pd.NA, "u", "u"], dtype="string"),
        "mod/atac/varm/mmvae_loadings": random.normal(size=(D_ATAC, 2)),
        "mod/atac/layers/mmvae_from_rna+protein": np.full((N_ATAC, D_ATAC), np.nan, dtype=np.float32),
        "mod/protein/obs/mmvae_empty": np.array(["", "", ""]),
        "mod/protein/uns/mmvae/note": {"unit": "z", "scale": np.float32(2)},
    }


def snapshot(path: Path) -> dict[str, object]:
    """Return the content of every dataset and all attributes of an HDF5 file, by path."""
    found: dict[str, object] = {}

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        found[f"{name}@"] = {key: np.asarray(value).tolist() for key, value in item.attrs.items()}
        if isinstance(item, h5py.Dataset):
            found[name] = (str(item.dtype), item.compression, np.asarray(item[()]).tolist())

    with h5py.File(path) as file:
        visit("", file)
        file.visititems(visit)
        found["userblock"] = file.userblock_size
    found["head"] = path.read_bytes()[:512]
    return found


def leftovers(folder: Path) -> list[str]:
    """Return the names of temporary files and folders."""
    return sorted(path.name for path in folder.iterdir() if ".mmvae-" in path.name)
