from __future__ import annotations

import numpy as np
import pytest

from mmvae_cli.data.confounding import counts_by_modality, determination
from mmvae_cli.data.labels import Label

NAN = float("nan")


def classes(*codes: float) -> Label:
    return Label("x", "categorical", tuple("abc"), np.array(codes, dtype=float))


def numbers(*values: float) -> Label:
    return Label("x", "continuous", (), np.array(values, dtype=float))


@pytest.mark.parametrize(
    ("known", "guessed", "expected"),
    [
        (classes(0, 0, 1, 1, 2, 2), classes(0, 0, 1, 1, 0, 0), 1.0),  # every batch has one class
        (classes(0, 0, 1, 1, 0, 0), classes(0, 0, 1, 1, 2, 2), 0.5),
        (classes(0, 1, 0, 1), classes(0, 0, 1, 1), 0.0),
        (classes(0, 0, NAN, 1, 1), classes(0, 0, 1, 1, NAN), 1.0),
        (classes(0, 0, 1, 1), numbers(1, 1, 3, 3), 1.0),
        (classes(0, 0, 1, 1), numbers(1, 3, 1, 3), 0.0),
        (numbers(1, 2, 3, 4), numbers(2, 4, 6, 8), 1.0),
        (numbers(1, 2, 3, 4, 5, 6, 7, 8), classes(0, 0, 0, 0, 1, 1, 1, 1), 1.0),
        (classes(0, 0, 0), classes(0, 1, 2), 0.0),
        (classes(NAN), classes(0), 0.0),
    ],
)
def test_determination_is_the_share_of_errors_saved(known: Label, guessed: Label, expected: float) -> None:
    assert determination(known, guessed) == pytest.approx(expected)


def test_counts_are_of_each_category_with_each_modality() -> None:
    observed = np.array([[True, False], [True, True], [False, True], [True, True]])
    assert counts_by_modality(classes(0, 0, 1, NAN), observed).tolist() == [[2, 1], [0, 1], [0, 0]]
