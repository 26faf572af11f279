"""Bad input is refused in one or two lines, with its exit code, and nothing is written or changed."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import mudata
import numpy as np
import pandas as pd
import pytest

from tests.cli.commands import QUICK, done, error_lines, mmvae, refused, state
from tests.limits import largest_file

TABLES = "rna=rna.csv methylation=methylation.csv"


def train_and_check_refuse(arguments: str, code: int, *words: str) -> None:
    """Training is refused, and ``check`` says the same beforehand."""
    refused(f"train {arguments} {QUICK}", code, *words)
    before = state(Path.cwd())
    result = mmvae(f"check {arguments}")
    assert result.code == code
    assert all(word in "\n".join(error_lines(result.err)) for word in words)
    assert state(Path.cwd()) == before


# Files that are no data


def _truncated(data: Path) -> None:
    content = data.read_bytes()
    data.write_bytes(content[: len(content) // 2])


FILES: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "truncated": (_truncated, ("truncated",)),
    "empty": (lambda data: data.write_bytes(b""), ("not an HDF5 file",)),
    "text": (lambda data: data.write_text("sample,a\n1,2\n"), ("not an HDF5 file",)),
    "gzip": (lambda data: data.write_bytes(gzip.compress(data.read_bytes())), ("not an HDF5 file",)),
    "h5ad": (lambda data: mudata.read_h5mu(data).mod["rna"].write_h5ad(data), ("AnnData", "rna=")),
}


@pytest.mark.parametrize("kind", FILES)
def test_file_that_is_no_h5mu(kind: str, two: Path) -> None:
    spoil, words = FILES[kind]
    spoil(two)
    train_and_check_refuse("two.h5mu", 65, "two.h5mu", *words)


@pytest.mark.parametrize("bad", ["nope.h5mu", "rna=nope.csv methylation=methylation.csv", f"{TABLES} --obs nope.csv"])
def test_no_such_file(bad: str, tables: Path) -> None:
    train_and_check_refuse(bad, 66, "no such file: nope")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "no input"),
        ("rna.csv", "rna=rna.csv"),
        ("example.h5mu rna=rna.csv", "without a name"),
        ("rna=rna.csv rna=methylation.csv", "twice"),
        ("rna=rna.csv methylation.csv", "does not say which"),
        ("rna=", "malformed"),
        ("notes.docx", "unknown format"),
    ],
)
def test_arguments_that_name_no_data(arguments: str, words: str, tables: Path) -> None:
    Path("notes.docx").write_text("")
    train_and_check_refuse(arguments, 2, words)


def test_folder_in_place_of_a_file(here: Path) -> None:
    (here / "folder.h5mu").mkdir()
    train_and_check_refuse("folder.h5mu", 66, "is a folder")


# Tables


def _change(name: str, how: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    how(pd.read_csv(name, index_col=0)).to_csv(name)


def _with_cell(table: pd.DataFrame, value: object) -> pd.DataFrame:
    table = table.astype(object)
    table.iloc[2, 3] = value
    return table


WRONG_TABLES: dict[str, tuple[Callable[[], object], tuple[str, ...]]] = {
    "duplicated sample": (lambda: _change("rna.csv", lambda t: pd.concat([t, t.iloc[:1]])), ("rna.csv", "s0001")),
    "text": (lambda: _change("rna.csv", lambda t: _with_cell(t, "high")), ("rna.csv", "rna_shared_4", "s0003", "high")),
    "infinite": (lambda: _change("rna.csv", lambda t: _with_cell(t, "inf")), ("s0003", "rna_shared_4")),
    "no rows": (lambda: Path("rna.csv").write_text("sample,a,b\n"), ("rna.csv", "no rows")),
    "nothing": (lambda: Path("rna.csv").write_text(""), ("rna.csv",)),
    "transposed": (lambda: _change("rna.csv", lambda t: t.T), ("transpose",)),
    "short line": (lambda: Path("rna.csv").write_text("s,a,b\ns0001,1,2\ns0002,1\n"), ("rna.csv", "line 3")),
    "other samples": (lambda: _change("rna.csv", lambda t: t.set_axis([f"x{s}" for s in t.index])), ("no sample",)),
    "other labels": (lambda: _change("labels.csv", lambda t: t.set_axis([f"x{s}" for s in t.index])), ("labels.csv",)),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG_TABLES)
def test_wrong_table_is_named_with_the_place(kind: str, tables: Path) -> None:
    spoil, words = WRONG_TABLES[kind]
    spoil()
    train_and_check_refuse(f"{TABLES} --obs labels.csv --label label", 65, *words)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_and_a_byte_order_mark_are_understood(separator: str, tables: Path) -> None:
    done(f"train {TABLES} --run expected {QUICK}")
    pd.read_csv("rna.csv", index_col=0).to_csv("rna.csv", sep=separator, encoding="utf-8-sig")
    done(f"train {TABLES} --run found {QUICK}")
    expected, found = (mudata.read_h5mu(f"{run}/result.h5mu").obsm["X_mmvae"] for run in ("expected", "found"))
    np.testing.assert_array_equal(expected, found)


def test_odd_sample_names_are_kept_as_text(tables: Path) -> None:
    odd = ["1e5", "100000", "NA", "001", "1", "nan", "None", "1.0"]
    for name in ("rna.csv", "methylation.csv"):
        _change(name, lambda table: table.set_axis([*odd, *table.index[len(odd) :]]))
    done(f"train {TABLES} {QUICK}")
    result = mudata.read_h5mu("mmvae_run/result.h5mu")
    assert result.obs_names[: len(odd)].tolist() == odd
    assert result.n_obs == 80


# Data that cannot be used

Change = Callable[[str, Callable[[mudata.MuData], object]], Path]


def _entry(value: float) -> Callable[[mudata.MuData], object]:
    return lambda mdata: mdata.mod["rna"].X.__setitem__((3, 4), value)


def test_missing_and_infinite_entries_are_counted_and_placed(changed: Change) -> None:
    changed("nan.h5mu", _entry(np.nan))
    changed("inf.h5mu", _entry(np.inf))
    train_and_check_refuse(
        "nan.h5mu --missing-values error", 65, "1 missing (NaN) value in 1 sample", "s0004", "rna_shared_5"
    )
    train_and_check_refuse("inf.h5mu", 65, "1 infinite value", "s0004", "rna_shared_5")
    done(f"train two.h5mu {QUICK}")
    refused("predict inf.h5mu --from rna --to methylation", 65, "1 infinite value")


def test_labels_that_separate_nothing(changed: Change) -> None:
    columns = {"same": "a", "none": np.nan, "name": [f"patient {row}" for row in range(80)]}
    changed("labels.h5mu", lambda mdata: [mdata.obs.__setitem__(*column) for column in columns.items()])
    train_and_check_refuse("labels.h5mu --label same", 65, "one class", "'a'")
    train_and_check_refuse("labels.h5mu --label none", 65, "missing in all 80")
    train_and_check_refuse("labels.h5mu --label name", 65, "80 classes", "identifier")


def test_one_modality_alone(two: Path, tables: Path) -> None:
    train_and_check_refuse("two.h5mu --modalities rna", 65, "at least two modalities", "'rna'")
    train_and_check_refuse("rna=rna.csv", 65, "at least two modalities")


def test_more_features_than_there_are(two: Path) -> None:
    train_and_check_refuse("two.h5mu --label label --shared 1000", 65, "1000 shared", "30 to choose from")
    train_and_check_refuse("two.h5mu --label label --shared rna=20 --other rna=20", 65, "'rna'", "20 other")
    train_and_check_refuse("two.h5mu --shared 5", 2, "--label")


def test_too_few_samples_for_the_split(two: Path, changed: Change) -> None:
    train_and_check_refuse("two.h5mu --test-fraction 0.9 --validation-fraction 0.5", 65, "80 samples", "fractions")
    whole = mudata.read_h5mu(two)
    mudata.MuData({name: modality[:3].copy() for name, modality in whole.mod.items()}).write_h5mu("small.h5mu")
    train_and_check_refuse("small.h5mu", 65, "samples")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("--split label", 65, "no part of a split"),
        ("--split nope", 65, "unknown split"),
        ("--group nope", 65, "unknown group"),
        ("--layer counts", 65, "no layers"),
        ("--likelihood poisson", 65, "not whole counts"),
        ("--transform lognorm", 65, "below 0"),
        ("--transform mvalue", 65, "outside 0..1"),
        ("--labelled-only", 2, "--label"),
        ("--test-fraction 1", 2, "below 1"),
        ("--modalities rna,rna", 2, "once"),
        ("--key a/b", 2, "--key"),
        ("--seed -1", 2, "--seed"),
    ],
)
def test_options_that_do_not_fit(arguments: str, code: int, words: str, two: Path) -> None:
    train_and_check_refuse(f"two.h5mu {arguments}", code, words)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("--latent 2+2", 2, "2+2+2"),
        ("--latent 2+x+2", 2, "2+2+2"),
        ("--latent shared=2,rna", 2, "--latent"),
        ("--latent 0+0+0", 65, "no latent"),
        ("--label-weight -1", 2, "at least 0"),
        ("--label-weight=-1", 2, "at least 0"),
        ("--modality-weight 2", 2, "name=value"),
        ("--modality-weight dna=2", 65, "unknown modality 'dna' in --modality-weight"),
        ("--supervised", 2, "--label"),
        ("--epochs 0", 2, "--epochs"),
        ("--lr 0", 2, "above 0"),
        ("--replicates 1.5", 2, "whole number"),
        ("--preset paper", 2, "--label"),
        ("--device mps", 2, "cpu"),
        ("--run two.h5mu", 73, "two.h5mu"),
        ("-o out.csv", 2, ".h5mu"),
        ("-o nowhere/out.h5mu", 73, "no folder"),
        ("--run nowhere/run", 73, "no folder"),
    ],
)
def test_options_of_training_that_do_not_fit(arguments: str, code: int, words: str, two: Path) -> None:
    refused(f"train two.h5mu {arguments}", code, words)


def test_unknown_modality_of_a_weight_is_refused_before_the_screening(two: Path) -> None:
    result = refused("train two.h5mu --modality-weight dna=2", 65, "'dna'", "allowed: rna, methylation")
    assert "carry signal" not in result.err


def test_a_training_that_makes_little_sense_is_warned_about(two: Path) -> None:
    err = done(f"train two.h5mu --latent shared=73,rna=56,methylation=57 --test-fraction 0 {QUICK}").err
    assert "warning: no sample is held out: mmvae evaluate will have nothing to measure on" in err
    assert "warning: --latent shared=73: more latents than the 72 training samples can tell apart" in err
    err = done(f"train two.h5mu --key k --run k {QUICK}").err
    assert "held out" not in err
    assert "--latent shared=1" not in err


def test_few_held_out_samples_are_said_by_check_train_and_evaluate(two: Path) -> None:
    mudata.read_h5mu(two)[:5].copy().write_h5mu("five.h5mu")
    refused(f"train five.h5mu {QUICK}", 65, "at least 6 samples, or 5 with --validation-fraction 0")
    said = "warning: only 1 sample is held out: metrics of so few say little"
    for command in ("check five.h5mu", f"train five.h5mu --no-screen {QUICK}"):
        assert done(f"{command} --validation-fraction 0").err.count(said) == 1
    assert said in done("evaluate").err
    refused(
        "train five.h5mu --validation-fraction 0.3 --key k --run k", 65, "2 training samples of 5", "at least 7 samples"
    )


def test_latents_for_two_do_not_fit_three_modalities(three: Path) -> None:
    refused(f"train three.h5mu --latent 2+2+2 {QUICK}", 65, "2+2+2", "there are 3", "shared=4,a=4,b=4,c=4")


# Runs


def test_commands_without_a_run(two: Path) -> None:
    for command in ("evaluate", "embed", "predict --from rna --to methylation", "evaluate two.h5mu --run other"):
        refused(command, 66, "no trained model", "--run")


@pytest.mark.parametrize("name", ["run.json", "model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{}", b"\x00\xff" * 40])
def test_damaged_run_folder(name: str, content: bytes, trained: Path) -> None:
    Path("mmvae_run", name).write_bytes(content)
    for command in ("evaluate", "predict --from rna --to methylation"):
        refused(command, 65, "mmvae_run", "damaged")


def test_incomplete_run_folder(trained: Path) -> None:
    Path("mmvae_run/model.safetensors").unlink()
    refused("evaluate", 65, "damaged")
    Path("mmvae_run/run.json").unlink()
    refused("evaluate", 66, "no trained model")


def test_run_folder_given_as_data(trained: Path) -> None:
    refused("evaluate mmvae_run", 66, "is a folder", "--run")


def test_prediction_without_source_or_target(trained: Path) -> None:
    refused("predict", 2, "--from and --to")
    refused("predict --from rna", 2, "--to not given")
    refused("predict --from rna --to proteins", 65, "'proteins'")


def test_data_of_another_study(trained: Path, three: Path) -> None:
    refused("evaluate three.h5mu", 65, "none of the model's modalities", "a, b, c")
    refused("embed three.h5mu -o out.h5mu", 65, "rna")


def test_evaluation_on_samples_that_were_not_held_out(trained: Path) -> None:
    whole = mudata.read_h5mu(trained)
    whole[:4].copy().write_h5mu("few.h5mu")
    refused("evaluate few.h5mu", 65, "held-out samples")
    done(f"train two.h5mu --key all --run all --test-fraction 0 {QUICK}")
    refused("evaluate --run all", 65, "--test-fraction")


# Places


def test_symbolic_link_is_not_written_through(two: Path) -> None:
    Path("link.h5mu").symlink_to("two.h5mu")
    refused(f"train link.h5mu {QUICK}", 73, "symbolic link", "-o FILE")
    done(f"train link.h5mu -o out.h5mu {QUICK}")


def test_hard_link_is_not_written_through(two: Path) -> None:
    os.link(two, "twin.h5mu")
    refused(f"train two.h5mu {QUICK}", 73, "-o FILE")


@pytest.fixture
def read_only(two: Path) -> Iterator[Path]:
    folder = Path("archive")
    folder.mkdir()
    shutil.copy(two, folder / "two.h5mu")
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


@pytest.mark.parametrize(
    "command",
    [
        "train archive/two.h5mu",
        "train two.h5mu -o archive/out.h5mu",
        "train two.h5mu --run archive/run",
        "select archive/two.h5mu --label label --shared 5",
        "simulate -o archive/new.h5mu",
    ],
)
def test_read_only_folder(command: str, read_only: Path) -> None:
    refused(command, 73, "read-only")


def test_read_only_file(two: Path) -> None:
    two.chmod(0o444)
    refused(f"train two.h5mu {QUICK}", 73, "read-only", "-o FILE")


@pytest.mark.parametrize(
    "command",
    [
        f"train two.h5mu --run new {QUICK}",
        "embed",
        "predict --from rna --to methylation -o out.csv",
        "predict --from rna --to methylation -o out.h5ad",
        "evaluate -o out.h5mu",
        "simulate",
    ],
)
def test_full_disk(command: str, trained: Path) -> None:
    with largest_file(4096):
        refused(command, 74, "nothing was changed")


def test_disk_that_fills_after_the_model_was_saved_leaves_the_data_as_they_were(two: Path) -> None:
    before = two.read_bytes()
    with largest_file(len(before) - 1):
        result = mmvae(f"train two.h5mu --model mvae --latent 1 {QUICK}")
    assert result.code == 74
    assert two.read_bytes() == before
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["mmvae_run", "two.h5mu"]
    done("evaluate")


# Worth a warning, not an error


def test_constant_features_are_left_out_with_a_warning(changed: Change) -> None:
    changed("constant.h5mu", lambda mdata: mdata.mod["rna"].X.__setitem__((slice(None), slice(3, 5)), 1.0))
    result = done(f"train constant.h5mu {QUICK}")
    assert "warning: modality 'rna': left out 2 features, constant in the training samples" in result.err
    assert "rna_shared_4, rna_shared_5" in result.err
    assert "28 of 30" in result.out
    assert done("check constant.h5mu --json").json["modalities"]["rna"]["constant_features"] == 2


def test_a_feature_without_a_value_is_not_called_constant(changed: Change) -> None:
    changed("empty.h5mu", lambda mdata: mdata.mod["rna"].X.__setitem__((slice(None), slice(3, 5)), np.nan))
    result = done("check empty.h5mu")
    assert "left out 2 features, without a value in the training samples: rna_shared_4, rna_shared_5" in result.err
    assert "constant" not in result.err
    assert "rna: 2 features without a value" in result.out
    found = done("check empty.h5mu --json").json["modalities"]["rna"]
    assert (found["constant_features"], found["features_without_values"]) == (0, 2)


def test_a_modality_of_one_value_is_refused_and_nothing_suggested_for_it(changed: Change) -> None:
    changed("three.h5mu", lambda mdata: mdata.mod["rna"].X.fill(3.0))
    result = mmvae("check three.h5mu")
    assert result.code == 65
    assert error_lines(result.err)[0] == (
        "error: modality 'rna' has the same value everywhere, 3: there is nothing to learn"
    )
    assert "likelihood" not in result.err
    assert mmvae("check three.h5mu --json").json["modalities"]["rna"]["suggested_likelihood"] is None


def test_feature_that_gives_the_label_away_is_left_out_with_a_warning(changed: Change) -> None:
    def leak(mdata: mudata.MuData) -> None:
        mdata.mod["rna"].X[:, 7] = mdata.obs["label"].to_numpy() == "positive"

    changed("leak.h5mu", leak)
    result = done(f"train leak.h5mu --label label {QUICK}")
    assert "warning: modality 'rna': left out rna_shared_8, which determines the label" in result.err
    assert "29 of 30" in result.out
    kept = done(f"train leak.h5mu --label label --keep-label-features --force {QUICK}")
    assert "warning" not in kept.err
    assert "30 of 30" in kept.out


def test_check_lists_what_there_is_to_know(changed: Change) -> None:
    def spoil(mdata: mudata.MuData) -> None:
        mdata.mod["rna"].X[:2, 4] = np.nan
        mdata.mod["methylation"].X[:, 0] = 2.0
        mdata.obs.loc[mdata.obs_names[:5], "label"] = np.nan

    changed("spoilt.h5mu", spoil)
    result = mmvae("check spoilt.h5mu --label label --json")
    assert result.code == 0
    assert result.json["problems"] == []
    found = mmvae("check spoilt.h5mu --label label --missing-values error --json").json
    assert found["modalities"]["rna"]["missing_entries"] == 2
    assert found["modalities"]["methylation"]["constant_features"] == 1
    assert found["overlap"] == {"rna+methylation": 80}
    assert found["label"]["unlabelled"] == 5
    assert sum(found["label"]["classes"].values()) == 75
    assert [problem["exit_code"] for problem in found["problems"]] == [65]
    assert "2 missing (NaN) values in 2 samples" in found["problems"][0]["message"]
    shown = mmvae("check spoilt.h5mu --label label").out
    for word in ("gaussian, zscore", "continuous", "NaN", "constant", "double", "rna+methylation", "5 without"):
        assert word in shown
