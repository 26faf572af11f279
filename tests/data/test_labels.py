import logging

import numpy as np
import pandas as pd
import pytest

from mmvae_cli.data.labels import Label, against_rest, make_label, strata
from mmvae_cli.errors import DataError
from tests.logged import warned

NAN = np.nan


@pytest.mark.parametrize(
    ("column", "classes", "codes"),
    [
        (pd.Series(["b", "a", None, "b", "", "a"]), ("a", "b"), [1, 0, NAN, 1, NAN, 0]),
        (pd.Series(["b", "a", None, "b"], dtype="category"), ("a", "b"), [1, 0, NAN, 1]),
        (pd.Series(["b", "a", pd.NA, "b"], dtype="string"), ("a", "b"), [1, 0, NAN, 1]),
        (pd.Series([True, False, True]), ("False", "True"), [1, 0, 1]),
        (pd.Series([True, None, False], dtype="boolean"), ("False", "True"), [1, NAN, 0]),
        (pd.Series([True, None, False], dtype=object), ("False", "True"), [1, NAN, 0]),
        (pd.Series([10, 2, 1] * 4), ("1", "2", "10"), [2, 1, 0] * 4),
        (pd.Series([10, 2, 1] * 4, dtype="category"), ("1", "2", "10"), [2, 1, 0] * 4),
        (pd.Series([0.0, 1.0, NAN, 1.0]), ("0", "1"), [0, 1, NAN, 1]),
        (pd.Series([1, 0, pd.NA, 1], dtype="Int64"), ("0", "1"), [1, 0, NAN, 1]),
        (pd.Series([2, None, 1, 1], dtype=object), ("1", "2"), [1, NAN, 0, 0]),
        (pd.Series([0.5, 1.5, 0.5]), ("0.5", "1.5"), [0, 1, 0]),
        (pd.Series(["1", "2", "10"] * 4), ("1", "10", "2"), [0, 2, 1] * 4),
    ],
)
def test_few_values_of_any_kind_are_classes(column, classes, codes):
    label = make_label(column, "x")
    assert (label.name, label.kind, label.classes) == ("x", "categorical", classes)
    assert label.values.dtype == np.float64
    np.testing.assert_array_equal(label.values, codes)
    np.testing.assert_array_equal(label.labelled, ~np.isnan(codes))


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([0.1, 0.2, 0.3, NAN]),
        pd.Series(range(11)).repeat(5),  # whole, but more than ten values
        pd.Series([50, 61, 72, 73, 74]),  # whole and few, but hardly a value twice
        pd.Series([1.5, None, 2, 3], dtype=object),
        pd.Series([1.5, 2.5, 3.5], dtype="Float64"),
    ],
)
def test_many_or_broken_numbers_are_continuous(column, caplog):
    caplog.set_level(logging.INFO, "mmvae_cli")
    label = make_label(column, "x")
    assert (label.kind, label.classes) == ("continuous", ())
    np.testing.assert_array_equal(label.values, pd.to_numeric(column, errors="coerce").to_numpy(float, na_value=NAN))
    assert "continuous" in caplog.text
    assert "numbers" in caplog.text


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pd.Series([None, "", NAN, "  "]), ["missing in all 4"]),
        (pd.Series([], dtype=object), ["missing in all 0"]),
        (pd.Series(["a", "a", None]), ["'a'", "all 2 samples with a value"]),
        (pd.Series([1, 1, 1]), ["constant", "1 in all 3"]),
        (pd.Series([0.5, 0.5, NAN]), ["constant", "0.5 in all 2"]),
        (pd.Series([f"patient{i}" for i in range(20)]), ["20 classes", "identifier"]),
        (pd.Series([1.0, np.inf, 2.0]), ["infinite in 1"]),
    ],
)
def test_labels_that_teach_nothing_are_refused(column, words):
    with pytest.raises(DataError) as raised:
        make_label(column, "IGHV")
    assert all(word in str(raised.value) for word in ["IGHV", *words])
    assert raised.value.hint
    assert raised.value.exit_code == 65


def test_half_as_many_classes_as_samples_are_allowed_and_one_more_is_not():
    assert len(make_label(pd.Series(list("aabbccdd")), "x").classes) == 4
    with pytest.raises(DataError, match="identifier"):
        make_label(pd.Series(list("aabbccde")), "x")


def test_a_class_that_reads_like_a_missing_value_is_reported(caplog):
    make_label(pd.Series(["a", "b", "NA", "a", "b", "NA"]), "x")
    assert "'NA' (2 samples)" in caplog.text


@pytest.mark.parametrize("word", ["unknown", "UNK", "?", "-", ".", "-9", "-999", "Not  available", "not_reported"])
def test_other_words_for_missing_are_reported_too(word, caplog):
    make_label(pd.Series(["a", "b", word] * 2), "x")
    assert f"label 'x' has a class named {word!r} (2 samples)" in caplog.text


def test_negative_beside_positive_is_not_missing(caplog):
    make_label(pd.Series(["+", "-"] * 4), "ER")
    assert not warned(caplog)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0, 1, -9] * 4, "label 'x' is -9 in 4 samples and else not below 0"),
        ([0.5, 1.25, 3.5, -99, -9] * 4, "label 'x' is -99 in 4 samples and else not below 0"),
        ([0.5, -1.25, -9] * 4, ""),
        ([0, 1, -1] * 4, ""),
    ],
)
def test_a_number_that_stands_for_missing_is_reported(values, said, caplog):
    make_label(pd.Series(values), "x")
    assert len(warned(caplog)) == bool(said)
    assert said in caplog.text


@pytest.mark.parametrize("kind", ["label", "covariate"])
@pytest.mark.parametrize("dtype", [object, "category"])
def test_classes_that_differ_by_case_or_blanks_only_are_named_with_their_counts(dtype, kind, caplog):
    column = pd.Series(["U", "u ", "u", "u", "u\u00a0", "M", "M", "U", "u ", "x x", "xx", "xx"] * 2, dtype=dtype)
    assert len(make_label(column, "IGHV", kind).classes) == 7
    (said,) = warned(caplog)
    assert said.startswith(f"{kind} 'IGHV' has classes that differ by letter case or blanks only")
    of_u = "'U' (4 samples), 'u' (4 samples), 'u ' (4 samples), 'u\\xa0' (2 samples)"
    assert f": {of_u}; 'x x' (2 samples), 'xx' (4 samples); " in said
    assert "'M'" not in said
    caplog.clear()
    make_label(column, "IGHV", kind, quietly=True)
    assert not warned(caplog)


@pytest.mark.parametrize(
    ("values", "single"), [(list("aaaabbcd"), "'c', 'd'"), ([0] * 5 + [1] * 4 + [2], "'2'"), (list("aaabbb"), "")]
)
def test_classes_with_one_sample_are_named(values, single, caplog):
    make_label(pd.Series(values), "x")
    said = warned(caplog)
    assert said == [
        f"label 'x': the single sample of a class trains or is held out, never both: {single}; join such classes with "
        "others, or leave their cells empty"
    ] * bool(single)


def test_one_missing_word_is_one_sample(caplog):
    make_label(pd.Series(["a", "a", "a", "b", "b", "n/a"]), "x")
    assert "'n/a' (1 sample):" in caplog.text


def test_a_class_against_the_rest_says_which_others_look_like_it(caplog):
    assert list(against_rest(pd.Series(["a", "A", "b", None]), "a", "x").dropna()) == ["a", "other", "other"]
    assert "'A' (1 sample), 'a' (1 sample)" in caplog.text


def test_strata_join_class_and_pattern_of_observed_modalities():
    label = make_label(pd.Series(["b", "a", None]), "x")
    observed = np.array([[True, False, True], [True, True, True], [False, True, True]])
    assert strata(label, observed).tolist() == ["b|101", "a|111", "unlabelled|011"]
    assert strata(None, observed).tolist() == ["unlabelled|101", "unlabelled|111", "unlabelled|011"]


def test_strata_cut_continuous_labels_at_the_quartiles():
    values = np.r_[np.random.default_rng(0).normal(size=100), NAN]
    label = Label("age", "continuous", (), values)
    groups = pd.Series(strata(label, np.ones((101, 2), dtype=bool)))
    assert sorted(groups.value_counts()) == [1, 25, 25, 25, 25]
    medians = pd.Series(values).groupby(groups).median()
    assert medians.drop("unlabelled|11").is_monotonic_increasing


def test_one_class_is_set_against_the_rest() -> None:
    column = pd.Series(["b", "a", None, "c", "", "b"], index=list("uvwxyz"))
    found = against_rest(column, "b", "type")
    label = make_label(found, "type")
    assert label.classes == ("b", "other")
    np.testing.assert_array_equal(label.values, [0, 1, NAN, 1, NAN, 0])
    assert list(found.index) == list("uvwxyz")
    coded = make_label(against_rest(pd.Series([1.0, 2.0, NAN, 3.0]), "2", "code"), "code")
    assert coded.classes == ("2", "other")


def test_a_class_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(DataError, match="no class 'B'") as refused:
        against_rest(pd.Series(["b", "a", None]), "B", "type")
    assert "did you mean 'b'? allowed: a, b" in refused.value.hint
