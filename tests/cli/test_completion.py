"""Completion of the shell, asked as a shell asks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmvae_cli.api import CONFIGS

COMMAND = (sys.executable, "-X", "importtime", "-m", "mmvae_cli.cli.main")
NAMED = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # the shell is named, not the one this runs under
MOST_SECONDS = 3.0  # on a machine that does much else; 0.2 alone


def completed(line: str) -> list[str]:
    """What bash is offered for the last word of a line; checks that nothing heavy is loaded for it."""
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1), "_MMVAE_COMPLETE": "complete_bash"}
    started = time.perf_counter()
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=True, env={**os.environ, **asked})
    assert time.perf_counter() - started < MOST_SECONDS
    loaded = {words[-1].partition(".")[0] for words in map(str.split, done.stderr.splitlines()) if words}
    assert not {"torch", "numpy", "pandas", "scanpy", "h5py"} & loaded
    return done.stdout.split()


def test_commands_are_completed() -> None:
    assert sorted(completed("mmvae ")) == sorted(CONFIGS)
    assert completed("mmvae tr") == ["train"]


def test_options_of_a_command_are_completed() -> None:
    offered = completed("mmvae train --")
    assert {"--model", "--run", "--json", "--config", "--epochs"} <= set(offered)
    assert completed("mmvae predict --fr") == ["--from"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_shown_and_asks_this_command(shell: str) -> None:
    arguments = (sys.executable, "-m", "mmvae_cli.cli.main", "--show-completion", shell)
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, env={**os.environ, **NAMED})
    assert f"_MMVAE_COMPLETE=complete_{shell}" in done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_completes_after_installation(tmp_path: Path) -> None:
    """The script is put where a new shell reads it, and that shell then offers what fits."""
    (tmp_path / "bin").mkdir()
    starter = tmp_path / "bin" / "mmvae"
    starter.write_text(f'#!/bin/sh\nexec {sys.executable} -m mmvae_cli.cli.main "$@"\n')
    starter.chmod(0o755)
    environment = {**os.environ, **NAMED, "HOME": str(tmp_path), "PATH": f"{starter.parent}:{os.environ['PATH']}"}
    subprocess.run(["mmvae", "--install-completion", "bash"], check=True, env=environment, capture_output=True)
    asked = 'COMP_WORDS=(mmvae tra); COMP_CWORD=1; _mmvae_completion mmvae; echo "${COMPREPLY[@]}"'
    script = f"source ~/.bashrc; complete -p mmvae; {asked}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, env=environment)
    known, offered = done.stdout.splitlines()
    assert known.startswith("complete ")
    assert "-o default" in known  # files where nothing of ours fits, such as for --run
    assert offered == "train"
