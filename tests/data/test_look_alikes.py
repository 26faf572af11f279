"""Classes that look the same and are not."""

from __future__ import annotations

import logging

import pytest

from mmvae_cli.data.look_alikes import LOOKS_LIKE, warn_of_alike
from tests.logged import warned


def said(classes: list[str], caplog) -> list[str]:
    caplog.clear()
    warn_of_alike(dict.fromkeys(classes, 3), "label 'IGHV'", logging.getLogger("mmvae_cli"))
    return warned(caplog)


@pytest.mark.parametrize(
    ("twin", "shown"),
    [
        ("mut\u0430ted", r"'mut\u0430ted'"),  # a Cyrillic a
        ("MUT\u0391TED", r"'MUT\u0391TED'"),  # a Greek A
        ("\uff4dutated", r"'\uff4dutated'"),  # a wide m
        ("mutated\u200b", r"'mutated\u200b'"),  # a blank without width
    ],
)
def test_letters_of_another_script_are_shown_by_their_number(twin: str, shown: str, caplog) -> None:
    (warning,) = said(["mutated", twin, "unmutated"], caplog)
    assert warning.startswith("label 'IGHV' has classes that look alike")
    assert f"{shown} (3 samples)" in warning
    assert "'mutated' (3 samples)" in warning
    assert "unmutated" not in warning


def test_dashes_are_alike(caplog) -> None:
    assert len(said(["T-cell", "T\u2013cell"], caplog)) == 1


def test_classes_of_one_script_or_with_letters_of_another_are_fine(caplog) -> None:
    assert said(["γδ T", "αβ T", "CD4", "Müller", "Muller", "мутация", "норма"], caplog) == []


def test_classes_that_differ_by_case_are_not_named_twice(caplog) -> None:
    (warning,) = said(["a", "A"], caplog)
    assert "letter case or blanks" in warning


def test_every_look_alike_is_no_ascii_and_stands_for_one_that_is() -> None:
    assert all(one > 127 and ord(chr(other)) < 128 for one, other in LOOKS_LIKE.items())
