"""Write docs/commands.md and docs/commands/ from the commands: their docstrings and the tables of their options.

    python scripts/docs.py           write them
    python scripts/docs.py --check   say which are out of date; exit code 1 if any is

Nothing is taken from rendered help, so the pages do not depend on a terminal or on the version of typer.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import Field, fields
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

from mmvae_cli import errors, values
from mmvae_cli.cli import console, main
from mmvae_cli.options import Options, default_of, flag_name
from mmvae_cli.pipeline.command_options import CONFIGS, PRESETS

FOLDER = Path(__file__).resolve().parents[1] / "docs"
INDEX, PAGES = "commands.md", "commands"

INTRODUCTION = """\
# Commands

{table}

This page and those of the commands are written by `scripts/docs.py` from the commands; change those. `mmvae COMMAND
--help` says the same.

## What all commands share

- **INPUT** is one `file.h5mu` or `data.zarr`, one 10x Genomics `.h5` or folder, or `name=file` for each modality,
  where the file is a table (`.csv`, `.tsv`, `.txt`, also `.gz`; `.parquet`; samples are rows, or columns with
  `--transpose name`), an
  `.h5ad` file, a 10x `.h5` or folder, or `file.h5mu/name`. `--obs labels.csv` adds a table of labels.
- `[M=]VALUE` may be given several times: `--other 100` for all modalities, `--other rna=250` for one of them.
- Every option may stand in a YAML file, `--config options.yaml`, one per line (`epochs: 200`, `other: {rna: 250}`).
  Flags win over the file, the file over a preset. Options that are on or off have a `--no-…` form for that.
- Results go to stdout, log and progress to stderr. `--json` prints one object, for programs.

The examples on the pages of the commands run one after the other, on a copy of the example data:

```sh
cp example_data/cll.h5mu .
```
"""

EXIT_CODES: dict[int, str] = {
    0: "done, and every output named exists",
    errors.UsageError.exit_code: "the command line is wrong by itself: unknown flag or model, malformed value",
    errors.DataError.exit_code: "the data are bad, or do not fit the command",
    errors.InputNotFoundError.exit_code: "no such input or run folder",
    errors.MmvaeError.exit_code: "a bug; one line, and where the details are",
    errors.CannotCreateError.exit_code: "an output cannot be created: it exists, or its place is read-only",
    errors.CannotWriteError.exit_code: "writing failed: disk full, I/O error; what was there before is untouched",
    console.INTERRUPTED: "interrupted (Ctrl-C)",
    console.OUT_OF_MEMORY: "out of memory",
    console.PIPE_CLOSED: "whoever read the output stopped reading",
    console.TERMINATED: "terminated (SIGTERM)",
}

Command = Callable[..., None]
Row = tuple[str, str, str, str]  # group, flag, default, meaning
OF_THE_COMMAND_LINE = "Files and messages."


def name_of(command: Command) -> str:
    """A command as one types it."""
    return command.__name__.replace("_", "-")


def paragraphs(command: Command) -> tuple[str, list[str], str]:
    """Purpose, details and example of a command, from its docstring."""
    text = inspect.cleandoc(command.__doc__ or "")
    text, marker, example = text.partition("Example: ")
    if not marker:
        raise SystemExit(f"mmvae {name_of(command)}: its docstring has no line 'Example: mmvae ...'")
    purpose, *details = [" ".join(part.split()) for part in text.strip().split("\n\n")]
    return purpose, details, example.strip()


def option_rows(command: Command) -> Iterator[Row]:
    """Every option, in the order of the command's help."""
    config = CONFIGS[name_of(command)]
    table = {item.name: item for item in fields(config)}
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in table:
            yield (group(config, parameter.name), *table_row(table[parameter.name]))
        elif parameter.name != "inputs":
            yield (OF_THE_COMMAND_LINE, *own_row(parameter))


def group(config: type[Options], option: str) -> str:
    """What the table is for that an option comes from; nothing for the command's own."""
    owner = next(kind for kind in config.__mro__ if option in inspect.get_annotations(kind))
    return "" if owner is config else inspect.cleandoc(owner.__doc__ or "").splitlines()[0]


def table_row(item: Field[Any]) -> tuple[str, str, str]:
    """An option of the command's table."""
    default, flag = default_of(item), flag_name(item.name)
    meaning, shown = described(item.metadata["help"])
    if item.metadata["parse"] is values.flag:
        return code(flag), shown or ("on" if default else "off"), meaning
    if default not in (None, (), {}):
        shown = code(",".join(default) if isinstance(default, tuple) else plain(default))
    return code(f"{flag} {item.metadata['metavar']}"), shown, meaning


def own_row(parameter: inspect.Parameter) -> tuple[str, str, str]:
    """A flag of the command line that is no option of the table."""
    info = get_args(parameter.annotation)[1]
    names = [name for name in (info.default, *(info.param_decls or ())) if isinstance(name, str)]
    names = sorted(dict.fromkeys(names), key=len) or [flag_name(parameter.name)]
    value = f" {info.metavar}" if info.metavar else ""
    return code(", ".join(names) + value), "" if value else "off", info.help


def plain(value: object) -> str:
    """A value as one would write it."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def flags(option: str, value: object) -> Iterator[str]:
    """An option of a preset as one would write it."""
    flag = flag_name(option)
    if isinstance(value, bool):
        yield flag if value else f"--no-{flag[2:]}"
    elif isinstance(value, dict):
        yield from (f"{flag} {name}={listed(one)}" for name, one in value.items())
    else:
        yield f"{flag} {listed(value)}"


def listed(value: object) -> str:
    """One value, or several with commas."""
    return ",".join(map(plain, value)) if isinstance(value, (list, tuple)) else plain(value)


def takes_input(command: Command) -> bool:
    """Whether a command reads data."""
    return "inputs" in inspect.signature(command).parameters


def described(help_text: str) -> tuple[str, str]:
    """Meaning and default of an option whose help says ``(default: …)`` at its end."""
    found = re.fullmatch(r"(.*) \(default: ([^()]*)\)\.", help_text)
    return (found[1].rstrip() + "." * (found[1][-1] != "."), found[2]) if found else (help_text, "")


def code(text: str) -> str:
    """As code in a cell of a table."""
    return f"`{text}`".replace("|", "\\|")


def prose(text: str) -> str:
    """Text of a docstring, keys as code: Markdown would take <source> for a tag."""
    return re.sub(r'\w+\["[^"]*"\]', lambda found: code(found[0]), text)


def page(command: Command) -> str:
    """The page of one command."""
    purpose, details, example = paragraphs(command)
    name = name_of(command)
    lines = [f"# mmvae {name}", "", prose(purpose), ""]
    for paragraph in details:
        lines += (prose(paragraph), "")
    usage = f"mmvae {name} [OPTIONS]" + (" [INPUT]..." if takes_input(command) else "")
    lines += ("Usage: " + code(usage), "", f"Example, one of [a chain](../{INDEX}#what-all-commands-share):", "")
    lines += ("```sh", example, "```", "", "## Options", "", "| option | default | meaning |", "|---|---|---|")
    for title, rows in groupby(option_rows(command), key=lambda row: row[0]):
        if title:
            lines.append(f"| **{escaped(title.removesuffix('.'))}** | | |")
        lines += (f"| {flag} | {default} | {escaped(meaning)} |" for _, flag, default, meaning in rows)
    return "\n".join([*lines, "", f"[Inputs, `[M=]`, configuration files, exit codes](../{INDEX})"]) + "\n"


def escaped(text: str) -> str:
    """Text in a cell of a table."""
    return text.replace("|", "\\|")


def ending() -> Iterator[str]:
    """Presets and exit codes."""
    yield from ("## Presets", "")
    for command, presets in PRESETS.items():
        for name, options in presets.items():
            shown = " ".join(flag for option, value in options.items() for flag in flags(option, value))
            yield from (f"`mmvae {command} --preset {name}` stands for", "", "```text", shown, "```", "")
    yield from ("## Exit codes", "", "| code | when |", "|---|---|")
    for number, meaning in sorted(EXIT_CODES.items()):
        yield f"| {number} | {meaning} |"


def index() -> str:
    """The page that names the commands, and says what holds for all of them."""
    rows = ["| command | what it does |", "|---|---|"]
    for command in main.COMMANDS:
        name = name_of(command)
        rows.append(f"| [`mmvae {name}`]({PAGES}/{name}.md) | {paragraphs(command)[0]} |")
    return "\n".join([INTRODUCTION.replace("{table}", "\n".join(rows)), *ending()]) + "\n"


def pages() -> dict[str, str]:
    """All pages, by their path in docs/."""
    return {INDEX: index(), **{f"{PAGES}/{name_of(command)}.md": page(command) for command in main.COMMANDS}}


def parser() -> argparse.ArgumentParser:
    """The words that the script takes."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a page is out of date")
    return found


def run(arguments: list[str] | None = None, folder: Path = FOLDER) -> int:
    """Write or check the pages; returns the exit code."""
    options: Any = parser().parse_args(arguments)
    wanted = pages()
    there = [INDEX, *(path.relative_to(folder).as_posix() for path in sorted((folder / PAGES).glob("*.md")))]
    found = {name: (folder / name).read_text(encoding="utf-8") for name in there if (folder / name).exists()}
    stale = [name for name in dict.fromkeys([*wanted, *found]) if wanted.get(name) != found.get(name)]
    if options.check:
        for name in stale:
            sys.stderr.write(f"{folder.name}/{name} is out of date: run python scripts/docs.py\n")
        return bool(stale)
    (folder / PAGES).mkdir(exist_ok=True)
    for name in stale:
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8")
        else:
            (folder / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(run())
