from __future__ import annotations

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA

from mmvae_cli.evaluation.stability import mean_canonical_correlation, stability

N = 300
FIT = np.arange(N) < 200


def latents(n_latents: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(N, n_latents))


def similarity(first: np.ndarray, second: np.ndarray) -> float:
    return mean_canonical_correlation(first, second, FIT, ~FIT)


@pytest.mark.parametrize("n_latents", [1, 2, 4])
def test_turned_scaled_and_moved_latents_are_the_same(n_latents: int) -> None:
    block = latents(n_latents)
    turn = np.linalg.qr(latents(n_latents, seed=1)[:n_latents])[0]
    assert similarity(block, 5 + block @ turn * 0.3) == pytest.approx(1)
    assert similarity(block, -block) == pytest.approx(1)


def test_unrelated_latents_are_near_zero_however_few_samples_the_directions_were_fitted_on() -> None:
    values = [
        mean_canonical_correlation(latents(4, 2 * i), latents(4, 2 * i + 1), np.arange(N) < 45, np.arange(N) >= 45)
        for i in range(30)
    ]
    assert abs(np.mean(values)) < 0.03


def test_correlations_are_those_of_scikit_learn_where_fit_and_measure_are_the_same() -> None:
    first = latents(3)
    second = first @ latents(3, 1)[:3] + 0.8 * latents(3, 2)
    everything = np.ones(N, dtype=bool)
    variates = CCA(3, max_iter=5000, tol=1e-12).fit(first, second).transform(first, second)
    expected = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(variates[0].T, variates[1].T, strict=True)])
    assert mean_canonical_correlation(first, second, everything, everything) == pytest.approx(expected, abs=1e-4)


def test_half_of_what_is_shared_counts_half() -> None:
    first, second = latents(4), latents(4, 1)
    second[:, :2] = first[:, :2]
    assert similarity(first, second) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("unused", [0.0, 0.1, 1e-3])
def test_unused_latents_do_not_count(unused: float) -> None:
    first, second = latents(4), latents(4, 1)
    second[:, :2] = first[:, :2]
    first[:, 2:] = 0.1 + unused * 0.5 * first[:, 2:]
    second[:, 2:] = 0.1 + unused * 0.5 * second[:, 2:]
    assert similarity(first, second) == pytest.approx(1, abs=1e-3)


def test_latents_that_one_replicate_lacks_count_as_zero() -> None:
    block = latents(4)
    assert similarity(block, block[:, :1]) == pytest.approx(0.25)
    repeated = np.concatenate([block[:, :2], block[:, :2]], axis=1)
    assert similarity(block, repeated) == pytest.approx(0.5)
    assert similarity(block, np.ones((N, 2))) == 0


def test_it_is_undefined_without_enough_samples_or_latents() -> None:
    block = latents(4)
    assert np.isnan(mean_canonical_correlation(block, block, np.arange(N) < 39, ~FIT))
    assert np.isnan(mean_canonical_correlation(block, block, FIT, np.arange(N) >= N - 9))
    assert np.isnan(similarity(np.ones((N, 2)), np.ones((N, 3))))
    assert np.isnan(similarity(block[:, :0], block[:, :0]))


def test_samples_without_latents_are_left_out() -> None:
    first, second = latents(2), latents(2)
    first[::7], second[3::7] = np.nan, np.nan
    assert similarity(first, second) == pytest.approx(1)


def test_stability_takes_all_pairs_and_measures_on_samples_that_one_of_them_has_not_seen() -> None:
    blocks = [latents(2), latents(2), latents(2, 1)]
    blocks[1][250:] = latents(2, 3)[250:]  # the pair agrees on what both have learned, and not beyond
    learned = np.stack([np.arange(N) < 240] * 3)
    held = np.stack([np.arange(N) >= 250] * 3)
    found = stability(blocks, learned, held)
    assert found["pairs"] == 3
    assert abs(found["median"]) < 0.4
    own = held.copy()
    own[1:] = False
    assert stability(blocks, learned, own)["pairs"] == 2  # the last two have seen everything
    assert stability(blocks[:1], learned[:1], held[:1]) == {
        "median": None,
        "min": None,
        "pairs": 0,
        "by_pair": [],
    }
    same = stability([blocks[0], blocks[0][:, ::-1], -blocks[0]], learned, held)
    assert (same["median"], same["min"]) == (pytest.approx(1), pytest.approx(1))
