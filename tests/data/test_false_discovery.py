import numpy as np
from scipy.stats import false_discovery_control

from mmvae_cli.data.false_discovery import benjamini_hochberg


def test_q_values_are_those_of_scipy():
    p = np.random.default_rng(0).random((7, 30)) ** 3
    p[2, :5] = p[0, 0]  # ties
    expected = false_discovery_control(p.ravel(), method="bh").reshape(p.shape)
    np.testing.assert_allclose(benjamini_hochberg(p), expected, rtol=1e-12)


def test_what_was_not_tested_has_no_q_and_does_not_count():
    p = np.array([np.nan, 0.01, 0.5, np.nan, 0.02])
    np.testing.assert_allclose(benjamini_hochberg(p), [np.nan, 0.03, 0.5, np.nan, 0.03])


def test_without_tests_there_are_no_q_values():
    assert benjamini_hochberg(np.array([])).shape == (0,)
    assert np.isnan(benjamini_hochberg(np.array([np.nan]))).all()
