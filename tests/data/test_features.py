import mudata
import numpy as np
import pytest
from scipy import sparse
from scipy.stats import pearsonr

from mmvae_cli.data import columns
from mmvae_cli.data.features import label_correlation, leaking_features, select_features
from mmvae_cli.data.labels import make_label
from mmvae_cli.errors import DataError

NAN = np.nan
FORMATS = [np.asarray, sparse.csr_matrix]
TARGETS = {
    "binary": ("no", "yes"),
    "several": ("a", "b", "c", "d"),
    "continuous": (),
}


def _data(kind, n=60, n_features=12, seed=0):
    """Sparse-like values that depend on the label; a fifth unlabelled, one feature constant, one all zero."""
    generator = np.random.default_rng(seed)
    classes = TARGETS[kind]
    target = generator.integers(0, len(classes), n).astype(float) if classes else generator.normal(size=n)
    values = generator.poisson(1 + np.abs(target)[:, None] * generator.uniform(0, 1, n_features)).astype(np.float32)
    values[:, 4], values[:, 5] = 0.1, 0
    target[generator.permutation(n)[: n // 5]] = NAN
    return values, target, classes


def _reference(values, target, classes):
    """Pearson's r feature by feature, from scipy."""
    result = []
    for feature in values.astype(np.float64).T:
        keep = ~np.isnan(target) & ~np.isnan(feature)
        x, y = feature[keep], target[keep]
        sides = [y == code for code in range(len(classes))] if len(classes) > 2 else [y]
        if np.ptp(x) == 0:
            result.append(NAN)
        else:
            result.append(max(abs(pearsonr(x, side.astype(float))[0]) for side in sides if np.ptp(side.astype(float))))
    return np.array(result)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("convert", FORMATS)
def test_correlation_is_that_of_scipy(kind, convert):
    values, target, classes = _data(kind)
    r = label_correlation(convert(values), target, classes)
    np.testing.assert_allclose(r, _reference(values, target, classes), rtol=1e-10)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(r)), [4, 5])


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("convert", FORMATS)
def test_correlation_with_missing_entries_uses_the_others(kind, convert):
    values, target, classes = _data(kind)
    values[np.random.default_rng(1).random(values.shape) < 0.3] = NAN
    r = label_correlation(convert(values), target, classes)
    np.testing.assert_allclose(r, _reference(values, target, classes), rtol=1e-10)


def test_unlabelled_samples_do_not_matter():
    values, target, classes = _data("several")
    before = label_correlation(values, target, classes)
    values[np.isnan(target)] = 1e6
    np.testing.assert_array_equal(label_correlation(values, target, classes), before)


def test_correlation_does_not_depend_on_blocks(monkeypatch):
    values, target, classes = _data("several")
    before = label_correlation(values, target, classes)
    monkeypatch.setattr(columns, "BLOCK_ENTRIES", 100)
    np.testing.assert_allclose(label_correlation(values, target, classes), before, rtol=1e-12)


@pytest.mark.parametrize("convert", FORMATS)
def test_a_label_of_one_class_or_one_sample_correlates_with_nothing(convert):
    values = convert(np.arange(12, dtype=np.float32).reshape(4, 3))
    assert np.isnan(label_correlation(values, np.ones(4), ("a", "b"))).all()
    assert np.isnan(label_correlation(values, np.array([1, NAN, NAN, NAN]), ("a", "b"))).all()


def test_a_label_that_is_constant_where_the_feature_is_observed_gives_nan():
    values = np.array([[1.0], [2.0], [3.0], [NAN], [NAN]], dtype=np.float32)
    assert np.isnan(label_correlation(values, np.array([0.1, 0.1, 0.1, 5, 7]))).all()


def test_correlation_needs_one_target_for_each_sample():
    with pytest.raises(DataError, match="4 samples"):
        label_correlation(np.zeros((4, 2)), np.zeros(3))


def test_highest_are_shared_and_lowest_other():
    selection = select_features(np.array([0.2, 0.9, NAN, 0.1, 0.5, 0.3]), 2, 2, "rna")
    assert selection.sets.tolist() == ["other", "shared", "unused", "other", "shared", "unused"]
    assert selection.rank.tolist() == [4, 1, 0, 5, 2, 3]


def test_ties_are_broken_by_the_order_of_the_file_at_both_ends():
    selection = select_features(np.array([0.5, 0.1, 0.5, 0.1, 0.5, 0.1, 0.5 + 1e-15]), 2, 2, "rna")
    assert selection.sets.tolist() == ["shared", "other", "shared", "other", "unused", "unused", "unused"]
    assert selection.rank.tolist() == [1, 5, 2, 6, 3, 7, 4]


def test_without_a_number_all_remaining_features_are_other():
    selection = select_features(np.array([0.5, NAN, 0.1, 0.2]), 1, None, "rna")
    assert selection.sets.tolist() == ["shared", "unused", "other", "other"]
    assert set(select_features(np.array([0.5, 0.1]), 2, None, "rna").sets) == {"shared"}
    assert set(select_features(np.array([0.5, 0.1]), 0, 0, "rna").sets) == {"unused"}


def test_more_features_than_there_are_is_an_error_with_the_numbers():
    r = np.array([0.5, NAN, 0.1, 0.2])
    assert set(select_features(r, 1, 2, "rna").sets) == {"shared", "other", "unused"}
    with pytest.raises(DataError) as raised:
        select_features(r, 2, 2, "rna")
    assert all(
        word in str(raised.value) for word in ["'rna'", "2 shared + 2 other", "there are 3", "1 more are constant"]
    )


@pytest.mark.parametrize("convert", FORMATS)
def test_features_that_give_two_classes_away_are_found(convert):
    generator = np.random.default_rng(0)
    target = np.r_[np.repeat([0.0, 1.0], 20), NAN, NAN]
    values = generator.normal(size=(42, 6)).astype(np.float32)
    values[:40, 1] = 3 - 2 * target[:40]
    values[:, 4] = 0
    values[:40, 5] = target[:40]
    values[0, 5] = 1  # wrong for one sample
    names = ["x", "copy", "ighv", "z", "constant", "nearly"]
    found = leaking_features(convert(values), names, target, ("mutated", "unmutated"), "IGHV")
    assert [position for position, _ in found] == [1, 2]
    assert "determines" in found[0][1]
    assert "named" in found[1][1]
    assert [position for position, _ in leaking_features(values, names, target, ("m", "u"), "rna:IGHV")] == [1, 2]


def test_a_feature_with_hardly_an_observed_entry_gives_nothing_away():
    target = np.repeat([0.0, 1.0], 20)
    values = np.full((40, 2), NAN, dtype=np.float32)
    values[[0, 39], 0] = [0, 1]
    values[10:30, 1] = target[10:30]
    assert [position for position, _ in leaking_features(values, ["a", "b"], target, ("n", "y"), "x")] == [1]


@pytest.mark.parametrize("convert", FORMATS)
def test_with_several_classes_only_a_feature_that_tells_all_apart_gives_the_label_away(convert):
    target = np.repeat([0.0, 1.0, 2.0], 10)
    codes = np.array([0.1, 0.7, 0.3], dtype=np.float32)[target.astype(int)]
    one_class = (target == 1).astype(np.float32)
    noisy = codes + np.r_[1e-3, np.zeros(29)].astype(np.float32)
    values = convert(np.stack([one_class, codes, noisy, np.full(30, 0.1, np.float32)], axis=1))
    found = leaking_features(values, list("abcd"), target, ("u", "v", "w"), "x")
    assert [position for position, _ in found] == [1]


def test_a_continuous_label_among_the_features_is_found():
    target = np.random.default_rng(0).normal(50, 10, 30)
    values = np.stack([np.random.default_rng(1).normal(size=30), target * 12], axis=1).astype(np.float32)
    assert [position for position, _ in leaking_features(values, ["a", "months"], target, (), "age")] == [1]


@pytest.mark.parametrize("column", ["IGHV", "trisomy12"])
def test_real_mutations_that_are_the_label_are_found_and_nothing_else(shared_data, column):
    mdata = mudata.read_h5mu(shared_data / "cll.h5mu")
    table = mdata["mutations"]
    label = make_label(mdata.obs[column].reindex(table.obs_names), column)
    by_name = [f"f{number}" for number in range(table.n_vars)]  # without the name, the values alone tell
    for names in (list(table.var_names), by_name):
        found = leaking_features(table.X, names, label.values, label.classes, column)
        assert [table.var_names[position] for position, _ in found] == [column]
