from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mmvae_cli.data.dataset import Modality
from mmvae_cli.data.odd_values import OddValues, exceptions, odd_values

FORMS = {"dense": np.asarray, "sparse": sparse.csr_matrix}


def modality(values: object, form: str = "dense") -> Modality:
    values = FORMS[form](np.atleast_2d(np.array(values, dtype=np.float32)))
    samples, features = ([f"{kind}{k}" for k in range(n)] for kind, n in zip("sg", values.shape, strict=True))
    return Modality("rna", values, pd.DataFrame(index=samples), pd.DataFrame(index=features))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("kind", "count", "place", "value"),
    [
        ("counts", 2, ("s1", "g2"), -1.0),
        ("fractions", 3, ("s0", "g1"), 2.0),
        ("binary", 4, ("s0", "g1"), 2.0),
    ],
)
def test_values_of_another_kind_are_counted_and_placed(form, kind, count, place, value, monkeypatch):
    monkeypatch.setattr("mmvae_cli.data.kinds.BLOCK", 2)
    found = odd_values(modality([[0, 2, 1], [0, 1, -1], [0.5, 0, 3]], form), kind)
    assert found == OddValues(kind, count, 9, 6, *place, value)
    assert str(found) == f"{count} of 9, the first {value:g} at sample {place[0]!r}, feature {place[1]!r}"


@pytest.mark.parametrize("form", FORMS)
def test_missing_and_infinite_values_are_no_exceptions(form):
    values = [[0, 2, np.nan], [np.inf, 1, 1]]
    assert odd_values(modality(values, form), "counts") is None
    assert odd_values(modality(values, form), "binary") == OddValues("binary", 1, 4, 3, "s0", "g1", 2.0)


def test_zeros_do_not_make_many_exceptions_few():
    """Log-normalised counts are mostly 0, and all others are fractions."""
    values = np.zeros((20, 50))
    values[:, 0] = 0.7
    values[0, 1:20] = 3.0
    for form in FORMS:
        assert exceptions(modality(values, form)) is None


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 3] * 10 + [-1], "counts"),
        ([1, 2, 3] * 10 + [0.5], "counts"),
        ([0.1, 0.7, 0.9] * 50 + [1.2], "fractions"),
        ([0.1, 0.7, 0.9] * 50 + [1.2, -0.1], None),
        ([1, 2, -3] * 10, None),
        ([0.3, -2.5, 1.25] * 10, None),
        ([1, 2, 3], None),
    ],
)
def test_few_exceptions_are_told_from_another_kind_of_values(values, kind):
    found = exceptions(modality(values))
    assert (None if found is None else found.kind) == kind
