"""Files for MultiQC, and what MultiQC itself makes of them."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mudata
import pytest

from tests.cli.commands import QUICK, done, mmvae, refused
from tests.tools import executable

ODD = '<i>r&a"'  # as the name of a modality


def contents(folder: str) -> dict[str, dict[str, Any]]:
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(folder).iterdir())}


@pytest.fixture(scope="module")
def evaluated(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """Summaries of two runs of other modalities, evaluated into the folder mqc, by their names there."""
    mdata = mudata.read_h5mu(drawn / "three.h5mu")
    with contextlib.chdir(tmp_path_factory.mktemp("evaluated")):
        mudata.MuData({{"a": ODD}.get(name, name): adata for name, adata in mdata.mod.items()}).write_h5mu("three.h5mu")
        done(f"train {drawn}/two.h5mu -o two.h5mu --label label --run first {QUICK}")
        done(f"train three.h5mu --run runs {QUICK} --replicates 2")
        yield {
            "first": done("evaluate --no-baselines --run first --multiqc mqc --json").json,
            "other.1_x": done("evaluate --no-baselines --run runs --multiqc mqc --name 'other.1 <x>' --json").json,
        }


def test_multiqc_joins_the_runs_and_shows_what_evaluate_found(evaluated: dict[str, dict[str, Any]]) -> None:
    arguments = ["mqc", "--no-ansi", "--no-ai", "--strict", "--cl-config", "no_version_check: true"]
    ran = subprocess.run([executable("multiqc"), *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "validation |" not in ran.stderr  # what MultiQC says of fields it does not know
    statistics = rows(Path("multiqc_data/multiqc_general_stats.txt"))
    assert statistics.keys() == evaluated.keys()
    first, other = statistics["first"], statistics["other.1_x"]
    assert float(first["auc_shared"]) == pytest.approx(evaluated["first"]["label"]["auc"]["shared"])
    assert (first["n_samples"], first["n_epochs"], first["n_held_out"], other["n_replicates"]) == ("80", "3", "16", "2")
    assert other["auc_shared"] == ""  # there was no label
    median = evaluated["first"]["r2"]["methylation"]["cross"]["shared"]["median"]
    assert float(first["cross_r2_shared_methylation"]) == pytest.approx(median)
    over = evaluated["other.1_x"]["over_replicates"]["r2"]["b"]["cross"]["all"]["median"]["median"]
    table = rows(Path("multiqc_data/multiqc_mmvae_r2_b_table.txt"))
    assert float(table["other.1_x"]["from others (all)"]) == pytest.approx(over)
    assert table.keys() == {"other.1_x"}  # the first run has no such modality
    page = Path("multiqc_report.html").read_text(encoding="utf-8")
    assert ODD not in page
    assert "R² of _i_r_a_" in page


def rows(path: Path) -> dict[str, dict[str, str]]:
    """A table of MultiQC: name of the run → column, without its module → text."""
    header, *lines = (line.split("\t") for line in path.read_text(encoding="utf-8").rstrip("\n").split("\n"))
    columns = [column.removeprefix("custom_content_mmvae-") for column in header]
    return {line[0]: dict(zip(columns[1:], line[1:], strict=True)) for line in lines}


def test_titles_of_runs_with_other_modalities_do_not_displace_each_other(evaluated: dict[str, Any]) -> None:
    """MultiQC takes titles of one id from the file read last, so these have to be the same in all of them."""
    titles: dict[str, object] = {}
    for content in contents("mqc").values():
        assert titles.setdefault(content["id"], content["headers"]) == content["headers"]
        (row,) = content["data"].values()
        headers = content["headers"]
        assert set(row) <= set(headers if isinstance(headers, dict) else [key for one in headers for key in one])
    assert len(titles) == 1 + 2 * 5


def test_files_are_named_for_the_run_and_said(trained: Path) -> None:
    shown = done("evaluate --no-baselines --multiqc mqc")
    assert "for MultiQC: 5 files in mqc, called mmvae_run" in shown.out
    assert {name.removeprefix("mmvae_run_") for name in contents("mqc")} == {
        "general_mqc.json", "cross_r2_1_mqc.json", "cross_r2_2_mqc.json", "r2_1_mqc.json", "r2_2_mqc.json",
    }  # fmt: skip
    names = done("evaluate --no-baselines --multiqc mqc --name two --json").json["multiqc"]["files"]
    assert all(Path(name).is_file() for name in names)
    assert len(contents("mqc")) == 10


def test_files_that_are_there_are_replaced_only_with_force(trained: Path) -> None:
    done("evaluate --no-baselines --multiqc mqc")
    refused("evaluate --no-baselines --multiqc mqc", 73, "mmvae_run_general_mqc.json", "--name", "--force")
    done("evaluate --no-baselines --multiqc mqc --force")


def test_what_could_not_be_written_later_is_refused_before_the_work(trained: Path) -> None:
    Path("taken").write_text("a file")
    refused("evaluate --multiqc taken", 73, "taken")
    refused("evaluate --multiqc no/such", 73, "no folder", "create it")
    refused("evaluate --multiqc mqc --name ///", 2, "--name", "letters")
    refused("evaluate --name two", 2, "--multiqc DIR")


def test_a_failure_on_the_way_leaves_no_part_of_the_files(trained: Path) -> None:
    in_the_way = Path("mqc/mmvae_run_cross_r2_2_mqc.json")
    in_the_way.mkdir(parents=True)
    assert mmvae("evaluate --no-baselines --multiqc mqc").code == 73
    assert list(Path("mqc").iterdir()) == [in_the_way]
