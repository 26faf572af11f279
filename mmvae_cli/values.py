"""Parsers of option values: from the text of a flag, a YAML value or a Python argument to one checked type.

Each parser takes any of these and returns the value, or raises ValueError saying what is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmvae_cli.errors import did_you_mean, listed

Parser = Callable[[Any], Any]

EVERY = "*"  # key of a per-modality option that was given without a modality


def text(raw: Any) -> str:
    """Any text that is not empty."""
    if not isinstance(raw, (str, int, float)) or isinstance(raw, bool) or not str(raw).strip():
        raise ValueError("a name is needed")
    return str(raw)


def key(raw: Any) -> str:
    """A name that can stand in keys of the data."""
    if not text(raw).replace("_", "").replace("-", "").isalnum():
        raise ValueError("letters, digits, _ and - are allowed in a key")
    return str(raw)


def path(raw: Any) -> str:
    """A path, as text."""
    if not isinstance(raw, (str, Path)):
        raise ValueError("a path is needed")
    return text(str(raw))


def flag(raw: Any) -> bool:
    """True or False."""
    if not isinstance(raw, bool):
        raise ValueError("true or false is needed")
    return raw


def whole(minimum: int) -> Parser:
    """A whole number, at least ``minimum``."""

    def parse(raw: Any) -> int:
        value: Any = None
        try:
            value = int(raw) if isinstance(raw, str) else raw
        except ValueError:
            value = None
        if isinstance(value, bool) or (not isinstance(value, int) and not hasattr(value, "__index__")):
            raise ValueError(f"a whole number of at least {minimum} is needed")
        if int(value) < minimum:
            raise ValueError(f"a whole number of at least {minimum} is needed")
        return int(value)

    return parse


def number(minimum: float = 0.0, maximum: float = math.inf, *, above: bool = False) -> Parser:
    """A finite number between the bounds; with ``above`` the lower bound itself is excluded."""
    wanted = f"a number {'above' if above else 'of at least'} {minimum:g}"
    if maximum < math.inf:
        wanted += f" and at most {maximum:g}"

    def parse(raw: Any) -> float:
        try:
            value = math.nan if isinstance(raw, bool) else float(raw)
        except (TypeError, ValueError):
            value = math.nan
        inside = value > minimum if above else value >= minimum
        if not (math.isfinite(value) and inside and value <= maximum):
            raise ValueError(f"{wanted} is needed")
        return value

    return parse


def fraction(raw: Any) -> float:
    """A fraction of the samples, 0 up to but not including 1."""
    value = number(0.0, 1.0)(raw)
    if value == 1.0:
        raise ValueError("a fraction below 1 is needed")
    return float(value)


def choice(*allowed: str) -> Parser:
    """One of a few words."""

    def parse(raw: Any) -> str:
        if raw not in allowed:
            raise ValueError(f"{did_you_mean(str(raw), allowed)}allowed: {listed(allowed)}")
        return str(raw)

    return parse


def with_place(*allowed: str) -> Parser:
    """One of a few words, and a place behind a colon if one is named; returned as that text."""

    def parse(raw: Any) -> str:
        name, colon, place = text(raw).partition(":")
        if colon and not place.strip():
            raise ValueError(f"a place is needed behind the colon, as in {name}:folder")
        return f"{choice(*allowed)(name)}{colon}{place}"

    return parse


def model_name(objectives: Mapping[str, object], aliases: Mapping[str, str]) -> Parser:
    """An objective's name or alias, in any case."""

    def parse(raw: Any) -> str:
        name = str(raw).lower()
        name = aliases.get(name, name)
        return str(choice(*objectives)(name))

    return parse


def names(raw: Any) -> tuple[str, ...]:
    """Names separated by commas, or a sequence of them."""
    if not isinstance(raw, (str, list, tuple)):
        raise ValueError("names separated by commas are needed")
    parts = raw.split(",") if isinstance(raw, str) else raw
    found = tuple(str(part).strip() for part in parts)
    if not found or not all(found):
        raise ValueError("names separated by commas are needed")
    if len(set(found)) < len(found):
        raise ValueError("each name may be given once")
    return found


def all_names(raw: Any) -> tuple[str, ...]:
    """Names of a flag that may be given several times, each time with one or with several separated by commas."""
    parts = raw if isinstance(raw, (list, tuple)) else [raw]
    pieces = [piece for part in parts for piece in (part.split(",") if isinstance(part, str) else [part])]
    return names(pieces) if pieces else ()


def several(parser: Parser) -> Parser:
    """Values separated by commas, or a sequence of them; a single one will do."""

    def parse(raw: Any) -> tuple[Any, ...]:
        parts = raw.split(",") if isinstance(raw, str) else raw if isinstance(raw, (list, tuple)) else [raw]
        found = tuple(parser(part) for part in parts)
        if not found or any(found.count(one) > 1 for one in found):
            raise ValueError("each value may be given once")
        return found

    return parse


def ranked_filter(*names: str) -> Parser:
    """A way to rank features and how many to take, as ``name:number``; returned as that text."""

    def parse(raw: Any) -> str:
        name, _, number = str(raw).partition(":")
        if not number:
            raise ValueError(f"a number of features is needed, as in {names[0]}:2000")
        return f"{choice(*names)(name.strip())}:{whole(1)(number.strip())}"

    return parse


def per_modality(parser: Parser, *, everywhere: bool = True) -> Parser:
    """``name=value`` for single modalities, and a bare value for all of them; later ones win."""

    def parse(raw: Any) -> dict[str, Any]:
        if isinstance(raw, Mapping):
            if EVERY in raw and not everywhere:
                raise ValueError("name=value is needed, with the name of a modality")
            return {str(name): parser(value) for name, value in raw.items()}
        found = {}
        for part in _parts(raw):
            name, equals, value = part.partition("=") if isinstance(part, str) else (EVERY, "", part)
            if isinstance(part, str) and not equals:
                name, value = EVERY, part
            if not name or (name == EVERY and not everywhere):
                raise ValueError("name=value is needed, with the name of a modality")
            found[name] = parser(value)
        return found

    return parse


def _parts(raw: Any) -> list[Any]:
    """What was given, one piece for each time; ``rna=10,atac=5`` is two pieces."""
    parts: list[Any] = []
    for part in raw if isinstance(raw, (list, tuple)) else [raw]:
        pieces = part.split(",") if isinstance(part, str) else [part]
        parts += pieces if len(pieces) > 1 and all("=" in piece for piece in pieces) else [part]
    return parts


def latent(raw: Any) -> dict[str, int] | tuple[int, ...]:
    """Latent sizes: ``2+2+2`` (private+shared+private), ``4`` (each block), ``shared=4,rna=3``, or a mapping."""
    size = whole(0)
    try:
        if isinstance(raw, Mapping):
            return {str(name): size(value) for name, value in raw.items()}
        if isinstance(raw, int):
            return {EVERY: size(raw)}
        if isinstance(raw, str) and "=" in raw:
            pairs = [part.split("=") for part in raw.split(",")]
            sizes = {name.strip(): size(value) for name, value in pairs}
            if len(sizes) < len(pairs):
                raise ValueError("a block is named twice")
            return sizes
        parts = tuple(size(part) for part in (raw.split("+") if isinstance(raw, str) else raw))
    except (TypeError, ValueError):
        parts = ()
    if len(parts) == 1:
        return {EVERY: parts[0]}
    if len(parts) != 3:
        raise ValueError("write 2+2+2 for private+shared+private of two modalities, or shared=4,rna=3,atac=3")
    return parts


def latents(raw: Any) -> tuple[Any, ...]:
    """Several latent sizes, each as ``latent`` takes it: ``2+2+2,3+3+3``, or a sequence."""
    if not isinstance(raw, (list, tuple)) or all(isinstance(part, int) for part in raw):
        raw = [raw]
    return several(latent)([piece for part in raw for piece in _sizes(part)])


def _sizes(part: Any) -> list[Any]:
    """The pieces of what one flag says; ``shared=4,rna=3`` is one."""
    return part.split(",") if isinstance(part, str) and "=" not in part else [part]
