from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mmvae_cli.data.updates import SLOTS, Layout, checked

LAYOUT = Layout(
    ("rna", "atac"),
    {
        "obs": (3, None),
        "mod/rna/obs": (2, "cell"),
        "mod/rna/var": (4, "_index"),
        "mod/atac/obs": (1, None),
    },
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("obsm/rna", np.zeros((3, 1))),  # presence masks
        ("mod/rna/obsm/atac", np.zeros((2, 1))),
        ("obsm", np.zeros((3, 1))),
        ("obsm/", np.zeros((3, 1))),
        ("obsm/a/b", np.zeros((3, 1))),
        ("obs/a/b", np.zeros(3)),
        ("uns", {"a": 1}),
        ("uns//a", 1),
        ("", 1),
        ("mod", 1),
        ("mod/rna", 1),
        ("mod/protein/obsm/a", np.zeros((3, 1))),
        ("mod/rna/X", np.zeros((2, 4))),
        ("mod/rna/obsp/a", np.zeros((2, 2))),
        ("var/a", np.zeros(3)),
        ("varm/a", np.zeros((3, 1))),
        ("layers/a", np.zeros((3, 4))),
        ("obsmap/rna", np.zeros(3)),
        ("obs/_index", np.zeros(3)),
        ("obs/__categories", np.zeros(3)),
        ("mod/rna/obs/cell", np.zeros(2)),
    ],
)
def test_a_place_that_is_not_for_results_is_refused(path: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{path}: "):
        checked({path: value}, LAYOUT)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("obsm/a", np.zeros((2, 1))),
        ("obsm/a", np.zeros(3)),
        ("obsm/a", np.zeros((3, 1, 1))),
        ("obsm/a", np.full((3, 1), "x")),
        ("obsm/a", np.full((3, 1), None)),
        ("obsm/a", np.zeros((3, 1), dtype=complex)),
        ("obs/a", np.zeros(2)),
        ("obs/a", np.zeros((3, 1))),
        ("obs/a", np.full((3, 1), "x")),
        ("obs/a", None),
        ("obs/a", 1.0),
        ("obs/a", np.array(["x", 1, None], dtype=object)),
        ("obs/a", np.array(["2020-01-01"] * 3, dtype="datetime64[D]")),
        ("mod/rna/var/a", np.zeros(2)),
        ("mod/rna/varm/a", np.zeros((2, 4))),
        ("mod/rna/layers/a", np.zeros((4, 2))),
        ("uns/a", None),
        ("uns/a", (1, 2)),
        ("uns/a", [{"b": 1}]),
        ("uns/a", b"bytes"),
        ("uns/a", {"b": None}),
        ("uns/a", {"b": {"c": (1,)}}),
        ("uns/a", {"b/c": 1}),
        ("uns/a", {1: 1}),
        ("uns/a", ["x", None]),
        ("uns/a", [[1], [2, 3]]),
        ("uns/a", np.array([object()])),
        ("uns/a", 1j),
    ],
)
def test_a_value_that_does_not_fit_its_place_or_the_format_is_refused(path: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        checked({path: value}, LAYOUT)


@pytest.mark.parametrize(
    "value",
    [
        ["b", "", "a"],
        np.array(["b", "", "a"]),
        np.array(["b", None, "a"], dtype=object),
        np.array(["b", np.nan, "a"], dtype=object),
        pd.Series(["b", None, "a"], index=["z", "y", "x"]),
        pd.Series(["b", pd.NA, "a"], dtype="string"),
        pd.Series(["b", "", "a"], dtype="category"),
        pd.Categorical(["b", "", "a"]),
        pd.Categorical(["b", None, "a"]),
        pd.Index(["b", "", "a"]),
    ],
)
def test_text_of_every_kind_becomes_the_same_categorical(value: object) -> None:
    (update,) = checked({"obs/a": value}, LAYOUT)
    pd.testing.assert_extension_array_equal(update.value, pd.Categorical(["b", None, "a"], categories=["a", "b"]))


def test_own_categories_and_their_order_are_kept() -> None:
    value = pd.Categorical(["low", "high", "low"], categories=["low", "mid", "high"], ordered=True)
    (update,) = checked({"obs/a": value}, LAYOUT)
    pd.testing.assert_extension_array_equal(update.value, value)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("make", [np.asarray, pd.Series])
def test_numbers_keep_their_type(dtype: type, make: type) -> None:
    (update,) = checked({"obs/a": make(np.array([0, 1, 1], dtype=dtype))}, LAYOUT)
    assert isinstance(update.value, np.ndarray)
    assert update.value.dtype == dtype


def test_every_slot_of_a_modality_is_allowed_and_of_the_file_three() -> None:
    shapes = {(): 1.0, ("obs",): np.zeros((2, 1)), ("var",): np.zeros((4, 1)), ("obs", "var"): np.zeros((2, 4))}
    for name, slot in SLOTS.items():
        value = np.asarray(shapes[slot.axes])
        checked({f"mod/rna/{name}/a": value[:, 0] if slot.is_column else value}, LAYOUT)
    assert {name for name, slot in SLOTS.items() if slot.is_global} == {"obs", "obsm", "uns"}
