from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from mmvae_cli.data.formats import Source, modality_names, parse_source, read
from mmvae_cli.data.readers import READERS
from mmvae_cli.errors import DataError, InputNotFoundError, UsageError
from tests.data.objects import small_modality, small_mudata


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "rna.csv").write_text("id,g1,g2\nb,1,2\na,3,4\n")
    (tmp_path / "meth.tsv").write_text("id\tcg1\nc\t5\na\t6\n")
    (tmp_path / "labels.csv").write_text("id,IGHV,age\na,mutated,50\nc,,60\nz,unmutated,70\n")
    (tmp_path / "both.h5mu").write_bytes(b"")
    (tmp_path / "notes.docx").write_text("x")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub.h5mu").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_one_h5mu_or_named_files_are_a_source(folder):
    assert parse_source(["both.h5mu"]) == Source(Path("both.h5mu"), {}, None)
    source = parse_source(["rna=rna.csv", "methylation=meth.tsv", "x=both.h5mu/rna"], "labels.csv")
    assert source.mudata_file is None
    assert list(source.files.items()) == [
        ("rna", Path("rna.csv")),
        ("methylation", Path("meth.tsv")),
        ("x", Path("both.h5mu/rna")),
    ]
    assert source.obs == Path("labels.csv")
    assert modality_names(source) == ["rna", "methylation", "x"]
    assert parse_source([Path("both.h5mu")]).mudata_file == Path("both.h5mu")


def test_an_equals_sign_in_a_path_is_no_name(folder):
    (folder / "run=1").mkdir()
    (folder / "run=1" / "a=b.h5mu").write_bytes(b"")
    assert parse_source([f"{folder}/run=1/a=b.h5mu"]).mudata_file == folder / "run=1" / "a=b.h5mu"
    assert parse_source([f"rna={folder}/run=1/a=b.h5mu/rna"]).files["rna"] == folder / "run=1" / "a=b.h5mu" / "rna"


@pytest.mark.parametrize("suffix", READERS)
def test_every_format_is_known_in_either_case(folder, suffix):
    path = folder / f"x{suffix.upper()}"
    path.write_bytes(b"")
    member = "/rna" if suffix == ".h5mu" else ""
    assert parse_source([f"rna={path}{member}"]).files["rna"] == Path(f"{path}{member}")


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([], "rna=rna.csv"),
        (["rna.csv"], "write rna=rna.csv"),
        (["nowhere.csv"], "write rna=nowhere.csv"),
        (["both.h5mu", "rna=rna.csv"], "one file.h5mu"),
        (["both.h5mu", "both.h5mu"], "one file.h5mu"),
        (["=rna.csv"], "rna=rna.csv"),
        (["rna="], "rna=rna.csv"),
        (["rna=rna.csv", "rna=meth.tsv"], "'rna' is given twice"),
        (["rna=notes.docx"], "unknown format (.docx)"),
        (["notes.docx"], "known: .h5mu"),
        (["rna=both.h5mu"], "rna=both.h5mu/rna"),
        (["both.h5mu/rna"], "write rna=both.h5mu/rna"),
    ],
)
def test_malformed_input_shows_how_it_is_written(folder, inputs, said):
    with pytest.raises(UsageError) as caught:
        parse_source(inputs)
    assert said in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (["bot.h5mu"], "did you mean 'both.h5mu'"),
        (["rna=rnaa.csv"], "did you mean 'rna.csv'"),
        (["rna=rnaa"], "did you mean 'rna.csv'"),
        (["rna=nowhere/rna.csv"], "No such file or directory: nowhere"),
        (["rna=zzz.csv"], "in that folder: both.h5mu, labels.csv, meth.tsv, rna.csv"),
        (["rna=sub/x.csv"], "nothing that can be read"),
        (["sub.h5mu"], "is a folder"),
        ([f"rna={'x' * 300}.csv"], "no such file"),
    ],
)
def test_a_missing_file_names_what_is_near(folder, inputs, said):
    with pytest.raises(InputNotFoundError) as caught:
        parse_source(inputs)
    assert said in str(caught.value)


def test_the_table_of_labels_is_checked_too(folder):
    with pytest.raises(InputNotFoundError, match=r"did you mean 'labels.csv'"):
        parse_source(["both.h5mu"], "label.csv")
    with pytest.raises(UsageError, match="unknown format"):
        parse_source(["rna=rna.csv"], "both.h5mu")


def test_tables_are_joined_by_the_names_of_samples(folder, caplog):
    dataset = read(parse_source(["rna=rna.csv", "meth=meth.tsv"], "labels.csv"))
    assert list(dataset.sample_names) == ["b", "a", "c"], "order of first appearance"
    assert dataset.rows("rna").tolist() == [0, 1, -1]
    assert dataset.rows("meth").tolist() == [-1, 1, 0]
    assert dataset.modalities["rna"].values.tolist() == [[1, 2], [3, 4]]
    assert dataset.obs["IGHV"].tolist()[1] == "mutated"
    assert dataset.obs["IGHV"].isna().tolist() == [True, False, True]
    np.testing.assert_array_equal(dataset.obs["age"], [np.nan, 50, 60])
    assert dataset.path is None
    assert "in no modality, and ignored: 1 of 3 samples" in caplog.text
    assert caplog.records[0].levelno == logging.WARNING


def test_modalities_that_are_not_read_still_count_as_samples(folder):
    (folder / "meth.tsv").write_text("id\tcg1\nc\tno number\na\t6\n")
    dataset = read(parse_source(["rna=rna.csv", "meth=meth.tsv"]), ["rna"])
    assert list(dataset.modalities) == ["rna"]
    assert list(dataset.sample_names) == ["b", "a", "c"]


def test_labels_for_no_sample_at_all_are_refused(folder):
    (folder / "labels.csv").write_text("id,x\nA,1\nB,2\n")
    with pytest.raises(DataError, match="it has A, B, the data have b, a, c"):
        read(parse_source(["rna=rna.csv", "meth=meth.tsv"], "labels.csv"))


def test_labels_beside_an_h5mu_replace_its_columns(folder, caplog):
    small_mudata().write_h5mu(folder / "both.h5mu")
    (folder / "labels.csv").write_text("id,label,age\ns1,new,50\n")
    dataset = read(parse_source(["both.h5mu"], "labels.csv"))
    assert dataset.obs.loc["s1", "label"] == "new"
    assert dataset.obs["label"].notna().sum() == 1
    assert list(dataset.obs.columns) == ["label", "age"]
    assert dataset.path == Path("both.h5mu")
    assert "replaced" in caplog.text


def test_formats_can_be_mixed(folder):
    small_modality("adt").write_h5ad("adt.h5ad")
    (folder / "rna.csv").write_text("id,g1\ns2,1\ns9,2\n")
    dataset = read(parse_source(["rna=rna.csv", "adt=adt.h5ad"]), layers={"adt": "counts"})
    assert list(dataset.sample_names) == ["s2", "s9", "s1"]
    assert dataset.modalities["adt"].layer == "counts"
    with pytest.raises(DataError, match="'rna' has no layers"):
        read(parse_source(["rna=rna.csv", "adt=adt.h5ad"]), layers={"rna": "counts"})


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("cll", {"rna": (136, 5000), "methylation": (196, 4248), "drugs": (184, 310), "mutations": (200, 69)}),
        ("pbmc_cite_mosaic", {"rna": (1200, 500), "adt": (1200, 224)}),
    ],
)
def test_real_files_are_read_as_their_readme_says(shared_data, name, shapes):
    dataset = read(parse_source([shared_data / f"{name}.h5mu"]))
    assert {modality: values.values.shape for modality, values in dataset.modalities.items()} == shapes
    present = [(dataset.rows(modality) >= 0).sum() for modality in shapes]
    assert present == [shape[0] for shape in shapes.values()]
