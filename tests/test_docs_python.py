"""What pages say of Python besides the blocks that run: the tables of functions, and calls in the text."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

import mmvae_cli
from mmvae_cli.pipeline.command_options import CONFIGS, options_of
from tests.test_docs import ALL_PAGES, DOCS, examples

ROW = re.compile(r"^\| (`\w.*?) \| .* \|$", re.MULTILINE)
COMMANDS, FIGURES = (ROW.findall(part) for part in (DOCS / "python.md").read_text(encoding="utf-8").split("## Figures"))
CALLS = [
    code
    for page in ALL_PAGES
    for code in examples.inline(page.read_text(encoding="utf-8"))
    if re.match(r"mmvae_cli\.\w+\(", code)
]


def functions(rows: list[str]) -> dict[str, str]:
    """Parameters as shown, by the name of the function; a row may name several functions."""
    return dict(re.findall(r"`(\w+)(?:\((.*?)\))?`", " ".join(rows)))


def parameters(function: Callable[..., Any]) -> list[str]:
    """Parameters as the page shows them."""
    shown = inspect.signature(function, eval_str=False).parameters.values()
    return [
        f"**{one.name}"
        if one.kind is one.VAR_KEYWORD
        else one.name + ("" if one.default is one.empty else f"={one.default!r}").replace("'", '"')
        for one in shown
    ]


def test_every_function_of_a_command_is_on_the_page_with_its_parameters() -> None:
    there = {name for name in mmvae_cli.__all__ if name not in ("__version__", "pl")}
    shown = functions(COMMANDS)
    assert shown.keys() == there
    assert {name: shown[name].split(", ") for name in shown} == {
        name: parameters(getattr(mmvae_cli, name)) for name in shown
    }


def test_every_figure_is_on_the_page_with_parameters_that_it_has() -> None:
    shown = functions([row for row in FIGURES if "mmvae_cli" not in row])
    assert shown.keys() == {*mmvae_cli.pl.__all__} - {"save"}
    for name, given in shown.items():
        assert {*filter(None, given.split(", "))} <= {*parameters(getattr(mmvae_cli.pl, name))}, name


@pytest.mark.parametrize("call", CALLS)
def test_a_call_in_the_text_has_a_function_and_options_that_exist(call: str) -> None:
    found = ast.parse(call, mode="eval").body
    assert isinstance(found, ast.Call)
    name = ast.unparse(found.func).removeprefix("mmvae_cli.")
    assert name in mmvae_cli.__all__
    if name in CONFIGS:
        options_of(name, {one.arg: ast.literal_eval(one.value) for one in found.keywords})
