from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mmvae_cli.data.covariates import Covariates, coded, fit_covariate, without
from mmvae_cli.data.labels import make_label
from mmvae_cli.errors import DataError

NAMES = [f"s{i}" for i in range(8)]
BATCH = pd.Series(["b", "a", "c", "a", "b", "c", "d", "d"], NAMES)
TRAIN = np.array([[True, True, True, True, True, True, False, False]])
OBSERVED = np.ones((8, 2), dtype=bool)
OBSERVED[[2, 5], 1] = False  # no sample of c has the second modality
EVERYWHERE = np.ones(8, dtype=bool)


def fitted(column: pd.Series = BATCH, train: np.ndarray = TRAIN, observed: np.ndarray = OBSERVED):
    return fit_covariate(make_label(column, "batch", "covariate"), train, observed)


def test_each_category_of_the_training_samples_is_a_column_in_their_order() -> None:
    batch = fitted()
    assert batch.categories == ("a", "b", "c")
    values, unknown = coded(batch, BATCH[:6], EVERYWHERE[:6], average=False)
    assert unknown == ""
    expected = np.eye(3)[[1, 0, 2, 0, 1, 2]]
    np.testing.assert_array_equal(batch.columns(values, 0)[0], expected)


def test_a_category_never_seen_with_a_modality_gets_the_mean_of_those_that_were() -> None:
    batch = fitted()
    values, _ = coded(batch, BATCH[:6], EVERYWHERE[:6], average=False)
    np.testing.assert_array_equal(batch.columns(values, 1)[0, [0, 2]], [[0, 1, 0], [0.5, 0.5, 0]])


def test_the_unknown_gets_the_mean_of_what_its_modality_saw() -> None:
    batch = fitted()
    column = pd.Series(["a", "new", None], ["x", "y", "z"])
    values, unknown = coded(batch, column, np.ones(3, dtype=bool), average=True)
    np.testing.assert_allclose(batch.columns(values, 0)[0], [[1, 0, 0], [1 / 3] * 3, [1 / 3] * 3], rtol=1e-6)
    np.testing.assert_array_equal(batch.columns(values, 1)[0], [[1, 0, 0], [0.5, 0.5, 0], [0.5, 0.5, 0]])
    assert "1 sample" in unknown
    assert "new" in unknown


def test_replicates_have_what_their_own_training_samples_saw() -> None:
    train = np.array([[True] * 6 + [False] * 2, [True, True, False, True, True, False, True, True]])
    batch = fitted(train=train)
    assert batch.categories == ("a", "b", "c", "d")
    values, _ = coded(batch, BATCH, EVERYWHERE, average=False)
    found = batch.columns(values, 0)
    np.testing.assert_array_equal(found[0, 2], [0, 0, 1, 0])
    np.testing.assert_allclose(found[1, 2], [1 / 3, 1 / 3, 0, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(found[0, 6], [1 / 3, 1 / 3, 1 / 3, 0], rtol=1e-6)


@pytest.mark.parametrize("convert", [str, int, float], ids=["text", "whole", "float"])
def test_categories_are_known_again_whatever_their_type(convert: type) -> None:
    column = pd.Series([1, 2, 1, 2, 1, 2, 1, 2], NAMES)
    batch = fitted(column)
    values, _ = coded(batch, column.map(convert), EVERYWHERE, average=False)
    np.testing.assert_array_equal(values, [0, 1] * 4)


def test_numbers_are_standardised_on_training_samples() -> None:
    age = pd.Series([20.5, 31, 45, 52, 38, 61, 1000, -1000], NAMES)
    number = fitted(age)
    values, _ = coded(number, age, EVERYWHERE, average=False)
    found = number.columns(values, 1)[0, :, 0]
    np.testing.assert_allclose(found[:6], (age[:6] - age[:6].mean()) / age[:6].std(ddof=0), rtol=1e-5)
    values, _ = coded(number, age.where(age < 100), EVERYWHERE, average=True)
    assert number.columns(values, 0)[0, 6, 0] == 0


@pytest.mark.parametrize(
    ("column", "message", "hint"),
    [
        (BATCH, "no training sample has d, which 2 samples, such as 's6', have", "known: a, b, c"),
        (BATCH.replace({"d": None}), "missing in 2 samples, such as 's6'", "--unseen-covariate average"),
        (BATCH.replace({"d": "c "}), "no training sample has c ", "did you mean 'c'"),
    ],
)
def test_what_training_never_saw_is_refused(column: pd.Series, message: str, hint: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        coded(fitted(), column, EVERYWHERE, average=False)
    assert hint in str(error.value.hint)


def test_samples_without_any_modality_need_no_covariate() -> None:
    values, unknown = coded(fitted(), BATCH, np.arange(8) < 6, average=False)
    assert np.isnan(values[6:]).all()
    assert unknown == ""


def test_text_among_numbers_is_refused_even_where_the_average_is_allowed() -> None:
    age = pd.Series(np.arange(8) + 0.5, NAMES)
    with pytest.raises(DataError, match="is a number, and 'old' is none"):
        coded(fitted(age), age.astype(object).where(age < 7, "old"), EVERYWHERE, average=True)


@pytest.mark.parametrize("column", [pd.Series(["a"] * 6 + ["b"] * 2, NAMES), pd.Series([0.5] * 6 + [1, 2.0], NAMES)])
def test_a_covariate_that_is_constant_in_training_is_refused(column: pd.Series) -> None:
    with pytest.raises(DataError, match="same in all training samples"):
        fitted(column)


def test_several_covariates_stand_beside_each_other() -> None:
    age = pd.Series(np.arange(8) + 0.5, NAMES)
    both = Covariates((fitted(), fitted(age)), (np.array([1.0, np.nan]), np.array([2.0, 3.0])))
    assert both.of(0).shape == (1, 2, 4)
    assert both.plain().shape == (2, 4)
    np.testing.assert_array_equal(both.plain()[:, :3], [[0, 1, 0], [0, 0, 0]])


def test_without_leaves_nothing_that_is_linear_in_the_columns() -> None:
    random = np.random.default_rng(0)
    columns = np.eye(3)[random.integers(0, 3, 50)]
    values = random.standard_normal((50, 4)) + columns @ random.standard_normal((3, 4))
    rows = np.arange(50) < 40
    found = without(values, columns, rows)
    centred = found[rows] - found[rows].mean(0)
    np.testing.assert_allclose((columns[rows] - columns[rows].mean(0)).T @ centred, 0, atol=1e-9)
    np.testing.assert_allclose(found[rows].mean(0), values[rows].mean(0))
    np.testing.assert_array_equal(found[~rows], values[~rows])
    values[3, 1] = np.nan
    assert np.isnan(without(values, columns, rows)).sum() == 1
