"""Write docs/commands.md from the commands themselves: their docstrings and the table of their options.

    python scripts/docs.py           write it
    python scripts/docs.py --check   say whether it is up to date; exit code 1 if not

Nothing is taken from rendered help, so the page does not depend on a terminal or on the version of typer.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, get_args

from mmvae_cli import errors, values
from mmvae_cli.cli import console, main
from mmvae_cli.options import default_of, flag_name
from mmvae_cli.pipeline.command_options import CONFIGS, PRESETS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"

INTRODUCTION = """\
# Commands

Written by `scripts/docs.py` from the commands; change those, not this page. `mmvae COMMAND --help` says the same.

- **INPUT** is one `file.h5mu` or `data.zarr`, one 10x Genomics `.h5` or folder, or `name=file` for each modality,
  where the file is a table (`.csv`, `.tsv`, `.txt`, also `.gz`; `.parquet`; samples are rows, or columns with
  `--transpose name`), an
  `.h5ad` file, a 10x `.h5` or folder, or `file.h5mu/name`. `--obs labels.csv` adds a table of labels.
- `[M=]VALUE` may be given several times: `--other 100` for all modalities, `--other rna=250` for one of them.
- Every option may stand in a YAML file, `--config options.yaml`, one per line (`epochs: 200`, `other: {rna: 250}`).
  Flags win over the file, the file over a preset. Options that are on or off have a `--no-…` form for that.
- Results go to stdout, log and progress to stderr. `--json` prints one object, for programs.

The examples below run one after the other on a copy of the example data:

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
Row = tuple[str, str, str]  # flag, default, meaning


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
    table = {item.name: item for item in fields(CONFIGS[name_of(command)])}
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in table:
            yield table_row(table[parameter.name])
        elif parameter.name != "inputs":
            yield own_row(parameter)


def table_row(item: Field[Any]) -> Row:
    """An option of the command's table."""
    default, flag = default_of(item), flag_name(item.name)
    meaning, shown = described(item.metadata["help"])
    if item.metadata["parse"] is values.flag:
        return code(flag), shown or ("on" if default else "off"), meaning
    if default not in (None, (), {}):
        shown = code(",".join(default) if isinstance(default, tuple) else plain(default))
    return code(f"{flag} {item.metadata['metavar']}"), shown, meaning


def own_row(parameter: inspect.Parameter) -> Row:
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


def section(command: Command) -> Iterator[str]:
    """Lines of one command."""
    purpose, details, example = paragraphs(command)
    name = name_of(command)
    yield from (f"## {name}", "", prose(purpose), "")
    for paragraph in details:
        yield from (prose(paragraph), "")
    usage = f"mmvae {name} [OPTIONS]" + (" [INPUT]..." if takes_input(command) else "")
    yield from ("Usage: " + code(usage), "", "Example:", "", "```sh", example, "```", "")
    yield from ("| option | default | meaning |", "|---|---|---|")
    for flag, default, meaning in option_rows(command):
        yield f"| {flag} | {default} | {escaped(meaning)} |"
    yield ""


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


def page() -> str:
    """The whole page."""
    lines = [INTRODUCTION]
    for command in main.COMMANDS:
        lines += section(command)
    return "\n".join([*lines, *ending()]) + "\n"


def run(arguments: list[str] | None = None, path: Path = PAGE) -> int:
    """Write or check the page; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if the page is out of date")
    options: Any = parser.parse_args(arguments)
    current = path.read_text(encoding="utf-8") if path.exists() else ""
    if options.check and current != page():
        sys.stderr.write(f"{path.parent.name}/{path.name} is out of date: run python scripts/docs.py\n")
        return 1
    if not options.check:
        path.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(run())
