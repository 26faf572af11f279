"""Input that is no .h5mu: 10x matrices, tables with features in rows."""

from __future__ import annotations

from pathlib import Path

import mudata
import numpy as np
import pandas as pd
import pytest

from tests.cli.commands import QUICK, done, mmvae, refused
from tests.data.tenx_files import write_folder, write_h5

TABLES = "rna=rna.csv methylation=methylation.csv"
WIDE = [(f"ENSG{i}", f"G{i}", "Gene Expression") for i in range(12)]
WIDE += [(f"P{i}", f"P{i}", "Antibody Capture") for i in range(6)]
BARCODES = [f"CELL{i:02}-1" for i in range(60)]


def _turn(name: str) -> None:
    pd.read_csv(name, index_col=0).T.to_csv(name)


def test_a_10x_file_is_trained_on_and_used_whole(here: Path) -> None:
    write_h5(here / "pbmc.h5", WIDE, BARCODES)
    assert list(done("check pbmc.h5 --json").json["modalities"]) == ["rna", "adt"]
    done(f"train pbmc.h5 --transform rna=lognorm --transform adt=clr {QUICK}")
    result = mudata.read_h5mu("mmvae_run/result.h5mu")
    assert result.obs_names.tolist() == BARCODES
    assert set(result.mod["rna"].var["feature_types"]) == {"Gene Expression"}
    done("evaluate")
    done("predict pbmc.h5 --from rna --to adt -o adt.csv")
    assert pd.read_csv("adt.csv", index_col=0).shape == (60, 6)
    done("embed rna=pbmc.h5 protein=pbmc.h5/adt -o embedded.h5mu")


def test_a_10x_folder_is_one_input_or_one_modality(here: Path) -> None:
    write_folder(here / "filtered")
    assert list(mmvae("check filtered --modalities rna,adt --json").json["modalities"]) == ["rna", "adt"]
    assert mmvae("check rna=filtered p=filtered/adt --json").json["modalities"]["p"]["features"] == 1
    (here / "filtered" / "barcodes.tsv.gz").unlink()
    refused(f"train filtered {QUICK}", 66, "filtered lacks barcodes.tsv[.gz]")


def test_transpose_gives_what_the_table_the_other_way_round_gives(tables: Path) -> None:
    done(f"train {TABLES} --run expected {QUICK}")
    _turn("rna.csv")
    _turn("methylation.csv")
    Path("options.yaml").write_text("transpose: [rna, methylation]\n")
    done(f"train {TABLES} --transpose rna --transpose methylation --run flags {QUICK}")
    done(f"train {TABLES} --config options.yaml --run yaml {QUICK}")
    expected, *found = (mudata.read_h5mu(f"{run}/result.h5mu") for run in ("expected", "flags", "yaml"))
    for result in found:
        np.testing.assert_array_equal(expected.obsm["X_mmvae"], result.obsm["X_mmvae"])
        np.testing.assert_array_equal(expected.mod["rna"].X, result.mod["rna"].X)
    done("evaluate --run flags")
    done("predict rna.csv --run flags --from rna --to methylation --transpose rna -o new.csv")
    assert len(pd.read_csv("new.csv", index_col=0)) == expected.n_obs
    refused("predict rna.csv --run flags --from rna --to methylation -o x.csv", 65, "add --transpose rna")
    refused("evaluate --run flags --transpose rna", 2, "--transpose is for tables")


@pytest.mark.parametrize(
    ("turned", "option", "words"),
    [("rna.csv", "", "add --transpose rna"), ("", "--transpose rna", "leave out --transpose rna")],
)
def test_a_table_that_lies_wrongly_is_refused(tables: Path, turned: str, option: str, words: str) -> None:
    if turned:
        _turn(turned)
    refused(f"train {TABLES} {option} {QUICK}", 65, "of 'rna'", words)
    assert mmvae(f"check {TABLES} {option}").code == 65


def test_only_tables_can_be_transposed(two: Path, tables: Path) -> None:
    refused("check two.h5mu --transpose rna", 2, "--transpose rna", "name=table.csv")
    refused(f"check {TABLES} --transpose nope", 2, "--transpose nope", "rna, methylation")


def test_a_benchmark_reads_transposed_tables(tables: Path) -> None:
    _turn("rna.csv")
    options = f"--models mean --replicates 1 --jobs 1 {QUICK}"
    refused(f"benchmark {TABLES} {options}", 65, "add --transpose rna")
    done(f"benchmark {TABLES} --transpose rna {options}")


def test_names_that_excel_damaged_are_warned_of_once(tables: Path) -> None:
    table = pd.read_csv("rna.csv", index_col=0)
    table.rename(columns={table.columns[0]: "1-Mar", table.columns[1]: "2-Sep"}).to_csv("rna.csv")
    result = done(f"train {TABLES} {QUICK}")
    assert result.err.count("warning: modality 'rna': 2 feature names like dates") == 1
    assert "1-Mar, 2-Sep" in result.err
