"""``mmvae top-features`` on files: what it reads, what it shows, where the table goes."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import mudata
import pandas as pd

import mmvae_cli
from tests.cli.commands import QUICK, done, refused


def test_the_data_are_enough_and_stay_as_they_are(trained: Path) -> None:
    shutil.rmtree("mmvae_run")
    before = hashlib.sha256(trained.read_bytes()).hexdigest()
    found = done(f"top-features {trained} --n 3 --json").json
    assert hashlib.sha256(trained.read_bytes()).hexdigest() == before
    assert [one["latent"] for one in found["latents"]] == list(mudata.read_h5mu(trained).uns["mmvae"]["latents"])
    assert found["units"] == {"rna": "input", "methylation": "input"}
    assert found["data"].endswith("two.h5mu")


def test_without_data_those_of_the_run_are_read_under_its_key(two: Path) -> None:
    done(f"train two.h5mu --key other --run elsewhere {QUICK}")
    assert done("top-features --run elsewhere --json").json["key"] == "other"
    refused("top-features two.h5mu", 65, "no loadings under the key 'mmvae'", "--key")
    assert done("top-features two.h5mu --key other --json").json["key"] == "other"


def test_a_table_holds_what_the_function_returns(trained: Path) -> None:
    shown = done("top-features --latent shared --n 4 -o top.csv").out
    assert "written: top.csv" in shown
    expected = mmvae_cli.top_features(mudata.read_h5mu(trained), latent="shared", n=4)
    pd.testing.assert_frame_equal(pd.read_csv("top.csv"), expected, check_dtype=False, rtol=1e-5)
    refused("top-features -o top.csv", 73, "exists")
    refused("top-features -o top.h5mu", 2, ".csv")


def test_each_latent_has_a_table_and_unused_ones_a_line(trained: Path) -> None:
    shown = done("top-features --latent shared,rna_1 --modality rna --n 2").out
    titles = re.findall(r"^(\w+) in (\w+), \d+\.\d % of its variance$", shown, re.MULTILINE)
    used = [
        one["latent"] for one in done("top-features --latent shared,rna_1 --json").json["latents"] if not one["unused"]
    ]
    assert titles == [(latent, "rna") for latent in used]
    assert len(re.findall(r"^rna_\w+ +(shared|other) +[+-]\d", shown, re.MULTILINE)) == 2 * len(used)


def test_loadings_of_another_run_are_said_to_be(trained: Path) -> None:
    done(f"train two.h5mu --run second --seed 5 {QUICK}")
    assert "are of another model" in done("top-features two.h5mu --run mmvae_run").err
    assert done("top-features two.h5mu --run second").err == ""


def test_what_holds_no_loadings_is_refused(tables: Path, two: Path) -> None:
    refused("top-features two.h5mu", 65, "no loadings")
    refused("top-features rna=rna.csv", 2, "tables hold no loadings")
    refused("top-features nothing.h5mu", 66, "no such file")
    refused("top-features", 66, "no trained model in mmvae_run")
