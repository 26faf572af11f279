"""``check`` says what ``train`` does with the same data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mudata
import numpy as np
import pytest

import mmvae_cli
from tests.cli.commands import QUICK, done, error_lines, mmvae

Change = Callable[[str, Callable[[mudata.MuData], object]], Path]


def _empty(samples: dict[str, list[int]]) -> Callable[[mudata.MuData], object]:
    """Take all values from some samples of some modalities."""

    def spoil(mdata: mudata.MuData) -> None:
        for name, rows in samples.items():
            mdata.mod[name].X[rows] = np.nan

    return spoil


def test_samples_without_a_value_lack_the_modality(changed: Change) -> None:
    changed("empty.h5mu", _empty({"rna": [0, 1, 2], "methylation": [5]}))
    found = done("check empty.h5mu --json").json
    assert found["overlap"] == {"rna+methylation": 76, "methylation": 3, "rna": 1}
    assert {name: one["samples"] for name, one in found["modalities"].items()} == {"rna": 77, "methylation": 79}
    assert found["modalities"]["rna"]["samples_without_values"] == 3
    trained = done(f"train empty.h5mu {QUICK} --json").json
    assert {name: one["samples"] for name, one in trained["modalities"].items()} == {"rna": 77, "methylation": 79}
    assert "empty: samples without a value" in done("check empty.h5mu").out


def test_a_sample_without_any_value_is_named_by_both(changed: Change) -> None:
    changed("empty.h5mu", _empty({"rna": [3], "methylation": [3]}))
    said = "1 sample without a value in any modality: left out, the embedding is NaN: s0004"
    checked, trained = done("check empty.h5mu"), done(f"train empty.h5mu {QUICK}")
    for result in (checked, trained):
        assert result.err.count("without a value") == 1
        assert f"warning: {said}" in result.err
    assert done("check empty.h5mu --json").json["overlap"] == {"rna+methylation": 79, "none": 1}
    assert done("embed --json").json["without_modality"] == 1


def test_modalities_that_overlap_in_empty_samples_only_are_refused(changed: Change) -> None:
    changed("apart.h5mu", _empty({"rna": list(range(40)), "methylation": list(range(40, 80))}))
    for command in ("check apart.h5mu", f"train apart.h5mu {QUICK}"):
        result = mmvae(command)
        assert result.code == 65
        assert "no sample is in two modalities" in result.err


def test_one_modality_alone_is_one_problem(two: Path) -> None:
    result = mmvae("check two.h5mu --modalities rna")
    assert result.code == 65
    assert len(error_lines(result.err)) == 2
    assert "at least two modalities" in result.err
    assert "no sample is in two" not in result.err


def test_one_table_for_two_modalities_is_said_by_check_and_train(two: Path) -> None:
    mudata.read_h5mu(two).mod["rna"].write_h5ad("rna.h5ad")
    said = "warning: modalities 'rna' and 'protein' have the same features and the same values"
    assert done("check rna=rna.h5ad protein=rna.h5ad").err.count(said) == 1
    assert done(f"train rna=rna.h5ad protein=rna.h5ad {QUICK} -o out.h5mu").err.count(said) == 1
    assert said not in done("check two.h5mu").err


def test_damaged_values_are_said_by_check_and_train(changed: Change) -> None:
    def damage(mdata: mudata.MuData) -> None:
        rna = mdata.mod["rna"].X = np.array(mdata.mod["rna"].X)
        rna[3, 2], rna[5, 1], rna[6] = -999, 1e30, 0

    changed("damaged.h5mu", damage)
    for command in ("check damaged.h5mu", f"train damaged.h5mu {QUICK}"):
        err = done(command).err
        assert err.count("warning: modality 'rna': -999 may stand for missing (1 of ") == 1
        assert err.count("warning: modality 'rna' has values far from all others: 1 of ") == 1
        assert err.count("warning: modality 'rna': 1 sample with the same value in all features (0)") == 1


def test_a_class_in_two_spellings_is_said_by_check_train_and_evaluate(changed: Change) -> None:
    def spell(mdata: mudata.MuData) -> None:
        words = mdata.obs["label"].astype(object).astype(str)
        mdata.obs["label"] = words.mask(np.arange(len(words)) % 4 == 0, "C" + words + " ").mask(
            np.arange(len(words)) % 4 == 1, "c" + words
        )

    changed("spelt.h5mu", spell)
    said = "warning: label 'label' has classes that differ by letter case or blanks only, and count as different: "
    checked = done("check spelt.h5mu --label label")
    assert checked.err.count(said) == 1
    assert "no problem found; look at the 1 warning in the log" in checked.out
    assert said.removeprefix("warning: ") in done("check spelt.h5mu --label label --json").json["warnings"][0]
    assert said in done(f"train spelt.h5mu {QUICK} --label label").err
    assert said in done("evaluate --no-baselines --no-associations").err


def test_thousands_are_set_apart_for_people_and_not_in_json(here: Path) -> None:
    done("simulate --samples 20 --shared 4 --other 1200 -o many.h5mu")
    shown = done("check many.h5mu")
    assert "1,204" in shown.out
    assert "1204" not in shown.out + shown.err
    assert done("check many.h5mu --json").json["modalities"]["rna"]["features"] == 1204
    trained = done("train many.h5mu --epochs 1 --threads 1 --latent 2")
    assert "1,204 of 1,204" in trained.out
    assert "1204" not in trained.out + trained.err


def test_nothing_is_logged_twice(two: Path, caplog: pytest.LogCaptureFixture) -> None:
    mdata = mudata.read_h5mu(two)
    words = ["c", "C ", "c", "d"] * 20
    mdata.obs["label"], mdata.obs["batch"] = words, np.roll(words, 1)
    caplog.set_level("INFO", "mmvae_cli")
    mmvae_cli.check(mdata, label="label", covariate="batch")
    assert [
        text.partition(" has classes that differ")[0] for text in caplog.messages if "differ by letter" in text
    ] == [
        "label 'label'",
        "covariate 'batch'",
    ]
    assert len(caplog.messages) == len(set(caplog.messages))
