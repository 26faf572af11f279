"""Screening on the command line: what is shown, written and used next."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import mudata
import numpy as np
import pytest

from mmvae_cli.cli import progress
from mmvae_cli.cli.progress import ScreeningProgress
from tests.cli.commands import QUICK, done, refused


def _unrelate(mdata: mudata.MuData) -> None:
    values = mdata.mod["rna"].X
    mdata.mod["rna"].X = values[np.random.default_rng(0).permutation(len(values))]


def test_select_by_screening_shows_a_table_and_the_next_training_uses_the_roles(two: Path) -> None:
    result = done("select two.h5mu --by screening")
    lines = result.out.splitlines()
    mdata = mudata.read_h5mu(two)
    for name, member in mdata.mod.items():
        n_shared = (member.var["mmvae_role"] == "shared").sum()
        assert n_shared >= 8
        assert any(line.split() == [name, str(n_shared), "30"] for line in lines)
        assert {"mmvae_score", "mmvae_q"} <= set(member.var)
    trained = done(f"train two.h5mu --model mmvaex {QUICK}")
    assert "var['mmvae_role']" in trained.err
    anew = done(f"train two.h5mu --model mmvaex --screen-fdr 0.2 --force {QUICK} --json")
    assert "--screen-fdr asks for another screening" in anew.err
    assert anew.json["n_shared_features"] == sum(one["n_shared_features"] for one in anew.json["modalities"].values())


def test_select_by_screening_refuses_numbers_of_features(two: Path) -> None:
    refused("select two.h5mu --by screening --shared 10", 2, "--by screening", "--shared", "--screen-fdr")
    refused("select two.h5mu --by screening --other rna=10", 2, "--by screening")
    refused("select two.h5mu --by screening --screen-fdr 0", 2, "--screen-fdr", "0.001")
    refused("select two.h5mu --shared 10", 2, "--label", "--by screening")


def test_missing_entries_are_screened_unless_they_are_refused(changed: Callable[..., Path]) -> None:
    def with_nan(mdata: mudata.MuData) -> None:
        mdata.mod["rna"].X[3, 4] = np.nan

    changed("bad.h5mu", with_nan)
    refused("select bad.h5mu --by screening --missing-values error", 65, "rna", "missing")
    assert "1 of 2,400 entries are missing" in done("select bad.h5mu --by screening").err


def test_tables_are_screened_into_a_new_file(tables: Path) -> None:
    done("select rna=rna.csv methylation=methylation.csv --by screening -o screened.h5mu")
    assert "mmvae_role" in mudata.read_h5mu("screened.h5mu").mod["rna"].var


def test_nothing_shared_is_a_result_and_every_command_goes_on(changed: Callable[..., Path]) -> None:
    changed("null.h5mu", _unrelate)
    result = done("select null.h5mu --by screening")
    assert "no shared signal was found" in result.out
    found = done("select null.h5mu --by screening --json").json
    assert found["n_shared_features"] == 0
    assert [one["n_shared_features"] for one in found["modalities"].values()] == [0, 0]
    assert any("no shared signal" in text and "--screen-fdr" in text for text in found["warnings"])
    trained = done(f"train null.h5mu --model mmvaex {QUICK} --json").json
    assert (trained["n_shared_features"], trained["shared_latents"]) == (0, 0)
    for command in ("embed", "predict --from rna --to methylation", "evaluate"):
        written = done(f"{command} --json").json
        json.dumps(written, allow_nan=False)
    mdata = mudata.read_h5mu("null.h5mu")
    assert mdata.obsm["X_mmvae_shared"].shape == (80, 0)
    assert mdata.obsm["X_mmvae"].shape == (80, 8)
    assert np.isfinite(mdata.mod["methylation"].layers["mmvae_from_rna"]).all()


@pytest.mark.parametrize(("quiet", "n_lines"), [(False, 2), (True, 0)])
def test_a_long_screening_says_how_far_it_is_and_a_short_one_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quiet: bool, n_lines: int
) -> None:
    times = iter([100.0, 101.0, 111.0, 115.0, 122.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times, 200.0))
    with ScreeningProgress(quiet=quiet) as shown:
        for done_share in (0.0, 0.1, 0.5, 0.6, 1.0):
            shown.events["on_screening"](done_share)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["screening  50 %", "screening  100 %"][:n_lines]
