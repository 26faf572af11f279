"""Values that do not fit what is asked of them: each refused, or warned about, with message, hint and exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import mmvae_cli
from mmvae_cli.errors import DataError
from tests.cli.commands import QUICK, done, error_lines, mmvae, refused
from tests.cli.test_bad_input import TABLES, train_and_check_refuse

SAMPLE, FEATURE = "s0004", "rna_shared_5"  # of row 3, column 4


@pytest.fixture(scope="session")
def drawn_counts(drawn: Path) -> Path:
    """Counts of rna, beta values of methylation."""
    random = np.random.default_rng(0)
    mdata = mudata.read_h5mu(drawn / "two.h5mu")
    rna, methylation = mdata.mod["rna"], mdata.mod["methylation"]
    rna.X = random.poisson(np.exp(1.0 + 0.5 * rna.X)).astype(np.float32)
    methylation.X = (1.0 / (1.0 + np.exp(-methylation.X))).astype(np.float32)
    mdata.write_h5mu(drawn / "counts.h5mu")
    return drawn / "counts.h5mu"


@pytest.fixture
def spoilt(here: Path, drawn_counts: Path) -> Callable[[Callable[[mudata.MuData], object]], str]:
    """Write the counts with something changed, as spoilt.h5mu."""

    def spoil(how: Callable[[mudata.MuData], object]) -> str:
        mdata = mudata.read_h5mu(drawn_counts)
        how(mdata)
        mdata.write_h5mu("spoilt.h5mu")
        return "spoilt.h5mu"

    return spoil


def entry(name: str, value: float) -> Callable[[mudata.MuData], object]:
    return lambda mdata: mdata.mod[name].X.__setitem__((3, 4), value)


def log_lines(command_line: str) -> str:
    """Stderr of a command that must succeed."""
    return done(command_line).err


@pytest.mark.parametrize("value", [-1, 1.5])
@pytest.mark.parametrize("likelihood", ["nb", "zinb", "poisson"])
def test_negative_and_fractional_counts_are_refused(value: float, likelihood: str, spoilt) -> None:
    train_and_check_refuse(
        f"{spoilt(entry('rna', value))} --likelihood rna={likelihood}", 65,
        f"modality 'rna' has values that are not whole counts: 1 of 2,400, the first {value:g} at sample '{SAMPLE}', "
        f"feature '{FEATURE}'; a {likelihood} likelihood cannot describe them",
        "mend them, name other values with --layer rna=LAYER, or use another --likelihood",
    )  # fmt: skip


@pytest.mark.parametrize("value", [-1, 1.5])
def test_negative_and_fractional_counts_are_not_taken_for_continuous_values_silently(value: float, spoilt) -> None:
    for command in ("check", "train"):
        err = log_lines(f"{command} {spoilt(entry('rna', value))} {QUICK if command == 'train' else ''}")
        assert f"warning: modality 'rna' would be whole counts but for 1 of 2,400, the first {value:g} at sample" in err
        assert "It is taken as continuous values (gaussian likelihood, transform zscore): mend these values" in err


@pytest.mark.parametrize("value", [-0.01, 1.01])
def test_beta_values_outside_their_range(value: float, spoilt) -> None:
    name = spoilt(entry("methylation", value))
    err = log_lines(f"check {name}")
    assert "warning: modality 'methylation' would be values between 0 and 1 but for 1 of 2,400, the first" in err
    assert f"{value:g} at sample '{SAMPLE}', feature 'methylation_shared_5'" in err
    train_and_check_refuse(
        f"{name} --transform methylation=mvalue", 65, "1 value outside 0..1", "--transform methylation=zscore"
    )


def test_beta_values_of_exactly_0_and_1_are_moved_in_and_counted(spoilt) -> None:
    def edges(mdata: mudata.MuData) -> None:
        mdata.mod["methylation"].X[:3, 0], mdata.mod["methylation"].X[3:5, 1] = 0.0, 1.0

    err = log_lines(f"train {spoilt(edges)} {QUICK}")
    assert "modality 'methylation': 5 of 2,400 beta values set to 0.001 or 0.999" in err
    done("predict --from rna --to methylation")
    assert np.isfinite(mudata.read_h5mu("spoilt.h5mu").mod["methylation"].layers["mmvae_from_rna"]).all()


def test_samples_without_a_single_count_are_warned_about(spoilt) -> None:
    err = log_lines(f"train {spoilt(lambda mdata: mdata.mod['rna'].X.__setitem__(slice(2), 0))} {QUICK}")
    assert "warning: modality 'rna': 2 samples without a single count, of which nothing can be said" in err
    mdata = mudata.read_h5mu("spoilt.h5mu")
    assert np.isfinite(mdata.obsm["X_mmvae"]).all()
    done("evaluate")
    done("predict --from rna --to methylation")


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
def test_features_without_a_single_count_are_left_out(make, spoilt) -> None:
    def silence(mdata: mudata.MuData) -> None:
        mdata.mod["rna"].X[:, 4] = 0
        mdata.mod["rna"].X = make(mdata.mod["rna"].X)

    result = done(f"train {spoilt(silence)} {QUICK}")
    assert f"left out 1 feature, constant in the training samples: {FEATURE}" in result.err
    assert "29 of 30" in result.out


def test_a_modality_of_zeros_alone_is_refused(spoilt) -> None:
    train_and_check_refuse(
        spoilt(lambda mdata: mdata.mod["rna"].X.fill(0)),
        65,
        "modality 'rna' has the same value everywhere, 0",
        "--modalities",
    )


def test_modalities_without_a_common_sample_are_refused(tables: Path) -> None:
    table = pd.read_csv("rna.csv", index_col=0)
    table.set_axis([f"x{name}" for name in table.index]).to_csv("rna.csv")
    train_and_check_refuse(
        TABLES, 65,
        "no sample is in two modalities: 'rna' has xs0001, xs0002, xs0003; 'methylation' has s0001, s0002, s0003",
        "samples are matched by name: use the same names in every modality",
    )  # fmt: skip


def test_one_modality_of_three_without_a_common_sample_is_warned_about(three: Path) -> None:
    whole = mudata.read_h5mu(three)
    other = whole.mod["c"].copy()
    other.obs_names = [f"x{name}" for name in other.obs_names]
    mudata.MuData({"a": whole.mod["a"], "b": whole.mod["b"], "c": other}).write_h5mu("apart.h5mu")
    err = log_lines(f"train apart.h5mu {QUICK}")
    assert "warning: modality 'c' shares no sample with any other modality" in err
    assert np.isfinite(mudata.read_h5mu("apart.h5mu").obsm["X_mmvae"]).all()


def test_a_layer_that_does_not_exist_is_refused(spoilt) -> None:
    name = spoilt(lambda mdata: mdata.mod["rna"].layers.__setitem__("counts", mdata.mod["rna"].X.copy()))
    train_and_check_refuse(
        f"{name} --layer rna=count", 65, "unknown layer 'count' in modality 'rna'", "did you mean 'counts'? allowed"
    )
    train_and_check_refuse(
        f"{name} --layer methylation=counts", 65,
        "modality 'methylation' has no layers, so there is no 'counts'", "X is read then",
    )  # fmt: skip
    done(f"train {name} --layer rna=counts {QUICK}")


def test_a_modality_with_a_slash_in_its_name_is_refused(spoilt, tmp_path: Path) -> None:
    name = spoilt(lambda mdata: None)
    whole = mudata.read_h5mu(name)
    slashed = mudata.MuData({"rna/counts": whole.mod["rna"], "methylation": whole.mod["methylation"]})
    with h5py.File(name, "r+") as file:  # as mudata wrote it while anndata allowed that
        file.move("mod/rna", "mod/moved")
        file.move("mod/moved", "mod/rna/counts")
        file["mod"].attrs["mod-order"] = ["rna/counts", "methylation"]
    said, hint = "modality 'rna/counts' has a / in its name", "such as 'rna_counts'"
    train_and_check_refuse(name, 65, said, hint)
    with pytest.raises(DataError, match=f"{said}.*\n.*{hint}"):
        mmvae_cli.train(slashed, run=str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_slash_in_a_name_on_the_command_line_is_refused(tables: Path) -> None:
    said = "the name of a modality can't have a / in it: 'rna/counts=rna.csv'"
    train_and_check_refuse("rna/counts=rna.csv methylation=methylation.csv", 2, said, "write rna_counts=rna.csv")
    Path("a=b").mkdir()
    Path("rna.csv").rename("a=b/rna.csv")
    done("check rna=a=b/rna.csv methylation=methylation.csv")


@pytest.mark.parametrize("batch_size", [1000, 55, 1])
def test_batches_of_any_size_are_trained(batch_size: int, spoilt) -> None:
    """More than there are samples; one sample left over (of 56); single samples."""
    name = spoilt(lambda mdata: None)
    result = done(f"train {name} --epochs 2 --threads 1 --batch-size {batch_size}")
    assert "on 56 training samples" in result.out
    assert np.isfinite(mudata.read_h5mu(name).obsm["X_mmvae"]).all()


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
def test_infinite_values_are_refused_with_their_place(value: float, make, spoilt) -> None:
    def spoil(mdata: mudata.MuData) -> None:
        mdata.mod["rna"].X[3, 4] = value
        mdata.mod["rna"].X = make(mdata.mod["rna"].X)

    train_and_check_refuse(
        spoilt(spoil), 65,
        f"modality 'rna' has 1 infinite value in 1 sample and 1 feature, the first at sample '{SAMPLE}', "
        f"feature '{FEATURE}'",
        "replace them (a logarithm of 0",
    )  # fmt: skip


def test_missing_values_of_a_sparse_matrix_are_refused_with_the_cure(spoilt) -> None:
    def spoil(mdata: mudata.MuData) -> None:
        mdata.mod["rna"].X[3, 4] = np.nan
        mdata.mod["rna"].X = sparse.csr_matrix(mdata.mod["rna"].X)

    train_and_check_refuse(spoilt(spoil), 65, "1 missing (NaN) value", FEATURE, "store the modality dense")


def test_values_too_large_for_a_model_are_named(spoilt) -> None:
    def spoil(mdata: mudata.MuData) -> None:
        mdata.mod["rna"].X = mdata.mod["rna"].X * 1e4
        mdata.mod["rna"].X[:, 4] *= 1e4

    command = f"train {spoilt(spoil)} --likelihood rna=gaussian --transform rna=none {QUICK}"
    refused(command, 65, "not finite in epoch 1", f"modality 'rna', feature '{FEATURE}'", "--transform rna=lognorm")


def test_a_table_without_names_of_samples_is_refused(tables: Path) -> None:
    table = pd.read_csv("rna.csv", index_col=0)
    table.to_csv("rna.csv", index=False)
    result = mmvae(f"check {TABLES}")
    assert result.code == 65
    assert "here it holds numbers, which look like values" in "\n".join(error_lines(result.err))
