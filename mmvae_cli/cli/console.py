"""Talking to the user: results on stdout, log and errors on stderr; the one place where errors become exit codes."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import signal
import sys
import tempfile
import traceback
from types import FrameType
from typing import Any

from rich.console import Console
from rich.markup import escape

from mmvae_cli.errors import CannotWriteError, MmvaeError, did_you_mean, listed

UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}
OUT_OF_MEMORY, INTERRUPTED, TERMINATED, BUG, PIPE_CLOSED = 137, 130, 143, 70, 141

WIDE = 160  # columns where the output is no terminal: tables are not cut, lines not broken


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave the exit code to the one place that chooses it; rich by itself would end with 1."""
        raise BrokenPipeError


class _LogConsole(_Console):
    def print(self, *objects: Any, **options: Any) -> None:
        """Say it if it can be said: work is not given up because its log cannot be written."""
        with contextlib.suppress(OSError):
            super().print(*objects, **options)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    is_terminal = stream is not None and stream.isatty()  # None: closed by whoever started this
    return (_LogConsole if stderr else _Console)(
        stderr=stderr, highlight=False, emoji=False, soft_wrap=not is_terminal, width=None if is_terminal else WIDE
    )


out = _console(stderr=False)
err = _console(stderr=True)


def literal(text: object) -> str:
    """Text from outside, to be printed as it is: no markup in it counts, and nothing in it moves the cursor."""
    return escape(
        "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(text))
    )


STYLES = {logging.WARNING: "[yellow]warning:[/yellow] ", logging.ERROR: "[red]error:[/red] "}


class _Handler(logging.Handler):
    """Shows what the library logs, each message once, and keeps the warnings for ``--json``."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__(logging.WARNING if quiet else logging.INFO)
        self.warnings: list[str] = []
        self.shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message in self.shown:  # a table is read twice where results are written into a copy of it
            return
        self.shown.add(message)
        if record.levelno >= logging.WARNING:
            self.warnings.append(message)
        err.print(STYLES.get(record.levelno, "") + literal(message))


def set_up_log(*, quiet: bool) -> list[str]:
    """Show the library's log on stderr; returns the list that collects warnings."""
    log = logging.getLogger("mmvae_cli")
    for old in list(log.handlers):
        log.removeHandler(old)
    handler = _Handler(quiet=quiet)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    return handler.warnings


def print_json(value: dict[str, Any], warnings: list[str]) -> None:
    """Print one JSON object on stdout."""
    if sys.stdout is None:
        raise CannotWriteError("standard output is closed", hint="--json prints there; everything else is done")
    sys.stdout.write(json.dumps({**value, "warnings": warnings}, allow_nan=False, ensure_ascii=False, indent=1) + "\n")


def show_error(message: str, hint: str = "") -> None:
    """Print an error of one or two lines on stderr."""
    err.print(f"[red]error:[/red] {literal(message)}")
    if hint:
        err.print(f"  {literal(hint)}")


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


def exit_code_of(error: BaseException) -> int:
    """Show what went wrong and return the exit code for it."""
    if isinstance(error, MmvaeError):
        show_error(str(error.args[0]), error.hint)
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else BUG
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        show_error("interrupted; no output is left half written")
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        _drop_output()
        return PIPE_CLOSED
    if (
        isinstance(error, OSError) and error.errno in UNWRITABLE and error.filename is None
    ):  # files have their own error
        _drop_output()
        show_error(f"cannot print the result: {os.strerror(error.errno)}", "whatever goes into files is done")
        return CannotWriteError.exit_code
    if isinstance(error, MemoryError):
        show_error("out of memory", "use fewer features (--shared, --other) or samples, or a machine with more")
        return OUT_OF_MEMORY
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # raised by the parser of the command line
        return _wrong_usage(error)
    return _bug(error)


def _drop_output() -> None:
    """Let what could not be printed be forgotten, so that the last flush does not fail, too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _wrong_usage(error: Any) -> int:
    """Say what the parser of the command line found wrong."""
    context = getattr(error, "ctx", None)
    help_is_at = f"see {context.command_path} --help" if context is not None else "see mmvae --help"
    nearest = sorted(getattr(error, "possibilities", None) or ())
    commands = getattr(getattr(context, "command", None), "commands", None)
    if hasattr(error, "option_name") and "No such option" in str(error.message):
        show_error(f"unknown option {error.option_name}", _did_you_mean(nearest) + help_is_at)
    elif commands and str(error.message).startswith("No such command"):
        name = str(error.message).split("'")[1]
        show_error(f"unknown command {name!r}", f"{did_you_mean(name, commands)}commands: {listed(commands)}")
    else:
        show_error(error.format_message(), help_is_at)
    return int(error.exit_code)


def _did_you_mean(names: list[str]) -> str:
    return f"did you mean {' or '.join(names)}? " if names else ""


def _bug(error: BaseException) -> int:
    details = "".join(traceback.format_exception(error))
    show_error(f"this is a bug: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="mmvae-error-", suffix=".log", delete=False, encoding="utf-8"
        ) as file:
            file.write(details)
        err.print(f"  please report it with the details in {escape(file.name)}")
    except OSError:  # no place for a file either
        err.print(f"  please report it:\n{escape(details)}")
    return BUG


def occupy_closed_streams() -> None:
    """Give the numbers of closed standard streams to nothing, or the next file of data that is opened gets them."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)


def listen_for_termination() -> None:
    """Let SIGTERM end the process through the clean-up of whatever is being written."""
    signal.signal(signal.SIGTERM, _terminate)
