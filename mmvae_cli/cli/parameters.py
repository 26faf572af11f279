"""From the options of a command to the flags of the command line: one table serves both."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import Field, fields, is_dataclass
from typing import Annotated, Any

import typer

from mmvae_cli.options import Options, default_of, flag_name

Inputs = Annotated[
    list[str] | None,
    typer.Argument(metavar="INPUT", hidden=True),  # each command says in its own words what it takes
]
Labels = Annotated[str | None, typer.Option("--obs", metavar="FILE", help="Table of labels, sample names first.")]
Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write here and leave the input as it is."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the run folder or the output file.")]
Preset = Annotated[str | None, typer.Option(metavar="NAME", help="Recipe: paper.")]
ConfigFile = Annotated[
    str | None, typer.Option("--config", metavar="FILE", help="YAML file of options; flags win over it.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show warnings and errors only.")]

Command = Callable[..., None]


def _parameter(item: Field[Any]) -> inspect.Parameter:
    """Flag of one option; not given is None, so that presets and files can fill it."""
    default, flag = default_of(item), flag_name(item.name)
    if isinstance(default, bool):
        option = typer.Option(f"{flag}/--no-{flag[2:]}", help=item.metadata["help"], show_default=False)
        annotation: Any = Annotated[bool | None, option]
    else:
        text = item.metadata["help"]
        if default not in (None, (), {}):
            shown = ",".join(default) if isinstance(default, tuple) else default
            text = f"{text} [default: {shown}]"
        option = typer.Option(flag, help=text, metavar=item.metadata["metavar"])
        text_or_texts: Any = list[str] if item.metadata["repeat"] else str
        annotation = Annotated[text_or_texts | None, option]
    return inspect.Parameter(item.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _most_special_first(config: type[Options]) -> list[Field[Any]]:
    """Fields of a table in the order in which a help text should show them: its own before those it inherits."""
    items = {item.name: item for item in fields(config)}
    tables = [table for table in config.__mro__ if is_dataclass(table)]
    names = dict.fromkeys(name for table in tables for name in inspect.get_annotations(table))
    return [items[name] for name in names if name in items]


def with_options(config: type[Options]) -> Callable[[Command], Command]:
    """Give a command that takes ``**options`` a flag for every field of a table of options."""

    def decorate(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True)
        explicit = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        explicit = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in explicit]
        flags = [_parameter(item) for item in _most_special_first(config)]
        command.__signature__ = inspect.Signature([*flags, *explicit])  # type: ignore[attr-defined]
        return command

    return decorate


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Options that stand on the command line."""
    return {name: value for name, value in options.items() if value is not None and value != []}
