"""One table given as two modalities."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mmvae_cli.data.copies import warn_of_copies
from mmvae_cli.data.dataset import Dataset, Modality
from tests.logged import warned

VALUES = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)


def modality(name: str, values: object, samples: list[int] | None = None, features: str = "abcd") -> Modality:
    named = [f"s{number}" for number in samples or range(values.shape[0])]
    return Modality(name, values, pd.DataFrame(index=named), pd.DataFrame(index=list(features)))


def said(caplog, *modalities: Modality) -> list[str]:
    caplog.clear()
    obs = pd.DataFrame(index=modalities[0].obs.index)
    warn_of_copies(Dataset({one.name: one for one in modalities}, obs))
    return warned(caplog)


@pytest.mark.parametrize(
    "copy",
    [
        modality("meth", VALUES),
        modality("meth", sparse.csr_matrix(VALUES)),
        modality("meth", VALUES[::-1, ::-1], list(range(60))[::-1], "dcba"),
        modality("meth", VALUES[20:], list(range(20, 60))),
    ],
    ids=["same", "sparse", "another order", "fewer samples"],
)
def test_the_same_table_twice_is_warned_of(copy: Modality, caplog) -> None:
    (warning,) = said(caplog, modality("rna", VALUES), modality("cnv", VALUES + 1), copy)
    assert warning.startswith("modalities 'rna' and 'meth' have the same features and the same values")


def test_missing_entries_are_the_same_as_missing_entries(caplog) -> None:
    gaps = np.where(VALUES > 1, np.nan, VALUES)
    assert len(said(caplog, modality("rna", gaps), modality("meth", gaps.copy()))) == 1


def test_other_values_or_features_are_no_copy(caplog) -> None:
    one = modality("rna", VALUES)
    assert said(caplog, one, modality("meth", VALUES * 2)) == []
    assert said(caplog, one, modality("meth", VALUES, features="abce")) == []
    assert said(caplog, one, modality("meth", VALUES[:, :3], features="abc")) == []
    assert said(caplog, one, modality("meth", VALUES, list(range(100, 160)))) == []
    zeros = np.zeros_like(VALUES)
    assert said(caplog, modality("rna", zeros), modality("meth", zeros)) == []
