"""With exit code 0 every output that a command declares is there; where one cannot be, the exit code says so."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest

from mmvae_cli.api import CONFIGS
from tests.cli.commands import QUICK, done, refused

MAIN = f"{shlex.quote(sys.executable)} -m mmvae_cli.cli.main"
COMMANDS = {
    "check": "check two.h5mu",
    "select": "select two.h5mu --by screening",
    "train": f"train two.h5mu {QUICK} --run again",
    "embed": "embed -o embedded.h5mu",
    "predict": "predict --from rna --to methylation -o predicted.csv",
    "evaluate": "evaluate --no-baselines --multiqc mqc",
    "report": "report --no-baselines",
    "top-features": "top-features -o features.csv",
    "benchmark": f"benchmark two.h5mu --models mvae --jobs 1 {QUICK}",
    "simulate": "simulate --samples 20 -o simulated.h5mu",
}
PLACES = {"output", "run", "out", "files", "data"}  # keys of a summary that name files or folders


def places(summary: dict[str, Any]) -> Iterator[Path]:
    """Every file or folder that a summary names."""
    for key, value in summary.items():
        if isinstance(value, dict):
            yield from places(value)
        elif key in PLACES and value is not None:
            yield from map(Path, value if isinstance(value, list) else [value])


def test_every_command_is_here() -> None:
    assert COMMANDS.keys() == CONFIGS.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_command_says_it_wrote_is_there(command: str, trained: Path) -> None:
    summary = done(f"{COMMANDS[command]} --json").json
    named = list(places(summary))
    assert named or command == "check"
    assert [path for path in named if not path.exists()] == []
    if "written" in summary:
        with h5py.File(summary["output"]) as file:
            assert [path for path in summary["written"] if path not in file] == []


def test_an_output_that_cannot_be_is_refused_by_every_command_that_writes(trained: Path) -> None:
    Path("file").write_text("no folder")
    for command, line in COMMANDS.items():
        words = line.replace("-o ", "-o file/").replace("--multiqc ", "--multiqc file/").replace("--run again", "")
        where = {
            "select": " -o file/x.h5mu",
            "train": " --run file/run",
            "report": " --out file/report.html",
            "benchmark": " --out file/out",
        }
        if command != "check":
            refused(words + where.get(command, ""), 73, "file")


def shell(line: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False, env=environment)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_result_that_cannot_be_printed_is_an_error_and_a_log_is_not(here: Path) -> None:
    full = shell(f"{MAIN} --version > /dev/full")
    assert (full.returncode, full.stderr.count("cannot print the result: No space left")) == (74, 1)
    assert "bug" not in full.stderr
    assert shell(f"{MAIN} check nothing.h5mu 2> /dev/full").returncode == 66


def test_streams_that_are_closed_are_no_bug(here: Path) -> None:
    closed = shell(f"{MAIN} simulate --samples 20 -o new.h5mu --json >&-")
    assert (closed.returncode, "standard output is closed" in closed.stderr) == (74, True)
    assert Path("new.h5mu").exists()
    assert shell(f"{MAIN} --version >&- 2>&-").returncode == 0
