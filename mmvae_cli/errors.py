"""Every error the tool raises on purpose, each with the exit code of the command line.

    MmvaeError                       70  a bug, or anything not listed below
    ├── UsageError                    2  the request is wrong by itself: unknown option, malformed value
    ├── DataError                    65  the data are bad, or do not fit the request
    ├── InputNotFoundError           66  no such input file or run folder
    ├── CannotCreateError            73  an output exists already, or its place is read-only
    ├── CannotWriteError             74  writing failed on the way: disk full, I/O error
    └── OutOfMemoryError            137  there is not as much memory as is needed

A message says what was found; the hint says what is allowed or what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


class MmvaeError(Exception):
    """Base of all errors raised on purpose.

    Parameters
    ----------
    message
        What was found, in one line.
    hint
        What is allowed or what to do, in one line; may be empty.
    """

    exit_code = 70

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message}\n{self.hint}" if self.hint else message


class UsageError(MmvaeError):
    """The request is wrong whatever the data are."""

    exit_code = 2


class DataError(MmvaeError):
    """The data are bad, or do not fit what was asked."""

    exit_code = 65


class InputNotFoundError(MmvaeError):
    """There is no such input file or run folder."""

    exit_code = 66


class CannotCreateError(MmvaeError):
    """An output cannot be created where it was asked for."""

    exit_code = 73


class CannotWriteError(MmvaeError):
    """Writing failed on the way; what was there before is untouched."""

    exit_code = 74


class OutOfMemoryError(MmvaeError):
    """There is not as much memory as is needed."""

    exit_code = 137


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """Return ``"did you mean 'x'? "`` for the nearest allowed name, or an empty string."""
    by_lowercase = {candidate.lower(): candidate for candidate in allowed}
    nearest = difflib.get_close_matches(name.lower(), by_lowercase, n=1, cutoff=0.5)
    return f"did you mean {by_lowercase[nearest[0]]!r}? " if nearest else ""


def listed(names: Iterable[str], most: int = 12) -> str:
    """Join names for a message, cut after ``most`` of them."""
    names = list(names)
    shown = ", ".join(names[:most])
    return f"{shown}, … ({len(names):,} in all)" if len(names) > most else shown


def counted(number: int, noun: str) -> str:
    """Return ``"1 feature"``, ``"2,000 features"``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def counted_of(number: int, total: int, noun: str) -> str:
    """Return ``"7 of 2,000 features"``."""
    return f"{number:,} of {counted(total, noun)}"


def pick(
    name: str,
    allowed: Iterable[str],
    kind: str,
    *,
    where: str = "",
    error: type[MmvaeError] = DataError,
    aliases: Mapping[str, str] | None = None,
) -> str:
    """Return ``name`` (or what it is an alias of) if it is allowed.

    Parameters
    ----------
    name
        What the user wrote.
    allowed
        The names there are.
    kind
        What it is, for the message: ``"modality"``, ``"model"``.
    where
        Where it was written, for the message: ``"--from"``.
    error
        Which error to raise.
    aliases
        Other spellings and the allowed name each stands for.

    Raises
    ------
    MmvaeError
        Of the type ``error``, naming the nearest allowed name.
    """
    allowed = list(allowed)
    name = (aliases or {}).get(name, name)
    if name in allowed:
        return name
    raise error(
        f"unknown {kind} {name!r}{' in ' if where else ''}{where}",
        hint=f"{did_you_mean(name, [*allowed, *(aliases or {})])}allowed: {listed(allowed)}",
    )
