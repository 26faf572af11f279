from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmvae_cli.data.formats import parse_source, read
from mmvae_cli.data.readers import READERS
from mmvae_cli.errors import DataError, InputNotFoundError, UsageError

PARQUET = READERS[".parquet"]


@pytest.fixture
def write(tmp_path: Path):
    pytest.importorskip("pyarrow", reason="pyarrow, which reads Parquet, is an optional dependency and not installed")

    def put(frame: pd.DataFrame, name: str = "x.parquet", **options: object) -> Path:
        frame.to_parquet(tmp_path / name, **options)
        return tmp_path / name

    return put


def test_without_pyarrow_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match="pyarrow, which is not installed") as caught:
        read(parse_source([f"rna={tmp_path / 'x.parquet'}"]))
    assert "pip install 'mmvae-cli[parquet]'" in caught.value.hint


def test_names_are_the_index_or_else_the_first_column(write):
    table = pd.DataFrame({"g1": [1, 2], "g2": [0.5, np.nan]}, index=["001", "NA"])
    for path in (write(table), write(table.reset_index(), index=False)):
        modality = PARQUET.modality(path, "rna", None)
        assert list(modality.obs.index) == ["001", "NA"]
        assert list(modality.var.index) == ["g1", "g2"]
        np.testing.assert_array_equal(modality.values, np.array([[1, 0.5], [2, np.nan]], dtype=np.float32))
        assert list(PARQUET.annotations(path, "rna").index) == ["001", "NA"]


def test_whole_numbers_are_names_as_text(write):
    path = write(pd.DataFrame({"sample": [7, 8], "g": [1.0, 2.0]}))
    assert list(PARQUET.annotations(path, "rna").index) == ["7", "8"]


def test_a_transposed_table_and_a_csv_go_together(write, tmp_path):
    path = write(pd.DataFrame({"P1": [1, 2], "P2": [3, 4]}, index=["TP53", "MYC"]))
    (tmp_path / "meth.csv").write_text("id,cg1\nP1,1\nP2,2\n")
    inputs = [f"rna={path}", f"meth={tmp_path / 'meth.csv'}"]
    with pytest.raises(DataError, match="add --transpose rna"):
        read(parse_source(inputs))
    source = parse_source(inputs, None, ["rna"])
    assert read(source).modalities["rna"].values.tolist() == [[1, 2], [3, 4]]
    assert list(read(source, ["meth"]).annotations["rna"].index) == ["P1", "P2"]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame({"id": ["a"], "g": ["high"]}), "the column 'g' holds .* values, not numbers"),
        (pd.DataFrame({"id": ["a", "a"], "g": [1, 2]}), "1 sample name more than once: a"),
        (pd.DataFrame({"id": ["a", None], "g": [1, 2]}), "1 sample names are missing"),
        (pd.DataFrame({"g1": [0.5], "g2": [1.0]}), "the first column, 'g1', holds decimals"),
        (pd.DataFrame({"id": ["a"]}), "one column only"),
        (pd.DataFrame({"id": [], "g": []}), "no rows"),
        (pd.DataFrame({"g": [1]}, index=pd.MultiIndex.from_tuples([("a", "b")])), "an index of several columns"),
    ],
)
def test_a_table_that_cannot_be_used(write, frame, said):
    with pytest.raises(DataError, match=said) as caught:
        PARQUET.modality(write(frame), "rna", None)
    assert caught.value.hint


def test_a_damaged_or_missing_file_and_a_layer(write):
    path = write(pd.DataFrame({"g": [1.0]}, index=["a"]))
    with pytest.raises(DataError, match="has no layers"):
        PARQUET.modality(path, "rna", "counts")
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match="cannot be read"):
        PARQUET.modality(path, "rna", None)
    with pytest.raises(InputNotFoundError, match="no such file"):
        PARQUET.modality(path.parent / "y.parquet", "rna", None)
