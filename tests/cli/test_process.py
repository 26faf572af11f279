"""The command as a process of its own: exit codes, signals, pipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import done, error_lines, state

COMMAND = (sys.executable, "-m", "mmvae_cli.cli.main")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False, env=ENVIRONMENT)


def test_exit_codes_reach_the_shell(here: Path) -> None:
    assert process("--version").returncode == 0
    for arguments, code in ((("train",), 2), (("check", "nope.h5mu"), 66)):
        done = process(*arguments)
        assert (done.returncode, done.stdout) == (code, "")
        assert len(error_lines(done.stderr)) == len(done.stderr.splitlines()) == 2


def test_check_as_a_process_says_nothing_but_its_result(two: Path) -> None:
    done = process("check", "two.h5mu")
    assert (done.returncode, done.stderr) == (0, "")  # no warnings of libraries either
    assert "no problem found" in done.stdout


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_training_that_is_stopped_leaves_nothing_behind(number: signal.Signals, code: int, two: Path) -> None:
    before = state(Path.cwd())
    arguments = ("train", "two.h5mu", "--epochs", "1000000", "--patience", "0", "--threads", "1")
    running = subprocess.Popen(
        [*COMMAND, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # ignored in background jobs
    )
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("epoch 1/"):
            break
    running.send_signal(number)
    _, err = running.communicate(timeout=30)
    assert running.returncode == code
    assert "Traceback" not in err
    assert error_lines(err) == (["error: interrupted; no output is left half written"] if code == 130 else [])
    assert state(Path.cwd()) == before


def rows(cell: Path) -> list[dict[str, object]]:
    """Numbers of a cell, without the time that it took."""
    return [row for row in json.loads(cell.read_text())["rows"] if row["metric"] != "seconds"]


def test_a_benchmark_that_is_stopped_keeps_its_finished_cells_and_goes_on(two: Path) -> None:
    arguments = ["benchmark", "two.h5mu", "--models", "mvae,mmvae+epochs=100000,mopoe+epochs=100000", "--patience", "0",
                 "--replicates", "2", "--epochs", "2", "--jobs", "2"]  # fmt: skip
    running = subprocess.Popen(
        [*COMMAND, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("cell 1/3"):
            break
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "Traceback" not in err
    assert error_lines(err) == ["error: interrupted; no output is left half written"]
    (cell,) = Path("mmvae_benchmark/cells").iterdir()
    assert cell.name.startswith("mvae-")
    again = "benchmark two.h5mu --models mvae,mmvae --patience 0 --replicates 2 --epochs 2 --jobs 1 --json"
    assert "2 cells: 1 to run, 1 found finished" in done(again).err
    done(f"{again} --out anew")  # in this process
    assert rows(cell) == rows(Path("anew/cells") / cell.name)


def test_reader_that_goes_away_is_no_error(two: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    arguments = [*COMMAND, "check", "two.h5mu"]
    done = subprocess.run(arguments, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, env=ENVIRONMENT)
    os.close(writer)
    assert done.returncode == 141
    assert done.stderr == ""
