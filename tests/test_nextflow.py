"""The Nextflow modules, as far as can be seen without Nextflow: their scripts are run by bash, as Nextflow does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mudata
import pytest
import yaml

from mmvae_cli import __version__
from tests.cli.commands import done

MODULES = Path(__file__).resolve().parents[1] / "nextflow" / "modules" / "mmvae"
NAMES = sorted(path.name for path in MODULES.iterdir())
FILES = {"main.nf", "meta.yml", "environment.yml", "tests/main.nf.test", "tests/nextflow.config"}
TINY = {
    "check": "--label label",
    "train": "--label label --epochs 2",
    "predict": "",
    "evaluate": "--no-baselines --no-associations",
    "report": "--no-baselines",
}
TASK = {"prefix": "my data", "task.cpus": "1", "source": "rna", "target": "methylation", "meta.id": "other"}


@dataclass(frozen=True)
class Module:
    """A process in the parts that Nextflow takes it into."""

    name: str
    text: str
    inputs: list[list[str]]
    outputs: dict[str, str]  # emitted name → path

    def script(self, part: str, values: dict[str, str]) -> str:
        """``script`` or ``stub`` as bash gets it: variables filled in, escapes of Groovy taken off, indentation cut."""
        body = re.search(rf'^    {part}:\n.*?^    """\n(.*?)^    """$', self.text, re.DOTALL | re.MULTILINE)[1]
        return re.sub(r"\\([\\$\"])", r"\1", filled(textwrap.dedent(body), values))


def filled(text: str, values: dict[str, str]) -> str:
    """Groovy's ``${name}`` in a text; a name without a value is an error, and ``\\$`` is bash's own."""
    return re.sub(r"(?<!\\)\$\{([\w.]+)\}", lambda found: values[found[1]], text)


def module(name: str) -> Module:
    text = (MODULES / name / "main.nf").read_text(encoding="utf-8")
    parts = {part: re.search(rf"^    {part}:\n(.*?)\n\n", text, re.DOTALL | re.MULTILINE)[1].splitlines()
             for part in ("input", "output")}  # fmt: skip
    inputs = [re.findall(r"(?:val|path)[ (](\w+)", line) for line in parts["input"]]
    outputs = [re.search(r'path[ (]"([^"]+)"\)?\s*, emit: (\w+)', line).groups() for line in parts["output"]]
    return Module(name, text, inputs, {emitted: path for path, emitted in outputs})


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folder of each task, run in the order of a pipeline by links to what the one before left."""
    folder = tmp_path_factory.mktemp("tasks")
    done(f"simulate --samples 60 --other 6 --shared 4 -o {folder}/data.h5mu")
    tasks = {name: folder / name for name in TINY}
    shutil.copy(folder / "data.h5mu", folder / "kept.h5mu")
    given = {"mudata": folder / "data.h5mu"}
    for name, task in tasks.items():
        run_task(module(name), "script", task, given)
        if name == "train":
            given = {"mudata": task / "my data_trained.h5mu", "run": task / "my data_run"}
        if name == "evaluate":
            given["mudata"] = task / "my data_evaluated.h5mu"
    return tasks


def run_task(process: Module, part: str, task: Path, given: dict[str, Path]) -> None:
    """Run a task as Nextflow does: inputs are links in its folder, of names without blanks."""
    task.mkdir()
    values = {**TASK, "args": TINY[process.name], "task.process": f"MMVAE_{process.name.upper()}"}
    for name, path in given.items():
        values[name] = path.name.replace(" ", "_")
        (task / values[name]).symlink_to(path)
    starter = task.parent / "bin" / "mmvae"
    if not starter.exists():
        starter.parent.mkdir()
        starter.write_text(f'#!/bin/sh\nexec {sys.executable} -m mmvae_cli.cli.main "$@"\n')
        starter.chmod(0o755)
    environment = {**os.environ, "PATH": f"{starter.parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    command = [str(shutil.which("bash")), "-ue", "-o", "pipefail", "-c", process.script(part, values)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, cwd=task, env=environment)
    assert finished.returncode == 0, finished.stderr


def outputs_left(process: Module, task: Path) -> dict[str, list[Path]]:
    values = {**TASK, "prefix": "my data"}
    return {emitted: list(task.glob(filled(path, values))) for emitted, path in process.outputs.items()}


def assert_versions(path: Path, name: str) -> None:
    found = yaml.safe_load(path.read_text())
    assert found == {f"MMVAE_{name.upper()}": {"mmvae": __version__}}


@pytest.mark.parametrize("name", NAMES)
def test_script_leaves_every_declared_output(name: str, ran: dict[str, Path]) -> None:
    found = outputs_left(module(name), ran[name])
    assert [emitted for emitted, paths in found.items() if not paths] == []
    assert all(path.is_dir() or path.stat().st_size for paths in found.values() for path in paths)
    assert_versions(ran[name] / "versions.yml", name)


@pytest.mark.parametrize("name", NAMES)
def test_stub_leaves_every_declared_output_without_the_data(name: str, tmp_path: Path) -> None:
    process = module(name)
    run_task(process, "stub", tmp_path / "task", {})
    assert [emitted for emitted, paths in outputs_left(process, tmp_path / "task").items() if not paths] == []
    assert_versions(tmp_path / "task" / "versions.yml", name)


def test_no_task_writes_into_its_input(ran: dict[str, Path]) -> None:
    data, kept = (ran["check"].parent / name for name in ("data.h5mu", "kept.h5mu"))
    assert data.read_bytes() == kept.read_bytes()
    assert "mmvae_r2_cross" not in mudata.read_h5mu(ran["train"] / "my data_trained.h5mu").mod["rna"].var
    assert "mmvae_r2_cross" in mudata.read_h5mu(ran["evaluate"] / "my data_evaluated.h5mu").mod["rna"].var


@pytest.mark.parametrize("name", [name for name in NAMES if "mudata" in module(name).outputs])
def test_a_task_whose_output_would_be_its_input_is_refused(name: str) -> None:
    process = module(name)
    written = process.outputs["mudata"]
    assert process.text.count(f'if ("${{mudata}}" == "{written}") {{') == 2  # in script and stub


@pytest.mark.parametrize("name", NAMES)
def test_module_has_the_files_and_the_blocks_of_the_convention(name: str) -> None:
    folder = MODULES / name
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == FILES
    text = module(name).text
    assert text.startswith(f"process MMVAE_{name.upper()} {{")
    blocks = ("tag", "label", "conda", "container", "input:", "output:", "when:", "script:", "stub:")
    places = [text.index(f"    {block}") for block in blocks]
    assert places == sorted(places)
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize("name", NAMES)
def test_meta_names_inputs_and_outputs_of_the_process(name: str) -> None:
    process = module(name)
    meta: dict[str, Any] = yaml.safe_load((MODULES / name / "meta.yml").read_text(encoding="utf-8"))
    assert meta["name"] == f"mmvae_{name}"
    named = [one if isinstance(one, list) else [one] for one in meta["input"]]
    assert [[key for item in items for key in item] for items in named] == process.inputs
    assert meta["output"].keys() == process.outputs.keys()
    for emitted, path in process.outputs.items():
        items = [item for one in meta["output"][emitted] for item in (one if isinstance(one, list) else [one])]
        assert path in items[-1]


@pytest.mark.parametrize("name", NAMES)
def test_image_and_package_have_this_version(name: str) -> None:
    environment = yaml.safe_load((MODULES / name / "environment.yml").read_text(encoding="utf-8"))
    assert environment["dependencies"] == [f"bioconda::mmvae-cli={__version__}"]
    assert f'container "mmvae:{__version__}"' in module(name).text
