from __future__ import annotations

import logging
import re

import numpy as np
import pandas as pd
import pytest

from mmvae_cli.data.dataset import Dataset, Modality
from mmvae_cli.data.names import DAMAGES, are_values, dates, other_versions, warn_of_names


def said(caplog, samples: list[str], features: list[str]) -> list[str]:
    obs, var = (pd.DataFrame(index=pd.Index(names, dtype=object)) for names in (samples, features))
    modality = Modality("rna", np.zeros((len(obs), len(var)), dtype=np.float32), obs, var)
    warn_of_names(Dataset({"rna": modality}, obs))
    assert all(record.levelno == logging.WARNING for record in caplog.records)
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    "name",
    ["1-Mar", "2-Sep", "10-SEP", "Mar-01", "DEC-01", "2021-03-01", "2021-03-01 00:00:00", "01/03/2021", "1-Mar-21",
     "Sep 2", "2-Sept", "2 Sep", "Mar-2001", "2021/03/01", "2021/3/1", "2. Mrz", "01. Mrz", "1-Okt", "Mrz 01", "4-Mär"],
)  # fmt: skip
def test_what_excel_makes_of_gene_names_is_found(name):
    assert dates([name, "TP53"]) == [name]


@pytest.mark.parametrize(
    "name",
    ["MARCH1", "SEPT2", "DEC1", "SEPTIN2", "Oct-4", "OCT-3/4", "HLA-A", "chr1:1-20", "cg00000029", "1-2", "ENSG1.12",
     "OCT 4", "Oct4", "1-Marker", "Mar-20010", "2021/03-01", "10/11", "2. Gen"],
)  # fmt: skip
def test_names_of_genes_and_sites_are_no_dates(name):
    assert dates([name]) == []


def test_numbers_of_days_are_dates_among_names_but_not_among_identifiers():
    assert dates(["44256", "TP53", "MYC"]) == ["44256"]
    assert dates(["44256", "7157", "4609"]) == []


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["0.12", "-1.5", "3.5e-05", "2"], True),
        (["0,12", "1,5"], True),
        (["1", "2", "3"], False),
        (["1.0", "2.0"], False),
        (["0.5", "P1"], False),
        ([], False),
    ],
)
def test_values_in_place_of_names_are_told_from_numbered_samples(names, expected):
    assert are_values(names) is expected


@pytest.mark.parametrize(
    ("samples", "features", "expected"),
    [
        (["a"], ["1-Mar", "2-Sep", "3-Dec", "1-Dec"], "4 feature names like dates.*: 1-Mar, 2-Sep, 3-Dec, …"),
        (["1.00E+05", "b"], ["g"], r"1 sample name in scientific notation.*: 1.00E\+05"),
        (["a"], ["2.31E+13"], "feature name in scientific"),
        (["a"], ["7E5", "TP53"], "1 feature name in scientific notation.*: 7E5"),
        (["1.0", "2.0"], ["g"], "2 sample names with .0 at the end"),
        (["0", "1", "2", "3"], ["g"], "4 sample names that only number the rows.*: 0, 1, 2, …"),
        (["1", "2", "3", "4"], ["g"], "4 sample names that only number the rows"),
        ([" a", "b "], ["g"], "2 sample names with blanks at an end.*: ' a', 'b '"),
        (["a"], ["Tp53", "TP53", "x"], "2 feature names differing by case.*: 'Tp53', 'TP53'"),
    ],
)
def test_each_kind_of_damage_is_one_line(caplog, samples, features, expected):
    (line,) = said(caplog, samples, features)
    assert line.startswith("modality 'rna': ")
    assert re.search(expected, line), line


def test_names_without_damage_and_odd_names_are_left_in_peace(caplog):
    assert said(caplog, ["001", "1e5", "NA", "1.0", "AAAC-1", "TCGA-01"], ["ENSG00000141510.17", "TP53", "1"]) == []
    assert said(caplog, ["2", "1", "3", "0"], ["0", "1", "2", "3"]) == [], "numbers in an order of their own; features"
    assert said(caplog, ["1D3", "1E3", "2E12"], ["g"]) == [], "wells of plates"


def test_there_is_at_most_one_line_per_kind_and_modality(caplog):
    names = ["1-Mar", " 1-mar", "1.0E+05", "a", "A ", "2.0"] * 3
    assert len(said(caplog, names, names)) <= 2 * len(DAMAGES)


def test_identifiers_that_differ_by_their_version_only_are_found():
    there = ["ENSG00000000003.15", "ENSMUSG00000000001", "NM_000546", "TP53", "AC012345.2", "ENSG00000000005"]
    lacking = ["ENSG00000000003.14", "ENSMUSG00000000001.4", "NM_000546.6", "TP53.1", "AC012345.1", "ENSG00000000419.1"]
    assert other_versions(lacking, there) == dict(zip(lacking[:3], there[:3], strict=True))
    assert other_versions(["ENSG00000000003"], there) == {"ENSG00000000003": "ENSG00000000003.15"}
    assert other_versions(["ENSG00000000005"], there) == {}
