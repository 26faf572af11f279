"""The shipped example data are what their README says."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import mudata
import numpy as np
import pandas as pd
import pytest

from mmvae_cli.data.quiet import quiet_mudata
from tests.scripts import load_script

REPOSITORY = Path(__file__).resolve().parents[1]
MODALITIES = ("rna", "methylation")
LABELS = ["IGHV", "trisomy12", "Gender", "age"]
MAX_BYTES = 2_000_000


def read(path: Path) -> mudata.MuData:
    with quiet_mudata():
        return mudata.read_h5mu(path)


def read_table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, index_col="sample")


@pytest.fixture(scope="module")
def example(example_data: Path) -> mudata.MuData:
    return read(example_data / "cll.h5mu")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("scripts/make_example_data.py")


def assert_same(left: mudata.MuData, right: mudata.MuData) -> None:
    pd.testing.assert_frame_equal(left.obs, right.obs)
    assert list(left.mod) == list(right.mod)
    for name, modality in left.mod.items():
        other = right.mod[name]
        pd.testing.assert_frame_equal(modality.to_df(), other.to_df())
        pd.testing.assert_frame_equal(modality.var, other.var)
        pd.testing.assert_frame_equal(modality.obs, other.obs)
    assert left.uns["dataset"] == right.uns["dataset"]


def test_it_holds_126_samples_and_1500_features_of_two_modalities(example: mudata.MuData) -> None:
    assert {name: modality.shape for name, modality in example.mod.items()} == dict.fromkeys(MODALITIES, (126, 1500))
    assert all(modality.obs_names.equals(example.obs_names) for modality in example.mod.values())


def test_it_is_small(example_data: Path) -> None:
    assert (example_data / "cll.h5mu").stat().st_size < MAX_BYTES


def test_values_are_32_bit_and_none_is_missing(example: mudata.MuData) -> None:
    for modality in example.mod.values():
        assert modality.X.dtype == np.float32
        assert np.isfinite(modality.X).all()


def test_labels_are_as_the_readme_says(example: mudata.MuData) -> None:
    assert list(example.obs.columns) == LABELS
    assert example.obs["IGHV"].value_counts().to_dict() == {"mutated": 63, "unmutated": 63}
    assert example.obs["trisomy12"].value_counts().to_dict() == {"absent": 90, "present": 17}
    assert example.obs["age"].isna().sum() == 14


def test_nothing_else_came_along(example: mudata.MuData) -> None:
    assert list(example.uns) == ["dataset"]
    for modality in example.mod.values():
        assert list(modality.obs.columns) == []
        assert not modality.uns
        assert not modality.layers


def test_genes_have_symbols_and_unique_ids(example: mudata.MuData) -> None:
    genes = example.mod["rna"].var
    assert genes.index.is_unique
    assert genes.index.str.startswith("ENSG").all()
    assert genes["symbol"].notna().all()


def test_origin_and_licence_travel_with_the_data(example: mudata.MuData, example_data: Path) -> None:
    assert "mofaflex" in example.uns["dataset"]["origin"]
    assert "LGPL-3" in example.uns["dataset"]["licence"]
    notice = (example_data / "LICENSE-DATA").read_text()
    assert "Lesser General Public License" in notice
    assert "Redistributions in binary form must reproduce" in notice


@pytest.mark.parametrize("name", MODALITIES)
def test_tables_agree_with_the_h5mu(name: str, example: mudata.MuData, example_data: Path) -> None:
    table = read_table(example_data / f"{name}.csv")
    full = example.mod[name].to_df()
    assert table.shape == (126, 300)
    assert list(table.index) == list(full.index)
    assert list(table.columns) == [feature for feature in full.columns if feature in set(table.columns)]
    np.testing.assert_allclose(table, full[table.columns], rtol=0, atol=1e-5)


def test_the_table_of_labels_agrees_with_the_h5mu(example: mudata.MuData, example_data: Path) -> None:
    table = read_table(example_data / "labels.csv")
    assert list(table.columns) == LABELS
    assert list(table.index) == list(example.obs_names)
    np.testing.assert_allclose(table["age"], example.obs["age"], rtol=0, atol=1e-4)
    for column in ("IGHV", "trisomy12", "Gender"):
        assert table[column].fillna("").tolist() == example.obs[column].astype(object).fillna("").tolist()


def test_the_most_variable_columns_are_kept_in_their_order(script: ModuleType) -> None:
    values = np.array([[0, 0, 5, 1], [0, 3, 0, 4]], dtype=np.float32)
    assert script.most_variable(values, 2).tolist() == [1, 2]


def test_the_script_makes_the_same_content_again(
    script: ModuleType, shared_data: Path, example_data: Path, tmp_path: Path
) -> None:
    script.main(["--source", str(shared_data / "cll.h5mu"), "--output", str(tmp_path)])
    assert_same(read(tmp_path / "cll.h5mu"), read(example_data / "cll.h5mu"))
    for name in ("rna.csv", "methylation.csv", "labels.csv"):
        assert (tmp_path / name).read_bytes() == (example_data / name).read_bytes()
