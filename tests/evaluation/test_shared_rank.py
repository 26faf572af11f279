from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from mmvae_cli.evaluation.shared_rank import ENOUGH, shared_rank


def modalities(
    rank: int, n: int = 300, noise: float = 0.5, seed: int = 0, names: str = "ab"
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Modalities that share ``rank`` factors of equal strength; each has two strong factors of its own."""
    random = np.random.default_rng(seed)
    factors = random.standard_normal((n, rank))
    values = {}
    for name in names:
        loadings = np.linalg.qr(random.standard_normal((40, rank)))[0].T if rank else np.zeros((0, 40))
        own = random.standard_normal((n, 2)) @ random.standard_normal((2, 40))
        values[name] = (6 * factors @ loadings + own + noise * random.standard_normal((n, 40))).astype(np.float32)
    return values, {name: np.ones(n, dtype=bool) for name in names}


@pytest.mark.parametrize("rank", [1, 3, 8])
@pytest.mark.parametrize("names", ["ab", "abc"])
def test_planted_factors_are_counted_whatever_the_modalities_have_of_their_own(rank: int, names: str) -> None:
    values, observed = modalities(rank, names=names)
    assert rank - 1 <= shared_rank(values, observed) <= rank + 1


def test_nothing_is_counted_where_nothing_is_shared() -> None:
    values, observed = modalities(0)
    found = [shared_rank(*modalities(0, seed=seed)) for seed in range(10)]
    assert sum(rank > 1 for rank in found) <= 2
    assert shared_rank({"a": values["a"]}, observed) == 0
    assert shared_rank({"a": values["a"], "b": values["b"][:, :0]}, observed) == 0


def test_only_samples_with_two_modalities_count() -> None:
    values, observed = modalities(3)
    observed["a"] = np.arange(300) < 200
    observed["b"] = np.arange(300) >= 60
    expected = shared_rank(
        {name: each[60:200] for name, each in values.items()}, dict.fromkeys("ab", np.ones(140, bool))
    )
    values["a"][200:], values["b"][:60] = np.nan, 1e9  # what is not observed may be anything
    assert shared_rank(values, observed) == expected >= 2
    observed["b"] = np.arange(300) >= 190
    assert shared_rank(values, observed) == 0, "ten samples say nothing"


def test_the_rank_is_the_smallest_that_explains_enough_of_a_plain_reduced_rank_regression() -> None:
    """Against ridge fits of scikit-learn, written out."""
    from sklearn.linear_model import RidgeCV

    values, observed = modalities(5, noise=0.2)
    order = np.random.default_rng(0).permutation(300) % 5
    ranks = []
    for target, source in (("a", "b"), ("b", "a")):
        explained = np.zeros(40)
        for fold in range(5):
            train, test = order != fold, order == fold
            x, y = ((values[n] - values[n][train].mean(0)) / values[n][train].std(0) for n in (source, target))
            fitted = RidgeCV(np.logspace(-3, 4, 15) * train.sum()).fit(x[train], y[train])
            directions = np.linalg.svd(fitted.predict(x[train]), full_matrices=False)[2]
            predicted = fitted.predict(x[test])
            for rank in range(1, 41):
                of_rank = predicted @ directions[:rank].T @ directions[:rank]
                explained[rank - 1] += (y[test] ** 2).sum() - ((y[test] - of_rank) ** 2).sum()
        ranks.append(int(np.argmax(explained >= ENOUGH * explained.max())) + 1)
    assert shared_rank(values, observed) == max(ranks)


def test_the_order_of_features_and_modalities_changes_nothing() -> None:
    values, observed = modalities(4, names="abc")
    expected = shared_rank(values, observed)
    turned = {name: values[name][:, ::-1] for name in "cab"}
    assert shared_rank(turned, observed) == expected


@pytest.mark.parametrize("as_sparse", [False, True])
def test_what_is_known_of_the_samples_needs_no_component(as_sparse: bool) -> None:
    random = np.random.default_rng(5)
    known = np.eye(4)[random.integers(0, 4, 200)]
    factor = random.standard_normal((200, 1))
    made = {
        name: np.concatenate([known, factor], 1) @ (3 * random.standard_normal((5, 30)))
        + 0.5 * random.standard_normal((200, 30))
        for name in "ab"
    }
    values = {name: sparse.csr_matrix(x) if as_sparse else x for name, x in made.items()}
    observed = dict.fromkeys("ab", np.ones(200, dtype=bool))
    assert shared_rank(values, observed) == 4  # three differences of four groups, and the factor
    assert shared_rank(values, observed, known) == 1
