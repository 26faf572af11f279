"""The Snakemake workflow, run by Snakemake on tiny data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.cli.commands import done, state
from tests.tools import executable

WORKFLOW = Path(__file__).resolve().parents[1] / "workflow"
STEPS = ("check", "train", "predict", "evaluate", "report")
TINY = {"data": "--label label", "train": "--epochs 2", "evaluate": "--no-baselines --no-associations"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with data under a name that a shell would break."""
    done(f"simulate --samples 60 --other 6 --shared 4 -o '{tmp_path}/my data.h5mu'")
    return tmp_path


def snakemake(folder: Path, datasets: dict[str, Any], *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the workflow in a folder."""
    config = {"command": f"{sys.executable} -m mmvae_cli.cli.main", "datasets": datasets, **more}
    (folder / "my.yaml").write_text(yaml.safe_dump(config))
    command = [executable("snakemake"), "-s", str(WORKFLOW / "Snakefile"), "--configfile", "my.yaml", "--cores", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(folder / ".cache")}
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False, cwd=folder, env=environment
    )


def results(folder: Path) -> set[str]:
    found = (path.relative_to(folder / "results") for path in (folder / "results").rglob("*"))
    return {str(path) for path in found if ".snakemake" not in str(path)}


def test_workflow_runs_once_and_a_data_set_that_fails_leaves_no_output(folder: Path) -> None:
    good = {"good": {"input": ["my data.h5mu"], "predict": [{"from": "rna", "to": "methylation"}], **TINY}}
    planned = snakemake(folder, good, "--dry-run", "--printshellcmds", multiqc="multiqc")
    assert planned.returncode == 0, planned.stderr
    assert all(f" {step} " in planned.stdout + planned.stderr for step in STEPS)
    assert "multiqc results/good/multiqc --force" in planned.stdout + planned.stderr
    assert not (folder / "results").exists()
    before = (folder / "my data.h5mu").read_bytes()

    ran = snakemake(folder, good)
    assert ran.returncode == 0, ran.stderr
    there = state(folder / "results")
    assert (folder / "my data.h5mu").read_bytes() == before
    metrics = json.loads((folder / "results/good/metrics.json").read_text())
    assert metrics["label"]["column"] == "label"
    assert Path(metrics["output"]).name == "result.h5mu"
    assert json.loads((folder / "results/good/check.json").read_text())["problems"] == []
    assert pd.read_csv(folder / "results/good/rna_to_methylation.csv", index_col=0).shape == (60, 10)

    assert (folder / "results/good/report.html").read_text(encoding="utf-8").startswith("<!doctype html>")

    again = snakemake(folder, good)
    assert "Nothing to be done" in again.stdout + again.stderr
    assert state(folder / "results") == there

    bad = {"bad": {"input": ["my data.h5mu"], **TINY, "data": "--label nothing"}}
    failed = snakemake(folder, {**good, **bad}, "--keep-going")
    assert failed.returncode != 0
    assert {path for path in results(folder) if path.startswith("bad/")} == {"bad/logs", "bad/logs/check.log"}
    assert "nothing" in (folder / "results/bad/logs/check.log").read_text()
    assert {name: there[name] for name in there} == {name: state(folder / "results").get(name) for name in there}


def test_a_key_the_workflow_does_not_know_is_refused(folder: Path) -> None:
    refused = snakemake(folder, {"a": {"input": ["my data.h5mu"], "lable": "x"}}, "--dry-run", result="x")
    assert refused.returncode != 0
    assert "unknown keys in the configuration: a: lable, result" in refused.stdout + refused.stderr


def test_the_configuration_that_comes_with_it_is_for_the_example_data(tmp_path: Path) -> None:
    (tmp_path / "example_data").symlink_to(WORKFLOW.parent / "example_data")
    command = [executable("snakemake"), "-s", str(WORKFLOW / "Snakefile"), "--cores", "1", "--dry-run", "--quiet"]
    planned = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
