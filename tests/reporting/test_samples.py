from __future__ import annotations

import base64

import numpy as np
import pandas as pd

from mmvae_cli.reporting.samples import MOST_CLASSES, MOST_COLUMNS, OTHERS, chosen_columns, encoded


def table(n_samples: int = 200, **columns: object) -> pd.DataFrame:
    return pd.DataFrame(columns, index=[f"s{number}" for number in range(n_samples)])


def test_the_label_comes_first_and_columns_that_tell_nothing_are_left_out() -> None:
    found = chosen_columns(
        table(batch=["a", "b"] * 100, constant=1.0, name=[f"n{i}" for i in range(200)], label=["x", "y"] * 100),
        ["label"],
    )
    assert list(found.columns) == ["label", "batch"]
    assert found.left_out == ("constant", "name")


def test_columns_beyond_what_a_page_holds_are_named() -> None:
    many = {f"c{number}": ["a", "b"] * 100 for number in range(MOST_COLUMNS + 2)}
    found = chosen_columns(table(**many), [])
    assert len(found.columns.columns) == MOST_COLUMNS
    assert found.left_out == (f"c{MOST_COLUMNS}", f"c{MOST_COLUMNS + 1}")


def test_rare_classes_are_taken_together_and_missing_values_have_none() -> None:
    values: list[object] = ["common"] * 100 + [f"rare {number}" for number in range(40)] * 2 + [None] * 20
    (column,) = encoded(chosen_columns(table(label=values), []))["columns"]
    assert len(column["classes"]) == MOST_CLASSES + 1
    assert column["classes"][-1] == OTHERS
    codes = np.frombuffer(base64.b64decode(column["values"]["u1"]), "u1")
    assert (codes[-20:] == 255).all()
    assert column["classes"][codes[0]] == "common"


def test_numbers_stay_numbers_and_few_whole_ones_are_classes_in_their_order() -> None:
    age = np.linspace(20, 80, 200)
    columns = encoded(chosen_columns(table(age=age, cluster=[10, 9, 2, 1] * 50), []))["columns"]
    assert [column["kind"] for column in columns] == ["number", "class"]
    assert columns[1]["classes"] == ["1", "2", "9", "10"]


def test_names_of_very_many_samples_are_left_out() -> None:
    assert encoded(chosen_columns(table(label=["x", "y"] * 100), []))["names"][:2] == ["s0", "s1"]
    many = table(20_001, label=["x"] + ["y"] * 20_000)
    assert encoded(chosen_columns(many, []))["names"] is None
