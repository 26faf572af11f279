"""Run the command line inside the test's own process, and compare folders before and after."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shlex
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmvae_cli.cli.main import main
from tests.logged import log_as_before

QUICK = "--epochs 3 --threads 1"


@dataclass(frozen=True)
class Result:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout."""
        return json.loads(self.out)


def mmvae(command_line: str) -> Result:
    """Run ``mmvae <command line>``; leaves log and signals as they were."""
    out, err = io.StringIO(), io.StringIO()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with log_as_before(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(shlex.split(command_line))
    except SystemExit as end:
        return Result(int(end.code or 0), out.getvalue(), err.getvalue())
    finally:
        signal.signal(signal.SIGTERM, handler)
    raise AssertionError("main always ends with an exit code")


def done(command_line: str) -> Result:
    """Run a command that must succeed."""
    result = mmvae(command_line)
    assert result.code == 0, f"mmvae {command_line} gave {result.code}:\n{result.err}"
    return result


def refused(command_line: str, code: int, *words: str) -> Result:
    """Run a command that must be refused in one or two lines, naming ``words``, and change nothing."""
    before = state(Path.cwd())
    result = mmvae(command_line)
    assert result.code == code, f"mmvae {command_line} gave {result.code}:\n{result.err}"
    assert state(Path.cwd()) == before
    assert result.out == ""
    assert "Traceback" not in result.err
    errors = error_lines(result.err)
    assert 1 <= len(errors) <= 2
    for word in words:
        assert word in "\n".join(errors), f"{word!r} is not in:\n{result.err}"
    return result


def error_lines(err: str) -> list[str]:
    """The lines of stderr from the error on; what comes before is the log."""
    lines = err.splitlines()
    first = next((index for index, line in enumerate(lines) if line.startswith("error: ")), len(lines))
    return lines[first:]


def state(folder: Path) -> dict[str, object]:
    """Content of every file, target of every link, in a folder and those in it."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = ("link", path.readlink())
        elif path.is_dir():
            found[name] = "folder"
        else:
            found[name] = (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mode)
    return found
