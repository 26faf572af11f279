"""Run the examples of README.md and docs/, and put their output where it is shown.

    python scripts/examples.py README.md docs/python.md     run them, write the output of ```console blocks anew

Blocks marked ```sh and ```console are commands (in ```console after ``$``, with their output below), blocks marked
```python are run as they stand. All blocks of a page run in order, in one temporary folder that holds a copy of
example_data. Installation and whatever else shall not run stands in ```bash or ```text.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"[-−]?\d+(,\d{3})*(\.\d+)?|–")
DECIDED_BY_NUMBERS = re.compile(  # which lines are there: verdicts on baselines, rows of associations
    r"^.* better than the model does .*\n?|(?<=^associations of the latents)[\s\S]*?(?=^tested: )", re.MULTILINE
)
RUNS = ("sh", "console", "python")
ANY_BLOCK = re.compile(r"^(?P<fence> *```)[^\n`]*\n.*?^(?P=fence)$|^\n(?:    [^\n]*\n)+", re.DOTALL | re.MULTILINE)
PROGRAM = re.compile(  # with arguments: without, its name alone is meant
    r"(?:[A-Z_]+=\S+ )*(?:mmvae|python[\d.]*|pip|make|sh|docker|apptainer|snakemake|nextflow|multiqc|mlflow|tensorboard"
    r"|pre-commit|apt-get) \S"
)
COMMAND_LINE = re.compile(r"^ *(?:\$ )?(mmvae [a-z-](?:.*\\\n)*.*)$", re.MULTILINE)


class ExampleError(Exception):
    """An example of the documentation fails."""


@dataclass(frozen=True)
class Block:
    """A fenced block that runs: its language, its text and where the text stands in the page."""

    language: str
    text: str
    start: int
    line: int


@dataclass(frozen=True)
class Shown:
    """A command that a page shows but does not mark as one that runs; ``inline``: it stands in the text."""

    command: str
    line: int
    inline: bool


def blocks(page: str) -> list[Block]:
    """Every block of a page that is to be run."""
    found = (Block(m[1], m[2], m.start(2), page.count("\n", 0, m.start(2)) + 1) for m in FENCED.finditer(page))
    return [block for block in found if block.language in RUNS]


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Commands of a block, each with the output that is shown below it."""
    lines = block.text.replace("\\\n", " ").splitlines(keepends=True)
    if block.language == "sh":
        yield from ((line.strip(), "") for line in lines if line.strip() and not line.startswith("#"))
        return
    command, output = "", ""
    for line in lines:
        if not line.startswith("$ "):
            output += line
            continue
        if command:
            yield command, output
        command, output = line[2:].strip(), ""
    yield command, output


def _inline(page: str) -> Iterator[tuple[str, int]]:
    """Code within the text of a page, with its line."""
    text = ANY_BLOCK.sub(lambda block: "\n" * block[0].count("\n"), page)
    for code in re.finditer(r"`([^`]+)`", text):
        yield " ".join(code[1].split()), text.count("\n", 0, code.start()) + 1


def inline(page: str) -> list[str]:
    """Code within the text of a page."""
    return [code for code, _ in _inline(page)]


def command_lines(page: str) -> Iterator[str]:
    """Every call of ``mmvae``, run or not, in blocks and in the text."""
    for block in ANY_BLOCK.finditer(page):
        yield from (found[1].replace("\\\n", " ") for found in COMMAND_LINE.finditer(block[0]))
    yield from (code for code in inline(page) if re.match(r"mmvae (?!.*\[OPTIONS\])[a-z-]", code))


def shown(page: str) -> list[Shown]:
    """Every command of a page that is in no block that runs, in the order of the page."""
    running = {block.line for block in blocks(page)}
    found = [Shown(code, line, True) for code, line in _inline(page) if PROGRAM.match(code) and "OPTIONS]" not in code]
    for block in ANY_BLOCK.finditer(page):
        first = page.count("\n", 0, block.start()) + 1
        if first + 1 in running:
            continue
        anything = block[0].startswith("```bash\n")  # else what is no known program is no command
        for line in re.finditer(r"^ *(?:\$ )?((?:.*\\\n)*.*)$", block[0], re.MULTILINE):
            command = re.split(r"(?:^|\s)#\s", line[1].replace("\\\n", " "))[0].strip()
            if PROGRAM.match(command) or (anything and command.strip("`") not in ("", "bash")):
                found.append(Shown(command, first + block[0].count("\n", 0, line.start()), False))
    return sorted(found, key=lambda one: one.line)


def parse(command: str) -> None:
    """Check that a call of ``mmvae`` has a command, options and values that exist; nothing is read or run."""
    from typer.main import get_command

    from mmvae_cli.cli.main import app
    from mmvae_cli.cli.parameters import given
    from mmvae_cli.pipeline.command_options import options_of

    _, *words = shlex.split(command.partition(" > ")[0], comments=True)
    group: Any = get_command(app)
    if words[0].startswith("-"):
        known = {flag for option in group.get_params(group.context_class(group)) for flag in option.opts}
        if not {*words} <= known:
            raise ExampleError(f"$ {command}\nknown: {', '.join(sorted(known))}")
        return
    name, found, rest = group.resolve_command(group.make_context("mmvae", list(words)), words)
    values = found.make_context(name, rest).params
    options_of(name, {k: v for k, v in given(values).items() if v != ()}, preset=values.get("preset"))


def without_numbers(text: str) -> str:
    """Output as it is whatever the numbers: they differ between machines, and so does the padding around them."""
    return "\n".join(
        " ".join(NUMBER.sub("#", line).split()) for line in DECIDED_BY_NUMBERS.sub("", text).strip().splitlines()
    )


def run_command(command: str, extra: Mapping[str, Sequence[str]]) -> str:
    """Run a command in the current folder and return its stdout; ``extra["train"]`` goes behind ``mmvae train …``."""
    words = shlex.split(command)
    if words[0] != "mmvae":
        here = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(["sh", "-ec", command], capture_output=True, text=True, check=False, env=here)
        code, out, err = done.returncode, done.stdout, done.stderr
    else:
        words, target = (words[:-2], words[-1]) if words[-2:-1] == [">"] else (words, None)
        code, out, err = _mmvae([*words[1:], *extra.get(words[1], ())])
        if target is not None:
            Path(target).write_text(out, encoding="utf-8")
            out = ""
    if code != 0:
        raise ExampleError(f"$ {command}\nexit code {code}\n{out}{err}")
    return out


def _mmvae(arguments: list[str]) -> tuple[int, str, str]:
    """Run mmvae in this process, which has imported torch already; leaves log and signals as they were."""
    from mmvae_cli.cli.main import main

    log, before = logging.getLogger("mmvae_cli"), signal.getsignal(signal.SIGTERM)
    state = (list(log.handlers), log.level, log.propagate)
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(arguments)
    except SystemExit as done:
        code = done.code
    finally:
        log.handlers, log.level, log.propagate = state
        signal.signal(signal.SIGTERM, before)
    return int(code or 0), out.getvalue(), err.getvalue()


def run_page(
    path: Path, folder: Path, extra: Mapping[str, Sequence[str]] | None = None
) -> Iterator[tuple[Block, str, str, str]]:
    """Run all blocks of a page in a folder; gives each command with the output shown and the real one."""
    if not (folder / "example_data").exists():
        shutil.copytree(REPOSITORY / "example_data", folder / "example_data")
    names: dict[str, Any] = {"__name__": "example"}
    with contextlib.chdir(folder):
        for block in blocks(path.read_text(encoding="utf-8")):
            where = f"{path.name}, line {block.line}"
            try:
                if block.language == "python":
                    exec(compile(block.text, where, "exec"), names)
                    continue
                for command, shown in commands(block):
                    yield block, command, shown, run_command(command, extra or {})
            except ExampleError as error:
                raise ExampleError(f"{where}: {error}") from None


def rewritten(path: Path, folder: Path) -> str:
    """The page with the output that its commands give now."""
    original = page = path.read_text(encoding="utf-8")
    for block, _, shown, real in run_page(path, folder):
        if block.language == "console" and shown.strip():
            start = block.start + len(page) - len(original)  # what was replaced so far stands before
            output = real.rstrip() + "\n" + "\n" * shown.endswith("\n\n")
            page = page[:start] + page[start:].replace(f"\n{shown}", f"\n{output}", 1)
    return page


def run(paths: Sequence[str]) -> None:
    """Run the pages and write them with their output."""
    for name in paths or [str(REPOSITORY / "README.md"), *map(str, sorted((REPOSITORY / "docs").glob("*.md")))]:
        path = Path(name).resolve()
        with tempfile.TemporaryDirectory() as folder:
            page = rewritten(path, Path(folder))
        path.write_text(page, encoding="utf-8")


def parser() -> argparse.ArgumentParser:
    """The words that the script takes."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("pages", nargs="*", help="pages to run (default: README.md and docs/*.md)")
    return found


if __name__ == "__main__":
    run(parser().parse_args().pages)
