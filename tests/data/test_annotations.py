from __future__ import annotations

import mudata
import numpy as np
import pandas as pd
import pytest

from mmvae_cli.data.annotations import column_names, find_column
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.formats import Source, read
from mmvae_cli.errors import DataError
from tests.data.objects import pulling, small_modality


def dataset(obs: dict[str, object], **own: pd.DataFrame) -> Dataset:
    return Dataset({}, pd.DataFrame(obs, index=["s1", "s2", "s3"]), own)


def own(samples: str, **columns: object) -> pd.DataFrame:
    return pd.DataFrame(columns, index=samples.split())


def test_the_whole_comes_before_the_modalities():
    data = dataset({"label": ["a", "b", "c"]}, rna=own("s2 s1", label=["x", "y"]))
    assert find_column(data, "label").tolist() == ["a", "b", "c"]
    assert find_column(data, "rna:label").tolist()[:2] == ["y", "x"], "aligned by name"
    assert np.isnan(find_column(data, "rna:label")["s3"])


def test_the_modality_s_own_column_comes_before_a_copy_in_the_whole():
    data = dataset({"rna:label": ["old", "old", "old"], "adt:label": ["p", "q", "r"]}, rna=own("s1", label=["new"]))
    assert find_column(data, "rna:label")["s1"] == "new"
    assert find_column(data, "adt:label").tolist() == ["p", "q", "r"], "the copy is all there is"


def test_modalities_that_agree_complete_each_other():
    data = dataset({}, rna=own("s2 s1", label=["b", "a"]), adt=own("s3 s2", label=["c", "b"]))
    assert find_column(data, "label").tolist() == ["a", "b", "c"]
    data = dataset({}, rna=own("s2 s1", age=[2, 1]), adt=own("s3 s2", age=[3.0, np.nan]))
    column = find_column(data, "age")
    assert column.dtype == np.float64
    assert column.tolist() == [1, 2, 3]


def test_modalities_that_contradict_each_other_are_refused_with_the_remedy():
    data = dataset({}, rna=own("s2 s1", label=["b", "a"]), adt=own("s3 s2", label=["c", "x"]))
    with pytest.raises(DataError, match=r"for sample 's2': 'b' and, in 'adt', 'x'\n.*rna:label or adt:label"):
        find_column(data, "label")
    assert find_column(data, "adt:label").tolist()[1:] == ["x", "c"]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (pd.Categorical(["a", None, "b"]), object, ["a", None, "b"]),
        (pd.Categorical([1, 2, 1]), np.int64, [1, 2, 1]),
        (pd.Categorical([1, None, 2]), np.float64, [1, None, 2]),
        (pd.array([True, None, False], dtype="boolean"), object, [True, None, False]),
        (pd.array([True, True, False], dtype="boolean"), bool, [True, True, False]),
        (pd.array([1, None, 2], dtype="Int64"), np.float64, [1, None, 2]),
        (pd.array(["a", None, "b"], dtype="string"), object, ["a", None, "b"]),
        (np.array([1, 2, 3], dtype=np.int8), np.int64, [1, 2, 3]),
        (np.array([1, 2, np.nan], dtype=np.float32), np.float64, [1, 2, None]),
        (np.array([None, None, None]), np.float64, [None, None, None]),
    ],
)
def test_columns_of_every_type_become_plain(values, dtype, expected):
    for data, name in ((dataset({"x": values}), "x"), (dataset({}, rna=own("s1 s2 s3", x=values)), "x")):
        column = find_column(data, name)
        assert column.dtype == dtype
        assert list(column.index) == ["s1", "s2", "s3"]
        assert [None if pd.isna(value) else value for value in column] == expected
        assert not any(value is None or value is pd.NA for value in column), "missing is nan"


def test_booleans_with_missing_samples_stay_booleans():
    column = find_column(dataset({}, rna=own("s1 s3", x=[True, False])), "x")
    assert column["s1"] is True
    assert pd.isna(column["s2"])


def test_an_unknown_column_suggests_the_nearest_of_all():
    data = dataset({"age": [1, 2, 3]}, rna=own("s1", IGHV=["a"]))
    with pytest.raises(DataError, match="unknown label 'IGVH'\ndid you mean 'IGHV'"):
        find_column(data, "IGVH", "label")
    with pytest.raises(DataError, match="did you mean 'rna:IGHV'"):
        find_column(data, "rna:IGV")
    assert column_names(data) == ["age", "IGHV", "rna:IGHV"]
    with pytest.raises(DataError, match=r"no columns\n.*--obs labels.csv"):
        find_column(dataset({}), "IGHV")


def test_duplicated_samples_make_a_column_ambiguous():
    with pytest.raises(DataError, match=r"modality 'rna': sample names more than once.*: s1"):
        find_column(dataset({}, rna=own("s1 s1", x=[1, 2])), "x")


@pytest.mark.parametrize("pulled", [True, False])
@pytest.mark.parametrize("as_file", [True, False])
def test_columns_mudata_pulls_are_found_alike(tmp_path, pulled, as_file):
    rna, atac = small_modality("rna"), small_modality("atac")
    rna.obs["label"] = ["c", "a", "d", "b"]
    with pulling(pulled):
        mdata = mudata.MuData({"rna": rna, "atac": atac})
        mdata.write_h5mu(tmp_path / "a.h5mu")
    data = read(Source(tmp_path / "a.h5mu") if as_file else mdata)
    for name in ("label", "rna:label"):
        assert find_column(data, name).dropna().to_dict() == {"s1": "a", "s2": "b", "s3": "c", "s4": "d"}
