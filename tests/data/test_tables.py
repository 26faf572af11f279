from __future__ import annotations

import csv
import gzip
import logging
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmvae_cli.data.delimited import MISSING
from mmvae_cli.data.readers import TABLE
from mmvae_cli.data.tables import read_annotations, read_table
from mmvae_cli.errors import DataError, InputNotFoundError


@pytest.fixture
def write(tmp_path: Path):
    def _write(text: str | bytes, name: str = "t.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return _write


def refused(path: Path, reader=read_table) -> str:
    with pytest.raises(DataError) as caught:
        reader(path)
    assert str(path) in str(caught.value)
    assert caught.value.hint, "every error says what to do"
    assert len(str(caught.value).splitlines()) == 2
    return str(caught.value)


def test_names_stay_text_exactly_as_written(write):
    ids = ["001", "1", "1e5", "1E5", "100000", "NA", "nan", "None", " s ", "TRUE"]
    table = read_table(write("id,g\n" + "".join(f"{name},{i}\n" for i, name in enumerate(ids))))
    assert table.names == ids
    np.testing.assert_array_equal(table.values[:, 0], np.arange(len(ids)))
    assert table.columns == ["g"]
    assert table.values.dtype == np.float32


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt", ".tab"])
def test_the_delimiter_is_found_whatever_the_suffix(write, delimiter, suffix, caplog):
    caplog.set_level(logging.INFO, "mmvae_cli")
    table = read_table(write(f"id{delimiter}a{delimiter}b\ns1{delimiter}1{delimiter}2\n", f"t{suffix}"))
    assert table.columns == ["a", "b"]
    assert table.values.tolist() == [[1, 2]]
    usual = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": delimiter}[suffix]
    assert bool(caplog.records) == (delimiter != usual)


def test_delimiters_within_names_do_not_mislead(write):
    table = read_table(write("id;1,2-DAG;2,3,4-TAG\ns1;1;2\n"))
    assert table.columns == ["1,2-DAG", "2,3,4-TAG"]
    assert read_table(write('id,"a;b;c;d"\n"s,1",1\n')).columns == ["a;b;c;d"]


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfid,a,b\r\ns1,1,2\r\n",
        b'"","a","b"\n"s1",1,2\n',
        b"id,a,b\rs1,1,2\r",
        b"\n\nid,a,b\n\ns1,1,2",
        b"a,b\ns1,1,2\n",
        gzip.compress(b"id,a,b\ns1,1,2\n"),
    ],
    ids=["BOM and CRLF", "quoted", "CR", "blank lines, no last newline", "header of write.table in R", "gzip"],
)
def test_what_programs_write_is_read_alike(write, text):
    for name in ("t.csv", "t.csv.gz"):
        if name.endswith(".gz") and text[:2] != b"\x1f\x8b":
            continue
        table = read_table(write(text, name))
        assert (table.names, table.columns, table.values.tolist()) == (["s1"], ["a", "b"], [[1, 2]])


def test_missing_cells_are_nan(write):
    cells = sorted(MISSING)
    table = read_table(write("id,a,b\n" + "".join(f"s{i},{cell},1\n" for i, cell in enumerate(cells))))
    assert np.isnan(table.values[:, 0]).all()
    assert (table.values[:, 1] == 1).all()


def test_values_too_large_are_infinite_for_the_validation_to_find(write):
    assert np.isinf(read_table(write("id,a,b\ns1,1e300,-inf\n")).values).all()


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_decimal_commas_are_converted_and_said(write, caplog, delimiter):
    caplog.set_level(logging.INFO, "mmvae_cli")
    text = "id;a;b\ns1;1,5;2\ns2;NA;-,5e1\n".replace(";", delimiter)
    table = read_table(write(text, "t.txt"))
    np.testing.assert_array_equal(table.values, [[1.5, 2], [np.nan, -5]])
    assert "decimal comma" in caplog.text


@pytest.mark.parametrize("cell", ["2.5", "1.000,5", "1,000,5"])
def test_decimal_commas_beside_points_are_refused(write, cell):
    assert f"line 3 (sample 's2'), column 'b': '{cell}' is not a number" in refused(
        write(f"id;a;b\ns1;1,5;2\ns2;1;{cell}\n")
    )


@pytest.mark.parametrize("cell", ["abc", "1_000", "#N/A!", "TRUE", "0x1A", "1 2"])
def test_a_cell_that_is_no_number_is_named(write, cell):
    message = refused(write(f'id,TP53,MYC\ns1,1,2\n\n"s 2",1,{cell}\n'))
    assert f"line 4 (sample 's 2'), column 'MYC': {cell!r} is not a number" in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no rows"),
        ("\n\n", "has no rows"),
        ("id,a,b\n", "has no rows"),
        ("id\ns1\ns2\n", "one column only"),
        ("id a b\ns1 1 2\n", "one column only"),
        ("id,a,b\ns1,1,2\ns2,1\n", "line 3: 2 cells, the header promises 3"),
        ("id,a,b\ns1,1,2\ns2,1,2,3\n", "line 3: 4 cells, the header promises 3"),
        ("id,a,b\ns1,1,2\n,1,2\n", "line 3: no name of the sample"),
        ("id,a,b\ns1,1,2,\n", "lines end with a comma"),
        ("id,a,b,\ns1,1,2,\n", "column 4 has no name"),
        ("id,a,b,a\ns1,1,2,3\n", "1 feature name more than once: a"),
        ("id,a\ns1,1\ns2,1\ns1,2\n", "1 sample name more than once: s1"),
        ('id,a\ns1,1\ns2,"1\n', "line"),
        ("id,a\ns1,1\nsé2,1\n".encode("latin-1"), "not UTF-8 text"),
        ("id,a\ns1,1\n".encode("utf-16"), "not UTF-8 text"),
        ("id,a\ns1,1\n".encode("utf-16-le"), "not a text table"),
    ],
)
def test_bad_tables_are_refused_with_the_place(write, text, said):
    assert said in refused(write(text))


def test_files_named_gz_must_be_gzip_and_complete(write):
    assert "not compressed with gzip" in refused(write("id,a\ns1,1\n", "t.csv.gz"))
    whole = gzip.compress(b"id,a\n" + b"".join(b"s%d,%d\n" % (i, i * i) for i in range(5000)))
    assert "cannot be read" in refused(write(whole[:-2000], "t.csv.gz"))
    assert "cannot be read" in refused(write(whole[:100] + b"\0" * 50 + whole[150:], "t.csv.gz"))


def test_folders_and_missing_files_are_not_found(tmp_path):
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(InputNotFoundError, match="no such file"):
            read_table(path)


def test_wide_headers_are_no_stray_field(write):
    names = [f"feature_{i:07d}" for i in range(20_000)]  # longer than csv takes as one field
    table = read_table(write("id," + ",".join(names) + "\ns1," + ",".join(["1"] * len(names)) + "\n"))
    assert table.columns == names


def test_annotations_are_numbers_only_where_every_cell_is(write):
    labels = read_annotations(
        write("id,age,class,code,none\n001,71.5,a,1,NA\n1e5,,NA,2,\nNA,60,,x,nan\nN/A,1,N/A,NA,null\nz,2,None,3,None\n")
    )
    assert list(labels.index) == ["001", "1e5", "NA", "N/A", "z"]
    assert list(labels.columns) == ["age", "class", "code", "none"]
    assert labels["age"].dtype == np.float64
    assert labels["none"].dtype == np.float64
    np.testing.assert_array_equal(labels["age"], [71.5, np.nan, 60, 1, 2])
    assert labels["code"].tolist()[:3] == ["1", "2", "x"], "text stays as written"
    assert labels["class"].tolist()[0] == "a"
    assert labels["class"].isna().tolist() == [False, True, True, True, True]


def test_annotations_take_decimal_commas_with_semicolons(write):
    labels = read_annotations(write("id;age;note\ns1;71,5;a,b\ns2;2;c\n"))
    assert labels["age"].tolist() == [71.5, 2]
    assert labels["note"].tolist() == ["a,b", "c"]


@pytest.mark.parametrize("text", ["id,a,a\ns1,1,2\n", "id,a\ns1,1\ns1,2\n", "id\ns1\n", "id,a\ns1,1,2,3\n"])
def test_bad_annotations_are_refused(write, text):
    refused(write(text), read_annotations)


def test_a_table_has_no_layers(write):
    path = write("id,a\ns1,1\n")
    with pytest.raises(DataError, match="modality 'rna' has no layers"):
        TABLE.modality(path, "rna", "counts")
    assert list(TABLE.modality(path, "rna", None).var.index) == ["a"]


def test_samples_alone_are_read_without_looking_at_values(write):
    assert list(TABLE.annotations(write("id,a\ns2,x\ns1,1\n"), "rna").index) == ["s2", "s1"]


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(TEXT.filter(str.strip), min_size=1, max_size=4, unique=True),
    columns=st.lists(TEXT.filter(str.strip), min_size=1, max_size=4, unique=True),
    data=st.data(),
)
def test_what_pandas_writes_comes_back(tmp_path, names, columns, data):
    number = st.floats(width=32, allow_nan=True, allow_infinity=False)
    values = np.array([[data.draw(number) for _ in columns] for _ in names], dtype=np.float32)
    path = tmp_path / "t.csv"
    pd.DataFrame(values, index=names, columns=columns).to_csv(path, index_label="id", quoting=csv.QUOTE_NONNUMERIC)
    table = read_table(path)
    assert table.names == names
    assert table.columns == columns
    np.testing.assert_allclose(table.values, values, rtol=1e-6)


@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.one_of(st.binary(max_size=60), st.text('ab01,;\t\n\r".eE-_ NA', max_size=40).map(str.encode)))
def test_any_bytes_end_in_a_table_or_one_error(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_bytes(text)
    for reader in (read_table, read_annotations):
        with suppress(DataError):
            reader(path)
