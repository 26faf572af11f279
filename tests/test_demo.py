"""What ``make demo`` runs, and what it says to try next, on the example data."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import mudata
import pytest

from tests.scripts import REPOSITORY, load_script
from tests.test_docs import QUICK

examples = load_script("scripts/examples.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of what the script needs, and an ``mmvae`` that does nothing: the script's commands are run afterwards."""
    shutil.copytree(REPOSITORY / "example_data", tmp_path / "example_data")
    for name in ("scripts", "bin"):
        (tmp_path / name).mkdir()
    shutil.copy(REPOSITORY / "scripts" / "demo.sh", tmp_path / "scripts")
    nothing = tmp_path / "bin" / "mmvae"
    nothing.write_text("#!/bin/sh\n")
    nothing.chmod(0o755)
    return tmp_path


def test_commands_of_the_demo_run_and_leave_what_it_names(folder: Path) -> None:
    here = {**os.environ, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["sh", "scripts/demo.sh"], cwd=folder, env=here, capture_output=True, text=True, check=True)
    shown, _, next_ones = done.stdout.partition("Try next")
    commands = [*re.findall(r"^\$ (mmvae .*)$", shown, re.MULTILINE), *re.findall(r"^  (mmvae .*)$", next_ones, re.M)]
    assert [command.split()[1] for command in commands] == [
        *("check", "train", "predict", "evaluate"),
        *("predict", "train", "train"),
    ]
    with contextlib.chdir(folder):
        for command in commands:
            examples.run_command(command, QUICK)
    mdata = mudata.read_h5mu(folder / "demo" / "cll.h5mu")
    named = re.findall(r'^  ((?:mod\["\w+"\]\.)?(?:obsm|layers|obs|uns)\["\w+"\])', done.stdout, re.MULTILINE)
    assert len(named) == 7
    for element in named:
        holder, kind, key = re.fullmatch(r'(?:mod\["(\w+)"\]\.)?(\w+)\["(\w+)"\]', element).groups()
        assert key in getattr(mdata.mod[holder] if holder else mdata, kind), element
    for modality in mdata.mod.values():
        assert {"mmvae_r2_cross", "mmvae_r2_self", "mmvae_r2_joint"} <= {*modality.var}
