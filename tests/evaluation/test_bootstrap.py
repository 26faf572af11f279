from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mmvae_cli.evaluation.bootstrap import median_interval, summarised


def test_the_interval_holds_the_median_of_the_population_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    held = [low <= 1.0 <= high for low, high in (median_interval(random.normal(1, 2, 25)) for _ in range(300))]
    assert 0.90 <= np.mean(held) <= 0.99


def test_the_interval_is_the_same_whenever_it_is_computed_and_moves_with_the_values() -> None:
    values = np.random.default_rng(1).uniform(size=10)
    low, high = median_interval(values)
    assert median_interval(values) == (low, high)
    assert median_interval(values + 1) == pytest.approx((low + 1, high + 1))
    assert values.min() <= low < np.median(values) < high <= values.max()
    assert median_interval(values[:1]) == (None, None)


def test_models_are_compared_replicate_by_replicate() -> None:
    random = np.random.default_rng(2)
    shared = random.normal(size=10)  # of the split: much larger than the difference of the models
    rows = [
        {"model": model, "other": other, "replicate": replicate, "metric": "auc", "modality": "", "part": "shared",
         "value": other + shared[replicate] + (0.1 if model == "b" else 0)}
        for model in "ab" for other in (1, 2) for replicate in range(10)
    ]  # fmt: skip
    found = summarised(pd.DataFrame(rows).sample(frac=1, random_state=0), ["other"]).set_index(
        ["other", "model", "minus"]
    )
    assert len(found) == 2 * 2 * 2
    assert found.loc[(2, "b", ""), "median"] == pytest.approx(2.1 + np.median(shared))
    difference = found.loc[(1, "b", "a")]
    assert (difference["low"], difference["median"], difference["high"]) == pytest.approx((0.1, 0.1, 0.1))
    assert found.loc[(1, "a", "b"), "median"] == pytest.approx(-0.1)
    own = found.loc[(1, "b", "")]
    assert own["low"] < own["median"] < own["high"]
    assert set(found["replicates"]) == {10}


def test_a_replicate_that_one_model_lacks_is_left_out_of_the_difference() -> None:
    rows = [
        {"model": model, "other": 1, "replicate": replicate, "metric": "auc", "modality": "", "part": "shared",
         "value": 1.0}
        for model, count in (("a", 3), ("b", 2)) for replicate in range(count)
    ]  # fmt: skip
    found = summarised(pd.DataFrame(rows), ["other"]).set_index(["model", "minus"])["replicates"]
    assert found.to_dict() == {("a", ""): 3, ("a", "b"): 2, ("b", ""): 2, ("b", "a"): 2}
