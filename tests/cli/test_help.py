from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from mmvae_cli import api
from mmvae_cli.cli.main import main
from tests.cli.commands import QUICK, Result, done

COMMANDS = tuple(api.CONFIGS)
NEEDS_RUN = ("embed", "predict", "evaluate", "report", "top-features")


def example_of(command: str) -> str:
    text = done(f"{command} --help").out
    paragraph = re.search(r"Example: mmvae (.*?)\n\s*\n", text, re.DOTALL)
    assert paragraph is not None, f"mmvae {command} --help has no example"
    return " ".join(paragraph[1].split())


@pytest.mark.parametrize("command", COMMANDS)
def test_example_in_the_help_works_as_it_stands(command: str, here: Path, example_data: Path) -> None:
    shutil.copy(example_data / "cll.h5mu", here)
    if command in NEEDS_RUN:
        done(f"train cll.h5mu --label IGHV --shared 5 --other 10 {QUICK}")
    example = example_of(command)
    assert example.split()[0] == command
    quick = {"train": QUICK, "benchmark": "--jobs 1"}
    result: Result = done(f"{example} {quick.get(command, '')}")
    assert result.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_terminal_and_names_every_option(command: str) -> None:
    text = done(f"{command} --help").out
    assert max(map(len, text.splitlines())) <= 80
    for flag in ("--config", "--json", "--quiet"):
        assert flag in text
    assert "list[" not in text  # a type of Python is no help


def test_help_lists_the_commands_with_whole_sentences() -> None:
    lines = done("--help").out.split("Commands:")[1].strip().splitlines()
    assert [line.split()[0] for line in lines] == list(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("...") for line in lines)


def test_command_is_installed_under_its_name() -> None:
    (found,) = (point for point in entry_points(group="console_scripts") if point.name == "mmvae")
    assert found.value == "mmvae_cli.cli.main:main"


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from mmvae_cli.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stderr
    for heavy in ("torch", "scanpy", "anndata", "mudata", "pandas", "numpy", "sklearn", "scipy", "h5py"):
        assert f"'{heavy}'" not in loaded


def test_the_bare_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    shown = capsys.readouterr()
    assert ended.value.code == 0
    assert "train" in shown.out
    assert not shown.err
