import numpy as np
import pandas as pd
import pytest

from mmvae_cli.data.split import FEWEST_TRAINING_SAMPLES, fewest_samples, hint_of_fractions, make_split, read_split
from mmvae_cli.errors import DataError, UsageError

PARTS = ("train", "validation", "test")


def _cohort(n, shares=(0.5, 0.3, 0.17, 0.03), seed=0):
    generator = np.random.default_rng(seed)
    names = np.array([f"s{number}" for number in range(n)])
    return names, generator.choice(list("abcdefgh")[: len(shares)], n, p=shares)


@pytest.mark.parametrize("n", [10, 53, 126, 1000])
@pytest.mark.parametrize(("test", "validation"), [(0.2, 0.1), (0.2, 0), (0, 0.15), (0.33, 0.33), (0, 0)])
def test_sizes_are_exact_and_every_stratum_within_one_of_its_share(n, test, validation):
    names, strata = _cohort(n)
    split = make_split(names, strata, test_fraction=test, validation_fraction=validation, seed=1)
    sizes = {part: np.sum(split == part) for part in PARTS}
    assert sizes["test"] == round(n * test)
    assert sizes["validation"] == round(n * validation)
    assert sum(sizes.values()) == n
    for stratum in np.unique(strata):
        inside = strata == stratum
        for part in ("test", "validation"):
            assert abs(np.sum(inside & (split == part)) - inside.sum() * sizes[part] / n) < 1


def test_split_does_not_depend_on_the_order_of_the_samples():
    names, strata = _cohort(97)
    groups = np.array([f"donor{number % 13}" for number in range(97)])
    order = np.random.default_rng(5).permutation(97)
    for own in (None, groups):
        one, two = (
            make_split(
                names[o],
                strata[o],
                test_fraction=0.2,
                validation_fraction=0.1,
                seed=0,
                groups=None if own is None else own[o],
            )
            for o in (np.arange(97), order)
        )
        np.testing.assert_array_equal(one[order], two)


def test_seeds_give_different_splits_and_the_same_seed_the_same():
    names, strata = _cohort(97)
    one, same, other = (
        make_split(names, strata, test_fraction=0.2, validation_fraction=0.1, seed=seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert np.any(one != other)


def test_test_samples_do_not_depend_on_the_validation_fraction():
    names, strata = _cohort(97)
    one, other = (
        make_split(names, strata, test_fraction=0.2, validation_fraction=validation, seed=0) for validation in (0, 0.3)
    )
    np.testing.assert_array_equal(one == "test", other == "test")


def test_every_sample_is_held_out_equally_often_also_in_small_strata():
    names, strata = _cohort(40, shares=(0.7, 0.2, 0.05, 0.05), seed=2)
    splits = np.array(
        [make_split(names, strata, test_fraction=0.2, validation_fraction=0.1, seed=seed) for seed in range(600)]
    )
    assert np.abs((splits == "test").mean(axis=0) - 0.2).max() < 0.08  # five standard errors
    assert np.abs((splits == "validation").mean(axis=0) - 0.1).max() < 0.07


def test_groups_stay_together_and_sizes_are_close():
    names, strata = _cohort(300)
    generator = np.random.default_rng(1)
    groups = generator.choice([f"donor{number}" for number in range(30)], 300).astype(object)
    groups[:20] = None
    split = make_split(names, strata, test_fraction=0.2, validation_fraction=0.1, seed=0, groups=groups)
    for donor in set(groups) - {None}:
        assert len(set(split[groups == donor])) == 1
    assert len(set(split[:20])) > 1  # samples without a group are drawn one by one
    assert abs(np.sum(split == "test") - 60) <= 5
    assert abs(np.sum(split == "validation") - 30) <= 5


def test_groups_are_stratified_by_their_most_frequent_stratum():
    names = [f"s{number}" for number in range(400)]
    groups = [f"donor{number // 10}" for number in range(400)]
    strata = np.array(["rare" if number < 100 and number % 10 else "common" for number in range(400)])
    for seed in range(5):
        split = make_split(names, strata, test_fraction=0.2, validation_fraction=0.1, seed=seed, groups=groups)
        assert np.sum(split[:100] == "test") == 20
        assert np.sum(split == "test") == 80


def test_four_groups_are_enough_for_three_parts_and_sizes_far_off_are_reported(caplog):
    groups = np.repeat(["a", "b", "c", "d"], 10)
    names = [f"s{number}" for number in range(40)]
    split = make_split(names, ["x"] * 40, test_fraction=0.1, validation_fraction=0.1, seed=0, groups=groups)
    assert set(split) == set(PARTS)
    assert "10 of 40 samples (10 % asked for)" in caplog.text


@pytest.mark.parametrize(
    ("n", "test", "validation", "groups", "words"),
    [
        (2, 0.2, 0, None, ["0.2 of 2 samples", "test", "at least 5 samples"]),
        (6, 0.2, 0.05, None, ["0.05 of 6 samples", "validation"]),
        (3, 0.5, 0.5, None, ["3 samples", "train", "2 for test"]),
        (10, 0.9, 0.1, None, ["10 samples", "9 for test", "1 for validation"]),
        (10, 0.2, 0.1, ["a"] * 5 + ["b"] * 5, ["2 groups", "1 for test"]),
        (0, 0.2, 0, None, ["0 samples"]),
    ],
)
def test_too_few_samples_are_refused_with_counts(n, test, validation, groups, words):
    names = [f"s{number}" for number in range(n)]
    with pytest.raises(DataError) as raised:
        make_split(names, ["x"] * n, test_fraction=test, validation_fraction=validation, seed=0, groups=groups)
    assert all(word in str(raised.value) for word in words)
    assert raised.value.hint


@pytest.mark.parametrize(("test", "validation"), [(0.2, 0.1), (0.2, 0), (0, 0), (0.5, 0.4), (0.01, 0.3)])
def test_the_fewest_samples_fill_every_part_and_one_less_does_not(test, validation):
    def is_enough(n):
        names = [f"s{number}" for number in range(n)]
        try:
            split = make_split(names, ["x"] * n, test_fraction=test, validation_fraction=validation, seed=0)
        except DataError:
            return False
        return np.sum(split == "train") >= FEWEST_TRAINING_SAMPLES

    least = fewest_samples({"test": test, "validation": validation})
    assert is_enough(least)
    assert not is_enough(least - 1)


def test_the_hint_says_what_is_enough_without_validation():
    assert hint_of_fractions({"test": 0.2, "validation": 0.1}) == (
        "these fractions need at least 6 samples, or 5 with --validation-fraction 0"
    )
    assert hint_of_fractions({"test": 0.2, "validation": 0.0}) == "these fractions need at least 5 samples"
    assert hint_of_fractions({"test": 0.6, "validation": 0.4}) == "lower the fractions"


def test_negative_fractions_are_refused():
    with pytest.raises(UsageError):
        make_split(["a", "b"], ["x", "x"], test_fraction=-0.1, validation_fraction=0, seed=0)


@pytest.mark.parametrize("dtype", [object, "category", "string"])
def test_own_split_is_read_in_any_spelling(dtype):
    column = pd.Series(["Train", "val", "TEST", "training", "valid", " testing ", None, "validation"], dtype=dtype)
    expected = ["train", "validation", "test", "train", "validation", "test", "", "validation"]
    assert read_split(column, "fold").tolist() == expected


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["train", "test", "holdout"], ["fold", "holdout"]),
        ([0, 1, 1], ["fold", "0, 1"]),
        (["train", "train", None], ["no test", "train"]),
        (["test", "val"], ["no train"]),
        ([None, None], ["nothing"]),
    ],
)
def test_own_split_with_other_values_or_without_a_part_is_refused(values, words):
    with pytest.raises(DataError) as raised:
        read_split(pd.Series(values), "fold")
    assert all(word in str(raised.value) for word in words)
