from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from mmvae_cli.data.kinds import constant_features, feature_ranges, repeated_share, single_value, value_kind

FORMS = {"dense": np.asarray, "sparse": sparse.csr_matrix}


def matrix(values: object, form: str) -> object:
    return FORMS[form](np.atleast_2d(np.array(values, dtype=np.float32)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 1, 1], "binary"),
        ([0, 0], "binary"),
        ([1, 1], "binary"),
        ([0, 1, np.nan], "binary"),
        ([0, 1, 2], "counts"),
        ([5, 7], "counts"),
        ([0, 0.5, 1], "fractions"),
        ([0.2, np.nan], "fractions"),
        ([0.5, 2], "continuous"),
        ([-1, 0, 1], "continuous"),
        ([-2, 3], "continuous"),
        ([np.nan, np.nan], "continuous"),
    ],
)
def test_kinds_are_told_apart(values, kind, form):
    assert value_kind(matrix(values, form)) == kind


def test_zeros_a_sparse_matrix_does_not_store_count():
    assert value_kind(sparse.csr_matrix(np.array([[0.0, 0.0]], dtype=np.float32))) == "binary"
    assert value_kind(sparse.csr_matrix(np.array([[0.0, 3.0]], dtype=np.float32))) == "counts"


def test_kinds_do_not_depend_on_where_a_block_ends(monkeypatch):
    monkeypatch.setattr("mmvae_cli.data.kinds.BLOCK", 2)
    assert value_kind(matrix([0, 1, 0, 1, 1.5], "dense")) == "continuous"
    assert value_kind(matrix([0.5, 1, 0, 1, 3], "dense")) == "continuous"
    assert value_kind(matrix([3, 1, 0, 1, 0.5], "dense")) == "continuous"


VALUES = [
    # constant, varies, stored zeros and others, zeros, nan beside constant, nan only, nan beside varying
    [2, 1, 0, 0, np.nan, np.nan, np.nan],
    [2, 5, 3, 0, 4, np.nan, 1],
    [2, 1, 0, 0, 4, np.nan, 2],
]


@pytest.mark.parametrize("form", FORMS)
def test_constant_features_are_found_with_missing_values(form):
    found = constant_features(matrix(VALUES, form))
    assert found.tolist() == [True, False, False, True, True, True, False]
    assert found.dtype == bool


@pytest.mark.parametrize("form", FORMS)
def test_only_the_given_rows_count(form):
    expected = [True, True, True, True, True, True, True]
    assert constant_features(matrix(VALUES, form), np.array([0, 2])).tolist() == expected
    assert constant_features(matrix(VALUES, form), np.array([True, False, True])).tolist() == expected
    assert constant_features(matrix(VALUES, form), np.array([], dtype=int)).all()


@pytest.mark.parametrize("form", FORMS)
def test_a_feature_without_a_value_has_no_range(form):
    low, high = feature_ranges(matrix(VALUES, form))
    np.testing.assert_array_equal(low, [2, 1, 0, 0, 4, np.nan, 1])
    np.testing.assert_array_equal(high, [2, 5, 3, 0, 4, np.nan, 2])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("values", "only"),
    [
        ([[3, 3], [np.nan, 3]], 3),
        ([[0, 0], [0, np.nan]], 0),
        ([[3, 3], [3, 0]], None),
        ([[0, 0], [0, 1]], None),
        ([[np.nan, np.nan]], None),
    ],
)
def test_one_value_everywhere_is_found(values, only, form):
    assert single_value(matrix(values, form)) == only


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("values", "share"), [([0, 0], 0.0), ([1, 0, 1], 0.0), ([1, 3, 0], 0.5), ([2, np.nan, 2], 0.5)]
)
def test_counts_on_top_of_a_first_one(values, share, form):
    assert repeated_share(matrix(values, form)) == share
