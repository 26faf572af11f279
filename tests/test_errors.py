from __future__ import annotations

import pytest

from mmvae_cli import errors
from mmvae_cli.errors import (
    CannotCreateError,
    CannotWriteError,
    DataError,
    InputNotFoundError,
    MmvaeError,
    OutOfMemoryError,
    UsageError,
    counted_of,
    did_you_mean,
    listed,
    pick,
)

EXIT_CODES = {
    MmvaeError: 70,
    UsageError: 2,
    DataError: 65,
    InputNotFoundError: 66,
    CannotCreateError: 73,
    CannotWriteError: 74,
    OutOfMemoryError: 137,
}


@pytest.mark.parametrize(("kind", "code"), EXIT_CODES.items())
def test_every_error_has_its_exit_code_and_a_place_in_the_tree(kind: type[MmvaeError], code: int) -> None:
    assert kind.exit_code == code
    assert issubclass(kind, MmvaeError)
    drawn = [line for line in errors.__doc__.splitlines() if kind.__name__ in line.split()]
    assert len(drawn) == 1
    assert str(code) in drawn[0].split()


def test_no_error_is_left_out_of_the_exit_codes() -> None:
    assert {MmvaeError, *MmvaeError.__subclasses__()} == set(EXIT_CODES)


def test_message_is_what_was_found_then_the_hint() -> None:
    assert str(DataError("3 samples are too few", hint="at least 10 are needed")) == (
        "3 samples are too few\nat least 10 are needed"
    )
    assert str(DataError("3 samples are too few")) == "3 samples are too few"


@pytest.mark.parametrize(
    ("name", "said"),
    [("ran", "did you mean 'rna'? "), ("RNA", "did you mean 'rna'? "), ("ighv", "did you mean 'IGHV'? "), ("xyz", "")],
)
def test_nearest_name_is_suggested_whatever_its_case(name: str, said: str) -> None:
    assert did_you_mean(name, ["rna", "atac", "IGHV"]) == said


def test_counts_have_thousands_set_apart_and_a_noun_in_number() -> None:
    assert counted_of(0, 1, "sample") == "0 of 1 sample"
    assert counted_of(1200, 7560, "feature") == "1,200 of 7,560 features"
    assert listed(map(str, range(1500)), most=1) == "0, … (1,500 in all)"


def test_long_lists_are_cut_and_counted() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(map(str, range(13))) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, … (13 in all)"
    assert listed(["a", "b", "c"], most=2) == "a, b, … (3 in all)"
    assert listed([]) == ""


def test_pick_gives_the_name_or_what_it_is_an_alias_of() -> None:
    assert pick("rna", ["rna", "atac"], "modality") == "rna"
    assert pick("gex", ["rna", "atac"], "modality", aliases={"gex": "rna"}) == "rna"
    assert pick("rna", iter(["rna", "atac"]), "modality") == "rna"


@pytest.mark.parametrize("kind", EXIT_CODES)
def test_pick_raises_the_error_asked_for_with_the_nearest_and_the_allowed_names(kind: type[MmvaeError]) -> None:
    with pytest.raises(kind) as caught:
        pick("rnaa", ["rna", "atac"], "modality", error=kind)
    assert type(caught.value) is kind
    assert str(caught.value) == "unknown modality 'rnaa'\ndid you mean 'rna'? allowed: rna, atac"


def test_pick_suggests_aliases_too() -> None:
    with pytest.raises(DataError) as caught:
        pick("mmvae+", ["mvae", "mopoe"], "model", aliases={"mmvae++": "mopoe"})
    assert "did you mean 'mmvae++'?" in caught.value.hint


def test_pick_without_names_still_says_what_was_asked() -> None:
    with pytest.raises(DataError, match="unknown layer 'counts'"):
        pick("counts", [], "layer")
