from __future__ import annotations

import numpy as np
import pandas as pd

from mmvae_cli.evaluation.tables import markdown, median_with_sd, tables

TITLES = {"a": "A", "b": "B"}


def results() -> pd.DataFrame:
    """Three replicates of two models at two sizes, and a part that no table shows."""
    rows = [
        {"model": model, "other": other, "latent": "2+2+2", "metric": metric, "modality": modality, "part": part,
         "value": other / 100 + replicate / 10 + (model == "b")}
        for model in TITLES
        for other in (50, 5)
        for replicate in range(3)
        for metric, modality, part in [("auc", "", "shared"), ("auc", "", "all"), ("r2_cross_median", "rna", "other"),
                                       ("r2_cross_median", "rna", "all")]
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_table_shows_median_and_sd_by_model_and_setting() -> None:
    found = {(table.quantity.metric, table.modality, table.quantity.part): table.shown
             for table in tables(results(), ["other", "latent"], TITLES)}  # fmt: skip
    assert found.keys() == {("auc", "", "shared"), ("r2_cross_median", "rna", "other")}
    table = found["auc", "", "shared"]
    assert list(table) == ["other", "A", "B"]  # latent has one value only
    assert table["other"].tolist() == [5, 50]
    assert table["A"].tolist() == ["0.15 ± 0.10", "0.60 ± 0.10"]
    assert table["B"].tolist() == ["1.15 ± 0.10", "1.60 ± 0.10"]


def test_all_features_are_shown_where_they_are_in_no_sets() -> None:
    without = results()[lambda frame: frame["part"] == "all"]
    assert [table.quantity.part for table in tables(without, ["other"], TITLES)] == ["all"]


def test_sets_that_only_some_models_have_are_not_compared() -> None:
    rows = results()
    in_sets = rows[(rows["model"] == "a") | (rows["part"] != "other")]
    found = {(table.quantity.metric, table.quantity.part) for table in tables(in_sets, ["other"], TITLES)}
    assert found == {("auc", "shared"), ("r2_cross_median", "all")}


def test_a_model_without_results_has_a_dash() -> None:
    frame = results()[lambda frame: ~((frame["model"] == "b") & (frame["other"] == 5))]
    assert tables(frame, ["other"], TITLES)[0].shown["B"].tolist() == ["–", "1.60 ± 0.10"]


def test_one_replicate_has_no_sd_and_zero_no_sign() -> None:
    assert median_with_sd(pd.Series([0.934])) == "0.93"
    assert median_with_sd(pd.Series([-0.0001, 0.0, 0.0])).startswith("0.00 ± ")
    assert median_with_sd(pd.Series([np.nan])) == "–"


def test_markdown_has_a_table_under_each_title() -> None:
    page = markdown(tables(results(), ["other"], TITLES), "Note.")
    assert page.startswith("Note.\n\n## AUC of the label from the shared latents\n\n| other | A | B |\n|---|---|---|\n")
    assert "| 5 | 0.15 ± 0.10 | 1.15 ± 0.10 |\n" in page
    assert "## R² of other features from the other modalities: rna" in page
