import logging

import numpy as np
import pytest
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from mmvae_cli.data.count_transforms import log_weighted
from mmvae_cli.data.kinds import value_kind
from mmvae_cli.data.transforms import TRANSFORMS, fit_scaling, warn_about_values
from mmvae_cli.errors import DataError

FORMATS = [np.asarray, sparse.csr_matrix]
SUITABLE = {name: "beta" if name == "mvalue" else "counts" for name in TRANSFORMS}


def _dense(matrix):
    return matrix.toarray() if sparse.issparse(matrix) else matrix


def _values(kind, n=20, n_features=7):
    generator = np.random.default_rng(0)
    values = (
        generator.poisson(1.5, (n, n_features)) if kind == "counts" else generator.uniform(0.01, 0.99, (n, n_features))
    )
    return values.astype(np.float32)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("convert", FORMATS)
def test_every_transform_leaves_its_input_alone_and_treats_each_sample_by_itself(name, convert):
    values = _values(SUITABLE[name])
    given = convert(values.copy())
    result = _dense(TRANSFORMS[name].apply(given, "rna"))
    np.testing.assert_array_equal(_dense(given), values)
    assert result.dtype == np.float32
    alone = _dense(TRANSFORMS[name].apply(convert(values[[7, 3]]), "rna"))
    np.testing.assert_allclose(alone, result[[7, 3]], rtol=1e-6)
    np.testing.assert_allclose(result, _dense(TRANSFORMS[name].apply(values, "rna")), rtol=1e-5)


@pytest.mark.parametrize("name", [name for name, row in TRANSFORMS.items() if row.undo])
def test_what_can_be_undone_gives_the_input_back(name):
    values = _values(SUITABLE[name])
    values = np.minimum(values, 1) if name == "binarize" else values  # its predictions are of 0 and 1
    transform = TRANSFORMS[name]
    transformed = transform.apply(values, "rna")
    if transform.standardise:
        scaling = fit_scaling(transformed, np.arange(10))
        transformed = scaling.undo(scaling.apply(transformed))
    np.testing.assert_allclose(transform.undo(transformed), values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["lognorm", "clr", "zscore", "tfidf", "binarize", "none"])
def test_sparse_values_stay_sparse(name):
    assert sparse.issparse(TRANSFORMS[name].apply(sparse.csr_matrix(_values("counts")), "rna"))


@pytest.mark.parametrize("convert", FORMATS)
def test_lognorm_is_log1p_of_counts_per_ten_thousand(convert):
    values = _values("counts")
    expected = np.log1p(1e4 * values / values.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(_dense(TRANSFORMS["lognorm"].apply(convert(values), "rna")), expected, rtol=1e-5)


@pytest.mark.parametrize("convert", FORMATS)
def test_lognorm_reports_empty_samples_and_leaves_them_zero(convert, caplog):
    values = _values("counts")
    values[[2, 5]] = 0
    result = _dense(TRANSFORMS["lognorm"].apply(convert(values), "rna"))
    assert not result[[2, 5]].any()
    assert np.isfinite(result).all()
    assert "2 samples without a single count" in caplog.text


def test_lognorm_on_normalised_values_is_reported(caplog):
    TRANSFORMS["lognorm"].apply(_values("counts"), "rna")
    assert not caplog.records
    TRANSFORMS["lognorm"].apply(np.log1p(_values("counts")), "rna")
    assert "'rna'" in caplog.text
    assert "looks normalised already" in caplog.text


@pytest.mark.parametrize("convert", FORMATS)
def test_clr_is_that_of_seurat(convert):
    values = _values("counts")

    def seurat(x):  # log1p(x / exp(sum(log1p(x[x > 0])) / length(x)))
        return np.log1p(x / np.exp(np.log1p(x[x > 0]).sum() / len(x)))

    expected = np.array([seurat(sample) for sample in values.astype(np.float64)])
    np.testing.assert_allclose(_dense(TRANSFORMS["clr"].apply(convert(values), "adt")), expected, rtol=1e-5)


@pytest.mark.parametrize("convert", FORMATS)
def test_tfidf_is_that_of_signac_with_the_idf_of_the_training_samples(convert):
    values, rows = _values("counts"), np.array([1, 4, 9, 12])
    values[rows, 2] = 0
    values[5] = 0
    frequencies = TRANSFORMS["tfidf"].apply(convert(values), "atac")
    weights = TRANSFORMS["tfidf"].fit(frequencies, rows)
    n_with = (values[rows] > 0).sum(0)
    np.testing.assert_allclose(weights, np.where(n_with > 0, 4 / np.maximum(n_with, 1), 1))
    found = log_weighted(frequencies, weights)
    assert sparse.issparse(found) == sparse.issparse(convert(values))
    expected = np.log1p(1e4 * values / np.maximum(values.sum(1, keepdims=True), 1) * weights)
    np.testing.assert_allclose(_dense(found), expected, rtol=1e-5)


@pytest.mark.parametrize("convert", FORMATS)
def test_binarize_is_1_above_0_of_counts_and_of_fractions(convert):
    values = np.array([[0, 1, 3], [0.25, 0, np.nan]], dtype=np.float32)
    result = TRANSFORMS["binarize"].apply(convert(values), "atac")
    np.testing.assert_array_equal(_dense(result), [[0, 1, 1], [1, 0, np.nan]])
    explicit = sparse.csr_matrix((np.array([0.0, 2.0]), np.array([0, 1]), np.array([0, 2])), shape=(1, 3))
    assert TRANSFORMS["binarize"].apply(explicit, "atac").nnz == 1


@pytest.mark.parametrize("convert", FORMATS)
def test_mvalue_is_the_binary_logit_and_clips_with_a_warning(convert, caplog):
    values = np.array([[0.5, 0.8], [0.0, 1.0], [np.nan, 0.2]], dtype=np.float32)
    result = TRANSFORMS["mvalue"].apply(convert(values), "meth")
    edge = np.log2(0.001 / 0.999)
    np.testing.assert_allclose(result, [[0, 2], [edge, -edge], [np.nan, -2]], rtol=1e-5, atol=1e-6)
    assert "2 of 6 beta values" in caplog.text


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("lognorm", [[1.0, -2.0]], ["'x'", "below 0", "-2", "x=zscore", "--layer x="]),
        ("clr", [[1.0, -2.0]], ["'x'", "below 0", "x=zscore"]),
        ("tfidf", [[1.0, -2.0]], ["'x'", "below 0", "x=zscore"]),
        ("tfidf", [[1.0, np.nan]], ["'x'", "1 missing"]),
        ("lognorm", [[1.0, np.nan]], ["'x'", "1 missing"]),
        ("clr", [[1.0, np.nan]], ["'x'", "1 missing"]),
        ("binarize", [[1.0, np.nan], [-2.0, 0]], ["'x'", "below 0", "-2", "--layer x="]),
        ("mvalue", [[0.5, 1.5], [-3, 0.1]], ["'x'", "2 values", "M-values already", "x=zscore"]),
    ],
)
@pytest.mark.parametrize("convert", FORMATS)
def test_values_a_transform_is_not_for_are_refused_with_the_remedy(name, values, words, convert):
    with pytest.raises(DataError) as raised:
        TRANSFORMS[name].apply(convert(np.array(values, dtype=np.float32)), "x")
    assert all(word in str(raised.value) for word in words)


@pytest.mark.parametrize("convert", FORMATS)
def test_scaling_is_that_of_sklearn_on_the_training_samples(convert):
    values, rows, columns = _values("counts", 30, 9), np.array([1, 5, 28, 7, 9]), np.array([8, 0, 3])
    values[:, 3] = 0.1
    scaling = fit_scaling(convert(values), rows, columns)
    reference = StandardScaler().fit(values[rows][:, columns].astype(np.float64))
    np.testing.assert_allclose(scaling.mean, reference.mean_, rtol=1e-12)
    np.testing.assert_allclose(scaling.sd, reference.scale_, rtol=1e-12)
    assert scaling.sd[2] == 1
    assert scaling.mean.dtype == scaling.sd.dtype == np.float64
    np.testing.assert_allclose(
        scaling.apply(values[:, columns]), reference.transform(values[:, columns].astype(np.float64)), atol=1e-6
    )


def test_scaling_is_not_fitted_on_held_out_samples():
    values = _values("counts")
    before = fit_scaling(values, np.arange(10))
    values[10:] = 1e6
    np.testing.assert_array_equal(fit_scaling(values, np.arange(10)).sd, before.sd)


def test_scaling_leaves_missing_entries_out_and_needs_a_sample():
    values = np.array([[1, np.nan], [3, np.nan], [np.nan, np.nan]], dtype=np.float32)
    scaling = fit_scaling(values, np.arange(3))
    assert (scaling.mean.tolist(), scaling.sd.tolist()) == ([2, 0], [1, 1])
    with pytest.raises(DataError, match="no training sample"):
        fit_scaling(values, np.array([], dtype=int))


@pytest.mark.parametrize(
    ("kind", "transform", "likelihood", "level", "remedy"),
    [
        ("counts", "zscore", "gaussian", logging.WARNING, "--transform adt=lognorm (or clr"),
        ("counts", "none", "gaussian", logging.WARNING, "--transform adt=lognorm (or clr"),
        ("fractions", "zscore", "gaussian", logging.INFO, "--transform adt=mvalue"),
        ("counts", "lognorm", "gaussian", None, None),
        ("counts", "none", "poisson", None, None),
        ("fractions", "mvalue", "gaussian", None, None),
        ("continuous", "zscore", "gaussian", None, None),
    ],
)
def test_values_that_do_not_fit_are_reported_with_the_remedy(kind, transform, likelihood, level, remedy, caplog):
    caplog.set_level(logging.INFO, "mmvae_cli")
    warn_about_values("adt", kind, transform, likelihood)
    assert [record.levelno for record in caplog.records] == ([level] if level else [])
    assert remedy is None or remedy in caplog.text


def test_advice_knows_the_kinds_that_values_are_given():
    assert value_kind(_values("counts")) == "counts"
    assert value_kind(_values("beta")) == "fractions"
