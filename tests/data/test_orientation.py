from __future__ import annotations

import re
from pathlib import Path

import pytest

from mmvae_cli.data.assemble import whole_mudata
from mmvae_cli.data.formats import parse_source, read
from mmvae_cli.data.validate import require_overlap
from mmvae_cli.errors import DataError, UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "rna.csv").write_text("gene,P1,P2,P3\nTP53,1,2,3\nMYC,4,5,6\n")
    (tmp_path / "meth.csv").write_text("id,cg1,cg2\nP1,7,8\nP2,9,10\nP3,11,12\n")
    (tmp_path / "adt.csv").write_text("id,CD3\nP1,1\nP2,2\n")
    (tmp_path / "cnv.csv").write_text("id,TP53,MYC\nP1,1,2\nP2,2,3\n")
    (tmp_path / "b.csv").write_text("gene,P1,P2,P3\nKRAS,1,2,3\nEGFR,4,5,6\n")
    (tmp_path / "labels.csv").write_text("id,x\nP1,a\nP2,b\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_transposed_table_is_read_with_samples_in_rows(folder):
    source = parse_source(["rna=rna.csv", "meth=meth.csv"], "labels.csv", ["rna"])
    dataset = read(source)
    rna = dataset.modalities["rna"]
    assert rna.values.tolist() == [[1, 4], [2, 5], [3, 6]]
    assert (list(rna.obs.index), list(rna.var.index)) == (["P1", "P2", "P3"], ["TP53", "MYC"])
    assert list(dataset.sample_names) == ["P1", "P2", "P3"]
    assert whole_mudata(source).mod["rna"].X.tolist() == rna.values.tolist()
    assert list(read(source, ["meth"]).annotations["rna"].index) == ["P1", "P2", "P3"]


@pytest.mark.parametrize(
    ("inputs", "obs", "transpose", "said", "hint"),
    [
        (["rna=rna.csv", "meth=meth.csv"], None, [], r"rows of 'rna' \(TP53, MYC\)", "add --transpose rna"),
        (["rna=rna.csv", "meth=meth.csv", "adt=adt.csv"], None, [], r"columns \(P1, P2, P3\)", "add --transpose rna"),
        (["rna=rna.csv"], "labels.csv", [], "rows of 'rna'", "add --transpose rna"),
        (["meth=meth.csv", "adt=adt.csv"], None, ["meth"], "columns of 'meth'", "leave out --transpose meth"),
        (["rna=rna.csv", "cnv=cnv.csv"], None, [], "rows of 'rna'", "add --transpose rna, .* or add --transpose cnv"),
        (["rna=rna.csv", "cnv=cnv.csv"], "labels.csv", [], "rows of 'rna'", "add --transpose rna, if .* columns$"),
        (["rna=rna.csv", "b=b.csv"], "labels.csv", [], "'rna'", "^add --transpose rna --transpose b, if their samples"),
        (["rna=rna.csv", "b=b.csv", "meth=meth.csv"], None, [], "'rna'", "^add --transpose rna --transpose b, if the"),
        (["meth=meth.csv", "adt=adt.csv"], "labels.csv", ["meth", "adt"], "'meth'",
         "^leave out --transpose meth --transpose adt$"),
        (["meth=meth.csv", "b=b.csv"], "labels.csv", ["meth"], "'meth'",
         "^leave out --transpose meth; add --transpose b, if its samples"),
    ],
)  # fmt: skip
def test_a_table_that_lies_wrongly_is_refused_with_the_option(folder, inputs, obs, transpose, said, hint):
    with pytest.raises(DataError, match=said) as caught:
        read(parse_source(inputs, obs, transpose))
    assert re.search(hint, caught.value.hint)


def test_samples_that_are_only_elsewhere_are_no_sign_of_it(folder):
    (folder / "adt.csv").write_text("id,CD3\nQ1,1\nQ2,2\n")
    assert list(read(parse_source(["meth=meth.csv", "adt=adt.csv"])).modalities) == ["meth", "adt"]


def test_two_tables_with_samples_in_columns_are_refused_with_a_hint(folder):
    (folder / "meth.csv").write_text("id,P1,P2\ncg1,7,8\n")
    with pytest.raises(
        DataError, match=r"no sample is in two modalities.*\n.*\(P1, P2\).*add --transpose rna --transpose meth,"
    ):
        require_overlap(read(parse_source(["rna=rna.csv", "meth=meth.csv"])))
    require_overlap(read(parse_source(["rna=rna.csv", "meth=meth.csv"], None, ["rna", "meth"])))


def test_only_a_table_that_is_given_can_be_transposed(folder):
    (folder / "x.h5ad").write_bytes(b"")
    (folder / "x.h5mu").write_bytes(b"")
    with pytest.raises(UsageError, match=r"--transpose x: x.h5ad is no table\n.*here: rna"):
        parse_source(["rna=rna.csv", "x=x.h5ad"], None, ["x"])
    with pytest.raises(UsageError, match="--transpose mehh: nothing of that name"):
        parse_source(["rna=rna.csv"], None, ["mehh"])
    with pytest.raises(UsageError, match=r"--transpose rna: x.h5mu is no table\n.*here: none.*adata.T"):
        parse_source(["x.h5mu"], None, ["rna"])


def test_messages_on_a_transposed_table_call_its_rows_features(folder):
    (folder / "rna.csv").write_text("gene,P1,P2\nTP53,1,x\n")
    with pytest.raises(DataError, match=r"line 2 \(feature 'TP53'\), column 'P2'"):
        read(parse_source(["rna=rna.csv"], None, ["rna"]))
    (folder / "rna.csv").write_text("gene,P1,P2\nTP53,1,2\nTP53,3,4\n")
    with pytest.raises(DataError, match="1 feature name more than once: TP53"):
        read(parse_source(["rna=rna.csv"], None, ["rna"]))
