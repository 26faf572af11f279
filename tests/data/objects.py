"""Small MuData objects whose modalities hold other samples, each in an order of its own."""

from __future__ import annotations

from contextlib import AbstractContextManager

import anndata
import mudata
import numpy as np
import pandas as pd
from scipy import sparse

from mmvae_cli.data.dataset import Modality

FORMS = {"dense": np.asarray, "sparse": sparse.csr_matrix}
SAMPLES = {"rna": ["s3", "s1", "s4", "s2"], "atac": ["s2", "s5", "s1", "s3"], "adt": ["s1", "s2"]}


def pulling(pulled: bool) -> AbstractContextManager[object]:
    """Let mudata copy the modalities' columns into the global tables, or not, in any of its versions."""
    if hasattr(mudata, "set_options"):
        return mudata.set_options(pull_on_update=pulled)
    return mudata.settings.override(pull_on_update=pulled)


def value(sample: str, feature: int) -> float:
    """What every matrix holds: the number of the sample, then that of the feature."""
    return float(sample[1:]) + feature / 10


def small_modality(name: str, n_features: int = 3) -> anndata.AnnData:
    samples = SAMPLES[name]
    values = np.array([[value(sample, feature) for feature in range(n_features)] for sample in samples])
    return anndata.AnnData(
        values.astype(np.float32),
        obs=pd.DataFrame({"depth": np.arange(len(samples), dtype=float)}, index=samples),
        var=pd.DataFrame({"symbol": ["x"] * n_features}, index=[f"{name}{i}" for i in range(n_features)]),
        layers={"counts": values.round()},
    )


def small_mudata() -> mudata.MuData:
    mdata = mudata.MuData({name: small_modality(name) for name in SAMPLES})
    mdata.obs["label"] = [f"label of {sample}" for sample in mdata.obs_names]
    return mdata


def numbered_modality(values: np.ndarray, form: str = "dense") -> Modality:
    """The modality rna of samples s0, s1, … and features g0, g1, …"""
    samples, features = ([f"{kind}{k}" for k in range(n)] for kind, n in zip("sg", values.shape, strict=True))
    held = FORMS[form](np.asarray(values, np.float32))
    return Modality("rna", held, pd.DataFrame(index=samples), pd.DataFrame(index=features))
