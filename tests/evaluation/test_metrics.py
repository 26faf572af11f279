import json

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mmvae_cli.errors import DataError
from mmvae_cli.evaluation import metrics
from mmvae_cli.evaluation.metrics import (
    continuous_separation,
    label_separation,
    median_and_sd,
    pearson_per_feature,
    r2_per_feature,
    summarise,
)

NAN = np.nan
NOTHING = {"auc": None, "accuracy": None}


def _latents(n_classes, n=200, n_latents=4, spread=1.0, seed=0):
    generator = np.random.default_rng(seed)
    target = generator.integers(0, n_classes, n).astype(float)
    means = generator.normal(0, spread, (n_classes, n_latents))
    latents = means[target.astype(int)] + generator.normal(size=(n, n_latents))
    return latents[: n // 2], target[: n // 2], latents[n // 2 :], target[n // 2 :]


def test_r2_is_that_of_sklearn(monkeypatch):
    generator = np.random.default_rng(0)
    x = generator.normal(5, 2, (40, 11)).astype(np.float32)
    x_hat = (x + generator.normal(0, np.linspace(0, 4, 11), (40, 11))).astype(np.float32)
    expected = r2_score(x.astype(np.float64), x_hat.astype(np.float64), multioutput="raw_values")
    np.testing.assert_allclose(r2_per_feature(x, x_hat), expected, rtol=1e-10, atol=1e-12)
    monkeypatch.setattr(metrics, "BLOCK_ENTRIES", 100)
    np.testing.assert_allclose(r2_per_feature(x, x_hat), expected, rtol=1e-10, atol=1e-12)
    assert r2_per_feature(x, x)[3] == 1
    np.testing.assert_allclose(r2_per_feature(x, np.broadcast_to(x.astype(float).mean(axis=0), x.shape)), 0, atol=1e-12)


def test_r2_is_undefined_where_constant_or_with_one_sample():
    x = np.stack([np.full(7, 0.1), np.arange(7)], axis=1).astype(np.float32)
    assert np.isnan(r2_per_feature(x, x)).tolist() == [True, False]
    assert np.isnan(r2_per_feature(x[:1], x[:1])).all()
    assert np.isnan(r2_per_feature(x[:0], x[:0])).all()
    assert r2_per_feature(x[:, :0], x[:, :0]).shape == (0,)


def test_r2_of_different_shapes_is_an_error():
    with pytest.raises(DataError, match=r"\(3, 2\).*\(3, 1\)"):
        r2_per_feature(np.zeros((3, 1)), np.zeros((3, 2)))


def test_summary_by_set_leaves_undefined_features_out():
    r2 = np.array([0.2, 0.4, NAN, -1.0, 0.9])
    sets = np.array(["shared", "shared", "shared", "other", "unused"])
    summary = summarise(r2, sets)
    assert summary["shared"] == {"median": pytest.approx(0.3), "mean": pytest.approx(0.3), "n": 2}
    assert summary["other"] == {"median": -1.0, "mean": -1.0, "n": 1}
    assert summary["all"] == {"median": pytest.approx(0.3), "mean": pytest.approx(0.125), "n": 4}


def test_summary_leaves_absent_sets_out_and_is_json_without_nan():
    assert list(summarise(np.array([0.5]), None)) == ["all"]
    assert list(summarise(np.array([0.5]), np.array(["other"]))) == ["other", "all"]
    undefined = summarise(np.array([NAN, NAN]), np.array(["shared", "shared"]))
    assert undefined["shared"] == undefined["all"] == {"median": None, "mean": None, "n": 0}
    assert "NaN" not in json.dumps([undefined, summarise(np.array([0.5, 1]), np.array(["shared", "other"]))])


@pytest.mark.parametrize("n_classes", [2, 3, 8])
def test_separation_is_that_of_sklearn(n_classes):
    train, y_train, test, y_test = _latents(n_classes)
    result = label_separation(train, y_train, test, y_test, [str(code) for code in range(n_classes)])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e6, max_iter=1000)).fit(train, y_train)
    probabilities = model.predict_proba(test)
    if n_classes == 2:
        expected = roc_auc_score(y_test, probabilities[:, 1])
    else:
        expected = roc_auc_score(y_test, probabilities, multi_class="ovr")
    assert result == {"auc": pytest.approx(expected), "accuracy": pytest.approx(model.score(test, y_test))}
    assert 0.6 < result["auc"] < 1


def test_separation_does_not_depend_on_the_scale_of_the_latents():
    train, y_train, test, y_test = _latents(3)
    scale = np.array([1e-3, 1, 1e3, 10])
    before = label_separation(train, y_train, test, y_test, "abc")
    after = label_separation(train * scale - 7, y_train, test * scale - 7, y_test, "abc")
    assert after == pytest.approx(before, abs=1e-3)


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("spread", [0, 5, 300])
def test_separation_converges_on_separable_collinear_and_constant_latents(n_classes, spread, caplog):
    train, y_train, test, y_test = _latents(n_classes, spread=spread)
    widen = lambda z: np.c_[z, z[:, :2] * (1 + 1e-9), np.full(len(z), 0.1)]  # noqa: E731
    result = label_separation(widen(train), y_train, widen(test), y_test, list("abcde"[:n_classes]))
    assert result["auc"] == pytest.approx(0.5, abs=0.12) if spread == 0 else result["auc"] > 0.99
    assert not caplog.records


def test_a_latent_constant_in_training_is_ignored_even_if_it_varies_in_test():
    train, y_train, test, y_test = _latents(2)
    before = label_separation(train, y_train, test, y_test, "ab")
    constant = np.full((100, 1), 0.1)
    after = label_separation(np.c_[train, constant], y_train, np.c_[test, 1e6 * y_test], y_test, "ab")
    assert after == pytest.approx(before, abs=1e-6)


def test_samples_without_label_or_latents_are_left_out():
    train, y_train, test, y_test = _latents(2)
    before = label_separation(train, y_train, test, y_test, "ab")
    more = label_separation(
        np.r_[train, np.full((1, 4), 99.0), np.full((1, 4), NAN)],
        np.r_[y_train, NAN, 1],
        np.r_[np.full((1, 4), NAN), test, np.full((1, 4), 99.0)],
        np.r_[1, y_test, NAN],
        "ab",
    )
    assert more == before


def test_classes_that_no_held_out_or_no_training_sample_has_are_left_out_of_the_mean():
    train, y_train, test, y_test = _latents(4, n=400)
    classes = "abcd"
    held_out = y_test != 3
    without = label_separation(train, y_train, test[held_out], y_test[held_out], classes)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e6, max_iter=1000)).fit(train, y_train)
    probabilities = model.predict_proba(test[held_out])
    areas = [roc_auc_score(y_test[held_out] == code, probabilities[:, code]) for code in range(3)]
    assert without["auc"] == pytest.approx(np.mean(areas))
    unseen = label_separation(train[y_train < 2], y_train[y_train < 2], test, y_test, classes)
    assert unseen["accuracy"] <= np.mean(y_test < 2)
    assert 0 < unseen["auc"] < 1


@pytest.mark.parametrize(
    ("choose", "expected"),
    [
        (lambda t, y, v, w: (t[y == 1], y[y == 1], v, w), NOTHING),
        (lambda t, y, v, w: (t, y * NAN, v, w), NOTHING),
        (lambda t, y, v, w: (t, y, v[:0], w[:0]), NOTHING),
        (lambda t, y, v, w: (t, y, v, w * NAN), NOTHING),
        (lambda t, y, v, w: (t, y, v[w == 1], w[w == 1]), {"auc": None, "accuracy": pytest.approx(1, abs=0.5)}),
    ],
)
def test_undefined_separation_is_none_and_says_why(choose, expected, caplog):
    assert label_separation(*choose(*_latents(2)), ("no", "yes")) == expected
    assert "undefined" in caplog.text


def test_a_block_without_latents_separates_nothing_and_needs_no_warning(caplog):
    train, y_train, test, y_test = _latents(2)
    assert label_separation(train[:, :0], y_train, test[:, :0], y_test, "ab") == NOTHING
    assert continuous_separation(train[:, :0], y_train, test[:, :0], y_test) == {"r2": None}
    assert not caplog.records


def test_separable_classes_give_an_auc_of_exactly_one():
    # probabilities of separable classes round to 0 and 1; their ties must not cost anything
    target = np.tile(np.arange(4.0), 30)
    latents = 1e3 * np.eye(4)[target.astype(int)] + np.random.default_rng(0).normal(size=(120, 4))
    assert label_separation(latents[:60], target[:60], latents[60:], target[60:], "abcd") == {"auc": 1, "accuracy": 1}


def test_continuous_separation_is_linear_regression():
    generator = np.random.default_rng(0)
    latents = generator.normal(size=(100, 3))
    target = 40 + latents @ [3, -2, 0] + generator.normal(size=100)
    result = continuous_separation(latents[:60], target[:60], latents[60:], target[60:])
    expected = LinearRegression().fit(latents[:60], target[:60]).score(latents[60:], target[60:])
    assert result == {"r2": pytest.approx(expected)}
    twice = np.c_[latents, latents, np.full(100, 0.1)]  # collinear and constant latents
    assert continuous_separation(twice[:60], target[:60], twice[60:], target[60:]) == {"r2": pytest.approx(expected)}


@pytest.mark.parametrize("n_test", [0, 1])
def test_continuous_separation_without_held_out_samples_is_none_and_says_so(n_test, caplog):
    latents, target = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20.0)
    assert continuous_separation(latents, target, latents[:n_test], target[:n_test]) == {"r2": None}
    assert "undefined" in caplog.text
    assert continuous_separation(latents, target, latents, np.full(20, 0.1)) == {"r2": None}


def test_median_and_sd_leave_undefined_replicates_out():
    assert median_and_sd([0.5, None, 0.7, 0.9, NAN]) == {"median": pytest.approx(0.7), "sd": pytest.approx(0.2)}
    assert median_and_sd([0.5, None]) == {"median": 0.5, "sd": None}
    assert median_and_sd([None]) == {"median": None, "sd": None}
    assert median_and_sd(iter([1.0, 2.0]))["sd"] == pytest.approx(0.5**0.5)


def test_correlation_is_numpys_without_missing_entries_and_0_for_predictions_that_stand_still() -> None:
    generator = np.random.default_rng(3)
    x = generator.normal(5.0, 2.0, (40, 4)).astype(np.float32)
    x_hat = 0.5 * x + generator.normal(size=x.shape)
    x[::5, 0] = np.nan
    x_hat[:, 2] = 1.0
    x[:, 3] = 7.0
    known = ~np.isnan(x[:, 0])
    expected = [np.corrcoef(x[known, 0].astype(float), x_hat[known, 0])[0, 1], np.corrcoef(x[:, 1], x_hat[:, 1])[0, 1]]
    found = pearson_per_feature(x, x_hat)
    np.testing.assert_allclose(found[:2], expected, rtol=1e-6)
    assert found[2] == 0.0
    assert np.isnan(found[3])
