"""Image and recipe say what pyproject.toml says; neither can be built by the tests."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from mmvae_cli import __version__

REPOSITORY = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}  # of those that conda calls otherwise
INSTRUCTIONS = {"ARG", "FROM", "RUN", "WORKDIR", "COPY", "ENV", "USER", "CMD"}


@pytest.fixture(scope="module")
def recipe() -> dict[str, Any]:
    """The recipe as conda-build reads it."""
    text = (REPOSITORY / "recipe" / "meta.yaml").read_text(encoding="utf-8")
    functions = {"PYTHON": "python", "pin_subpackage": lambda name, max_pin: f"{name} {max_pin}"}
    return yaml.safe_load(jinja2.Template(text, undefined=jinja2.StrictUndefined).render(**functions))


@pytest.fixture(scope="module")
def image() -> list[tuple[str, str]]:
    """Instructions of the Dockerfile, each with its arguments."""
    text = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def conda(requirement: str) -> str:
    """A requirement of PyPI as conda writes it."""
    name, bound = re.fullmatch(r"([\w-]+)(.*)", requirement.replace(" ", "")).groups()
    return f"{CONDA_NAMES.get(name, name)} {bound}"


def test_recipe_has_this_version_and_licence(recipe: dict[str, Any]) -> None:
    assert recipe["package"] == {"name": PROJECT["project"]["name"], "version": __version__}
    assert recipe["about"]["license"] == PROJECT["project"]["license"]
    assert recipe["about"]["summary"] == PROJECT["project"]["description"]
    assert [recipe["about"]["license_file"]] == PROJECT["project"]["license-files"]


def test_recipe_needs_what_the_package_needs(recipe: dict[str, Any]) -> None:
    python = f"python {PROJECT['project']['requires-python']}"
    assert recipe["requirements"]["run"] == [python, *map(conda, PROJECT["project"]["dependencies"])]
    assert recipe["requirements"]["host"] == [python, "pip", *map(conda, PROJECT["build-system"]["requires"])]


def test_recipe_makes_the_command(recipe: dict[str, Any]) -> None:
    assert recipe["build"]["entry_points"] == [f"{k} = {v}" for k, v in PROJECT["project"]["scripts"].items()]


def test_image_has_known_instructions_and_a_python_that_the_package_takes(image: list[tuple[str, str]]) -> None:
    assert {name for name, _ in image} <= INSTRUCTIONS
    (base,) = (arguments for name, arguments in image if name == "FROM")
    minor = int(re.fullmatch(r"python:3\.(\d+)-slim", base)[1])
    assert minor >= int(PROJECT["project"]["requires-python"].removeprefix(">=3."))


def test_image_copies_what_is_there_and_what_building_needs(image: list[tuple[str, str]]) -> None:
    copied = [name for kind, arguments in image if kind == "COPY" for name in arguments.split()[:-1]]
    assert all((REPOSITORY / name).exists() for name in copied)
    package = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {"pyproject.toml", PROJECT["project"]["readme"], *PROJECT["project"]["license-files"], *package} <= {*copied}
    rules = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").split()
    assert rules[0] == "*"
    sent = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
    assert all(any(fnmatch.fnmatch(name, rule) for rule in sent) for name in copied)


def test_image_installs_the_tested_versions(image: list[tuple[str, str]]) -> None:
    installing = [arguments for kind, arguments in image if kind == "RUN" and "pip install" in arguments]
    assert all("constraints.txt" in arguments for arguments in installing)
    assert "$INDEX" in installing[0]  # where torch comes from; elsewhere nothing is named
    assert ("ARG", "INDEX") in image
    pinned = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert len([line for line in pinned if line.startswith("torch==")]) == 1


def test_image_runs_as_an_ordinary_user_and_leaves_the_command_to_the_workflow(image: list[tuple[str, str]]) -> None:
    users = [arguments for kind, arguments in image if kind == "USER"]
    assert len(users) == 1
    assert users[0] not in ("root", "0")
    order = [kind for kind, _ in image]
    assert "RUN" not in order[order.index("USER") :]
    assert "ENTRYPOINT" not in order  # workflow managers start a shell in it
