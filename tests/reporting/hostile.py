"""A trained study whose names try to be more than text, and its page."""

from __future__ import annotations

from pathlib import Path

import mudata
import pandas as pd

import mmvae_cli
from tests.pipeline.helpers import QUICK, rebuilt, study

SAMPLE = "<img src=x onerror=alert(1)>"
GENE = "</script><script>alert(2)</script>"
CLASSES = ("\"quoted\", with a comma & 'more'", "<b>bold</b>\u2028 {{title}}")
COLUMN = '" onmouseover="alert(3)'
NAMES = (SAMPLE, GENE, *CLASSES, COLUMN)


def hostile_study() -> mudata.MuData:
    """80 samples of two modalities."""
    mdata = study()
    samples = [SAMPLE, *(f"sample <{number}>" for number in range(1, mdata.n_obs))]
    modalities = {}
    for name, adata in mdata.mod.items():
        renamed = adata.copy()
        renamed.obs_names = samples
        renamed.var_names = [GENE if name == "rna" else "$x^2$", *(f"{name} & {i}" for i in range(1, adata.n_vars))]
        modalities[name] = renamed
    label = pd.Series([CLASSES[code] for code in pd.Categorical(mdata.obs["label"]).codes], index=samples)
    number = pd.Series(range(len(samples)), index=samples, dtype=float)
    return rebuilt(modalities, pd.DataFrame({COLUMN: label, "a number": number}))


def hostile_page(folder: Path) -> Path:
    """The page of a model of these."""
    mdata = hostile_study()
    mmvae_cli.train(mdata, label=COLUMN, run=str(folder / "run"), replicates=2, **QUICK)
    return mmvae_cli.report(mdata, run=str(folder / "run"), out=str(folder / "report.html"))
