"""One evaluated object for all tests of figures, which leave it as it is."""

from __future__ import annotations

import mudata
import numpy as np
import pytest

import mmvae_cli
from tests.pipeline.helpers import study, train, with_samples

NAMES = ("rna", "meth", "cnv")


@pytest.fixture(scope="package")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> mudata.MuData:
    """Three modalities, two of which lack samples; two replicates, a label that some samples lack."""
    folder = tmp_path_factory.mktemp("plots") / "run"
    mdata = with_samples(study(120, NAMES), {"rna": range(110), "cnv": range(20, 120)})
    mdata.obs["label"] = mdata.obs["label"].astype(object).where(np.arange(120) % 9 > 0, None)
    mdata.obs["age"] = np.where(np.arange(120) % 10 > 0, np.arange(120.0), np.nan)
    train(mdata, folder, label="label", epochs=12, replicates=2, latent="shared=3,rna=2,meth=1,cnv=2", lr=3e-3)
    return mmvae_cli.evaluate(mdata, run=str(folder))
