from __future__ import annotations

from dataclasses import replace

import pytest

from tests.training.helpers import RECIPE


def test_beta_rises_as_in_the_paper_with_a_warm_up_over_all_epochs() -> None:
    recipe = replace(RECIPE, epochs=50, warmup=1.0)
    expected = [1e-5 + (1 - 1e-5) * epoch / 49 for epoch in range(50)]
    assert [recipe.beta_at(epoch) for epoch in range(50)] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("epochs", "warmup", "beta", "expected"),
    [
        (10, 0.5, 2.0, [2e-5, 0.5, 1.0, 1.5, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]),
        (4, 0.0, 0.7, [0.7] * 4),
        (1, 1.0, 1.0, [1.0]),
        (3, 1.0, 0.0, [0.0] * 3),
    ],
)
def test_beta_has_its_value_from_the_end_of_the_warm_up(
    epochs: int, warmup: float, beta: float, expected: list[float]
) -> None:
    recipe = replace(RECIPE, epochs=epochs, warmup=warmup, beta=beta)
    assert [recipe.beta_at(epoch) for epoch in range(epochs)] == pytest.approx(expected, abs=2e-5)
    assert recipe.beta_at(recipe.warmup_epochs - 1) == beta
