"""What is chosen for the values, and what is said of values that do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmvae_cli.data.dataset import Modality
from mmvae_cli.data.formats import Source, read
from mmvae_cli.errors import DataError
from mmvae_cli.pipeline.choices import Choice, choose
from tests.logged import warned

ROWS = {
    "continuous": [-1.5, 0.0, 2.5, 0.25],
    "fractions": [0.0, 0.5, 0.25, 1.0],
    "counts": [0, 1, 5, 2],
    "sparse": [0, 1] * 9 + [2, 0],
    "binary": [0, 1, 1, 0],
}


def modality(*rows: list[float]) -> Modality:
    values = np.array(rows, np.float32)
    samples, features = ([f"{kind}{k}" for k in range(n)] for kind, n in zip("sg", values.shape, strict=True))
    return Modality("rna", values, pd.DataFrame(index=samples), pd.DataFrame(index=features))


def many(kind: str, bad: float) -> Modality:
    """Values of a kind, but for one."""
    values = np.tile(np.array(ROWS[kind], np.float32), (20, 5))
    values[3, 7] = bad
    return modality(*values.tolist())


@pytest.mark.parametrize(
    ("kind", "likelihood", "transform", "expected"),
    [
        ("continuous", None, None, ("zscore", "gaussian")),
        ("fractions", None, None, ("mvalue", "gaussian")),
        ("counts", None, None, ("none", "nb")),
        ("counts", "auto", None, ("none", "nb")),
        ("counts", None, "lognorm", ("lognorm", "gaussian")),
        ("counts", "gaussian", None, ("zscore", "gaussian")),
        ("counts", "zinb", None, ("none", "zinb")),
        ("counts", None, "none", ("none", "nb")),
        ("binary", None, None, ("none", "bernoulli")),
        ("binary", "gaussian", None, ("zscore", "gaussian")),
        ("fractions", None, "zscore", ("zscore", "gaussian")),
        ("sparse", None, None, ("binarize", "bernoulli")),
        ("sparse", None, "none", ("none", "nb")),
        ("sparse", "nb", None, ("none", "nb")),
        ("counts", "bernoulli", None, ("binarize", "bernoulli")),
        ("counts", None, "binarize", ("binarize", "bernoulli")),
        ("fractions", None, "binarize", ("binarize", "bernoulli")),
    ],
)
def test_what_is_left_open_is_chosen_by_the_values(
    kind: str, likelihood: str | None, transform: str | None, expected: tuple[str, str], caplog
) -> None:
    with caplog.at_level("INFO", logger="mmvae_cli"):
        assert choose(modality(ROWS[kind]), likelihood, transform) == Choice(
            "counts" if kind == "sparse" else kind, *expected
        )
    said = "(--likelihood and --transform decide otherwise)" in caplog.text
    assert said == (kind != "continuous" and likelihood in (None, "auto") and transform in (None, "none"))


@pytest.mark.parametrize(
    ("kind", "bad", "would_be", "taken_as"),
    [
        ("counts", -1, "whole counts", "continuous values (gaussian likelihood, transform zscore)"),
        ("counts", 1.5, "whole counts", "continuous values (gaussian likelihood, transform zscore)"),
        ("binary", 0.5, "whole counts", "values between 0 and 1 (gaussian likelihood, transform mvalue)"),
        ("binary", -1, "whole counts", "continuous values (gaussian likelihood, transform zscore)"),
        ("fractions", -0.25, "values between 0 and 1", "continuous values (gaussian likelihood, transform zscore)"),
        ("fractions", 1.25, "values between 0 and 1", "continuous values (gaussian likelihood, transform zscore)"),
    ],
)
def test_one_value_that_decides_for_all_is_warned_about(kind, bad, would_be, taken_as, caplog) -> None:
    choose(many(kind, bad))
    (warning,) = warned(caplog)
    assert f"'rna' would be {would_be} but for 1 of 400" in warning
    assert f"the first {bad:g} at sample 's3', feature 'g7'" in warning
    assert f"It is taken as {taken_as}" in warning


def test_damaged_values_are_warned_about_once(caplog) -> None:
    choose(many("continuous", -999))
    (said,) = caplog.messages
    assert "-999 may stand for missing (1 of 400, the first -999 at sample 's3', feature 'g7'" in said
    caplog.clear()
    choose(many("counts", -999))
    assert len(caplog.messages) == 1
    assert "would be whole counts but for" in caplog.text
    caplog.clear()
    choose(many("counts", -999), transform="zscore")
    assert "-999 may stand for missing" in caplog.text


def test_the_example_data_are_not_warned_about(example_data: Path, caplog) -> None:
    _choose_all(example_data / "cll.h5mu")
    assert not warned(caplog)


def test_published_data_are_not_warned_about(shared_data: Path, caplog) -> None:
    for path in shared_data.glob("*.h5mu"):
        _choose_all(path)
    assert not warned(caplog)


def _choose_all(path: Path) -> None:
    for one in read(Source(mudata_file=path)).modalities.values():
        choose(one)


@pytest.mark.parametrize("asked", [("gaussian", None), ("gaussian", "zscore"), (None, "zscore")])
def test_who_chose_is_not_warned(asked: tuple[str | None, str | None], caplog) -> None:
    choose(many("counts", -1), *asked)
    assert not warned(caplog)


@pytest.mark.parametrize("likelihood", ["nb", "zinb", "poisson"])
@pytest.mark.parametrize("bad", [-1, 1.5])
def test_what_is_no_count_is_refused_with_its_place(likelihood: str, bad: float) -> None:
    with pytest.raises(DataError) as caught:
        choose(many("counts", bad), likelihood)
    assert (
        f"modality 'rna' has values that are not whole counts: 1 of 400, the first {bad:g} at sample 's3', feature 'g7'"
        f"; a {likelihood} likelihood" in str(caught.value)
    )
    assert "--layer rna=LAYER" in caught.value.hint


@pytest.mark.parametrize(("likelihood", "transform"), [("nb", "lognorm"), ("nb", "binarize"), ("gaussian", "binarize")])
def test_a_likelihood_that_does_not_describe_what_a_transform_leaves_is_refused(likelihood, transform) -> None:
    with pytest.raises(DataError, match=f"--transform {transform} leaves no values for a {likelihood} likelihood"):
        choose(modality(ROWS["counts"]), likelihood, transform)


def test_counts_for_a_bernoulli_likelihood_are_binarised_and_it_is_said(caplog) -> None:
    with caplog.at_level("INFO", logger="mmvae_cli"):
        choose(modality(ROWS["counts"]), "bernoulli")
    assert "transform binarize" in caplog.text
    with pytest.raises(DataError, match="not 0 and 1 only"):
        choose(modality(ROWS["counts"]), "bernoulli", "none")


@pytest.mark.parametrize("kind", ["continuous", "fractions"])
def test_what_is_not_binary_is_refused_with_its_place(kind: str) -> None:
    with pytest.raises(DataError, match=r"values that are not 0 and 1 only: \d of 4, the first .* at sample 's0'"):
        choose(modality(ROWS[kind]), "bernoulli")


def test_a_modality_without_any_value_is_no_counts() -> None:
    with pytest.raises(DataError, match="no value at all"):
        choose(modality([np.nan, np.nan]), "nb")


@pytest.mark.parametrize("transform", ["clr", "lognorm"])
def test_transforms_of_counts_on_fractions_are_warned_about(transform: str, caplog) -> None:
    choose(modality(ROWS["fractions"]), None, transform)
    assert f"holds values between 0 and 1, and {transform} is for counts" in caplog.text
    caplog.clear()
    choose(modality(ROWS["counts"]), None, transform)
    assert "is for counts" not in caplog.text
