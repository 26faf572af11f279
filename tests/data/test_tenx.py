from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import sparse

from mmvae_cli.data.assemble import whole_mudata
from mmvae_cli.data.formats import modality_names, parse_source, read
from mmvae_cli.errors import DataError, InputNotFoundError, UsageError
from tests.data.tenx_files import CELLS, FEATURES, counts, put, write_folder, write_h5, write_old_h5

KINDS: dict[str, Callable[[Path], Path]] = {
    "x.h5": write_h5,
    "folder": write_folder,
    "plain folder": lambda folder: write_folder(folder, compressed=False),
    "GEO": lambda folder: write_folder(folder, prefix="GSM1_") / "GSM1_matrix.mtx.gz",
    "GEO plain": lambda folder: write_folder(folder, prefix="GSM1_", compressed=False) / "GSM1_matrix.mtx",
}


@pytest.fixture(params=KINDS)
def place(request, tmp_path: Path) -> Path:
    return KINDS[request.param](tmp_path / request.param)


def dense(values: object) -> np.ndarray:
    return values.toarray() if sparse.issparse(values) else np.asarray(values)


def test_each_type_of_features_is_a_modality(place):
    source = parse_source([place])
    assert modality_names(source) == ["rna", "adt", "atac"]
    dataset = read(source)
    assert list(dataset.sample_names) == CELLS
    for name, columns in {"rna": [0, 1, 2], "adt": [3], "atac": [4]}.items():
        np.testing.assert_array_equal(dense(dataset.modalities[name].values), counts()[:, columns])
        assert dataset.modalities[name].values.dtype == np.float32
    assert list(dataset.modalities["adt"].var.index) == ["CD3_TotalSeqB"]


def test_genes_that_share_a_name_are_told_apart_by_their_identifier(place):
    var = read(parse_source([place])).modalities["rna"].var
    assert list(var.index) == ["CD3E", "TBCE_ENSG2", "TBCE_ENSG3"]
    assert list(var["gene_ids"]) == ["ENSG1", "ENSG2", "ENSG3"]


def test_a_name_or_what_stands_behind_the_place_says_which_features(place):
    dataset = read(parse_source([f"rna={place}", f"protein={place}/adt", f"open={place}/Peaks"]))
    widths = {name: modality.n_features for name, modality in dataset.modalities.items()}
    assert widths == {"rna": 3, "protein": 1, "open": 1}
    assert list(read(parse_source([f"rna={place}", f"protein={place}/adt"]), ["rna"]).modalities) == ["rna"]


def test_types_are_never_mixed_and_unknown_ones_are_named(place):
    with pytest.raises(DataError, match=r"several types of features, and 'cells' is none of them\nsay which: cells="):
        read(parse_source([f"cells={place}", f"adt={place}"]))
    with pytest.raises(DataError, match=r"no features of the type 'adtt'\ndid you mean 'adt'"):
        read(parse_source([f"rna={place}", f"x={place}/adtt"]))
    with pytest.raises(DataError, match="has no layers"):
        read(parse_source([place]), layers={"rna": "counts"})


def test_one_type_may_have_any_name(tmp_path):
    only = write_h5(tmp_path / "x.h5", FEATURES[:3])
    assert read(parse_source([f"nuclei={only}"])).modalities["nuclei"].n_features == 3


@pytest.mark.parametrize("write", [write_h5, write_folder])
def test_a_type_without_a_name_is_refused_alone_and_read_by_its_own(tmp_path, write):
    place = write(tmp_path / "x.h5" if write is write_h5 else tmp_path / "x", [*FEATURES, ("m1", "m1", "Metabolite")])
    with pytest.raises(DataError, match=r"has no name here: Metabolite\nname each modality: new=.*x.*/'Metabolite'"):
        parse_source([place])
    dataset = read(parse_source([f"rna={place}", f"new={place}/Metabolite"]))
    assert list(dataset.modalities["new"].var.index) == ["m1"]


def test_values_and_names_are_those_that_scanpy_reads(tmp_path):
    import scanpy

    for path in (write_h5(tmp_path / "new.h5"), write_old_h5(tmp_path / "old.h5")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that are not unique
            expected = scanpy.read_10x_h5(path, gex_only=False)
        found = read(parse_source([path]))
        values = np.hstack([dense(modality.values) for modality in found.modalities.values()])
        np.testing.assert_array_equal(values, expected.X.toarray())
        assert list(found.sample_names) == list(expected.obs_names)
        identifiers = [gene for modality in found.modalities.values() for gene in modality.var["gene_ids"]]
        assert identifiers == list(expected.var["gene_ids"])


def test_the_tables_of_cell_ranger_2_and_of_atac_are_known(tmp_path):
    folder = write_folder(tmp_path / "old", compressed=False)
    (folder / "features.tsv").unlink()
    put(folder / "genes.tsv", "".join(f"{feature[0]}\t{feature[1]}\n" for feature in FEATURES).encode())
    assert modality_names(parse_source([folder])) == ["rna"]
    (folder / "genes.tsv").unlink()
    put(folder / "peaks.bed", b"chr1\t1\t9\n" * 4 + b"chr2\t3\t8\n")
    assert modality_names(parse_source([folder])) == ["atac"]
    assert read(parse_source([folder])).modalities["atac"].var.index[-1] == "chr2:3-8"


def _without(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def _cut(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:40])


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        (_without("matrix.mtx.gz"), InputNotFoundError, r"lacks matrix.mtx\[.gz\]"),
        (_without("barcodes.tsv.gz"), InputNotFoundError, r"lacks barcodes.tsv\[.gz\]"),
        (_without("features.tsv.gz"), InputNotFoundError, r"lacks features.tsv\[.gz\] or genes.tsv\[.gz\]"),
        (_cut("matrix.mtx.gz"), DataError, "matrix.mtx.gz cannot be read"),
        (_cut("features.tsv.gz"), DataError, "features.tsv.gz cannot be read"),
        (lambda folder: put(folder / "matrix.mtx.gz", b"no matrix\n"), DataError, "matrix.mtx.gz cannot be read"),
        (lambda folder: put(folder / "features.tsv.gz", b"\xff\xfe\n"), DataError, "no table of names"),
        (
            lambda folder: put(folder / "barcodes.tsv.gz", b"AAAC-1\nAAAG-1\n"),
            DataError,
            "has 5 features and 4 cells, its names are of 5 features and 2 cells",
        ),
    ],
)
def test_a_folder_that_lacks_a_file_or_holds_a_damaged_one(tmp_path, spoil, error, said):
    folder = write_folder(tmp_path / "filtered")
    spoil(folder)
    with pytest.raises(error, match=said) as caught:
        read(parse_source([folder]))
    assert caught.value.hint


def _rewrite(key: str, content: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            del file[f"matrix/{key}"]
            if content is not None:
                file[f"matrix/{key}"] = content

    return change


def _halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_halve, "truncated"),
        (lambda path: path.write_bytes(b"text"), "not an HDF5 file"),
        (_rewrite("barcodes", None), "no feature-barcode matrix of 10x Genomics"),
        (_rewrite("barcodes", np.array(["A"], "S")), "5 features and 4 cells, its names are of 5 features and 1 cells"),
        (_rewrite("indptr", np.arange(3)), "cannot be read"),
        (_rewrite("indices", np.full(len(sparse.csr_matrix(counts()).data), 99)), "damaged|cannot be read"),
        (_rewrite("features/feature_type", None), "cannot be read"),
        (lambda path: write_old_h5(path, ("hg19", "mm10")), "several genomes: hg19, mm10"),
    ],
)
def test_a_damaged_file(tmp_path, spoil, said):
    path = write_h5(tmp_path / "x.h5")
    spoil(path)
    with pytest.raises(DataError, match=said) as caught:
        read(parse_source([path]))
    assert caught.value.hint


def test_what_is_no_10x_folder_or_file_is_refused(tmp_path):
    (tmp_path / "x").mkdir()
    put(tmp_path / "x" / "counts.mtx", b"")
    with pytest.raises(InputNotFoundError, match="is a folder"):
        parse_source([tmp_path / "x"])
    with pytest.raises(DataError, match="not named like a matrix"):
        parse_source([tmp_path / "x" / "counts.mtx"])
    with pytest.raises(InputNotFoundError, match="no such file"):
        parse_source([tmp_path / "y.h5"])
    path = write_h5(tmp_path / "x.h5")
    with pytest.raises(UsageError, match="beside other input"):
        parse_source([path, f"adt={path}"])
    with pytest.raises(UsageError, match="addresses one modality"):
        parse_source([path / "rna"])


def test_every_file_of_a_folder_counts_as_read(tmp_path):
    folder = write_folder(tmp_path / "filtered")
    assert parse_source([folder]).paths() == [
        folder / f"{name}.gz" for name in ("matrix.mtx", "features.tsv", "barcodes.tsv")
    ]
    path = write_h5(tmp_path / "x.h5")
    assert parse_source([path]).paths() == [path]


def test_results_stand_beside_what_was_read(place):
    mdata = whole_mudata(parse_source([place]))
    assert list(mdata.mod) == ["rna", "adt", "atac"]
    assert list(mdata.obs_names) == CELLS
    np.testing.assert_array_equal(dense(mdata.mod["rna"].X), counts()[:, :3])
