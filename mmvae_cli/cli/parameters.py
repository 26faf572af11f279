"""From the options of a command to the flags of the command line: one table serves both."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import Field, fields, is_dataclass
from typing import Annotated, Any

import typer

from mmvae_cli import values
from mmvae_cli.options import Options, default_of, flag_name

Command = Callable[..., None]

# Parameters that are no options of the work itself, by name: type and default.
COMMON: dict[str, tuple[Any, Any]] = {
    # each command says in its own words what it takes
    "inputs": (Annotated[list[str] | None, typer.Argument(metavar="INPUT", hidden=True)], None),
    "obs": (
        Annotated[str | None, typer.Option("--obs", metavar="FILE", help="Table of labels, sample names first.")],
        None,
    ),
    "output": (
        Annotated[
            str | None,
            typer.Option("--output", "-o", metavar="FILE", help="Write here and leave the input as it is."),
        ],
        None,
    ),
    "force": (Annotated[bool, typer.Option("--force", help="Replace the run folder or the output file.")], False),
    "multiqc": (
        Annotated[
            str | None,
            typer.Option("--multiqc", metavar="DIR", help="Also write *_mqc.json files for MultiQC into this folder."),
        ],
        None,
    ),
    "name": (
        Annotated[
            str | None,
            typer.Option("--name", metavar="NAME", help="Name of the run in MultiQC (default: that of its folder)."),
        ],
        None,
    ),
    "preset": (Annotated[str | None, typer.Option(metavar="NAME", help="Recipe: paper.")], None),
    "config": (
        Annotated[
            str | None, typer.Option("--config", metavar="FILE", help="YAML file of options; flags win over it.")
        ],
        None,
    ),
    "json": (Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")], False),
    "quiet": (Annotated[bool, typer.Option("--quiet", help="Show warnings and errors only.")], False),
}
READING = ("inputs", "obs")
WRITING = ("output", "force")
REPORTING = ("multiqc", "name")
TALKING = ("config", "json", "quiet")


def _parameter(item: Field[Any]) -> inspect.Parameter:
    """Flag of one option; not given is None, so that presets and files can fill it."""
    default, flag = default_of(item), flag_name(item.name)
    if item.metadata["parse"] is values.flag:
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


def with_options(config: type[Options], *common: str, presets: Iterable[str] = ()) -> Callable[[Command], Command]:
    """Give a command that takes ``**arguments`` a flag for every field of its options, and some of ``COMMON``.

    With ``presets`` the flag ``--preset`` names them.
    """
    parameters = [_parameter(item) for item in _most_special_first(config)]
    for name in common:
        annotation, default = COMMON[name]
        if name == "preset" and presets:
            names = ", ".join(presets)
            annotation = Annotated[str | None, typer.Option(metavar="NAME", help=f"A study of the paper: {names}.")]
        kind = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(name, kind, default=default, annotation=annotation))

    def decorate(command: Command) -> Command:
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return command

    return decorate


def given(arguments: dict[str, Any]) -> dict[str, Any]:
    """Options that stand on the command line, without those in ``COMMON``."""
    return {name: value for name, value in arguments.items() if name not in COMMON and value not in (None, [])}
