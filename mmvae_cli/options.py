"""How options become checked values: one field with a parser and a help text each, read from any of their sources.

The command line, the YAML file, the presets and the Python functions all go through ``from_options``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from mmvae_cli import values
from mmvae_cli.errors import InputNotFoundError, UsageError, did_you_mean, listed


def option(default: Any, parse: values.Parser, help: str, *, metavar: str = "TEXT", repeat: bool = False) -> Any:
    """Return a dataclass field with its parser and help; ``repeat`` says that the flag may be given several times."""
    metadata = {"parse": parse, "help": help, "metavar": metavar, "repeat": repeat}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Checks every field with its own parser when the object is made."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            default = default_of(item)
            if value is not None and (type(value) is not type(default) or value != default):
                object.__setattr__(self, item.name, parsed(item, value))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


Config = TypeVar("Config", bound=Options)


def default_of(item: Field[Any]) -> Any:
    """Return the default of a field."""
    if item.default is not MISSING:
        return item.default
    assert item.default_factory is not MISSING
    return item.default_factory()


def flag_name(name: str) -> str:
    """Return the flag of a field: ``batch_size`` → ``--batch-size``; ``source`` and ``target`` are --from and --to."""
    return "--" + {"source": "from", "target": "to"}.get(name, name).replace("_", "-")


def parsed(item: Field[Any], raw: Any) -> Any:
    """Parse one value; a wrong one is a UsageError that names the flag."""
    try:
        return item.metadata["parse"](raw)
    except ValueError as error:
        shown = raw[0] if isinstance(raw, list) and len(raw) == 1 else raw  # of a flag that may be repeated
        raise UsageError(f"{flag_name(item.name)}: cannot use {shown!r}", hint=str(error)) from None


def from_options(
    kind: type[Config],
    options: Mapping[str, Any],
    *,
    presets: Mapping[str, Mapping[str, Any]] | None = None,
    preset: str | None = None,
    config: str | Path | None = None,
) -> Config:
    """Merge defaults, preset, YAML file and explicit options, each over the one before.

    Raises
    ------
    UsageError
        For an unknown option, preset or value.
    InputNotFoundError
        If there is no such YAML file.
    """
    known = {item.name: item for item in fields(kind)}
    from_file = _read_yaml(config)
    named = from_file.pop("preset", None)
    layers = [
        _preset(preset or named, presets or {}),
        from_file,
        {name: value for name, value in options.items() if value is not None},
    ]
    merged: dict[str, Any] = {}
    for layer in layers:
        for name, raw in layer.items():
            name = {"from": "source", "to": "target"}.get(name, name).replace("-", "_")
            if name not in known:
                hint = did_you_mean(name, known) + f"options: {listed(sorted(known), most=60)}"
                raise UsageError(f"unknown option {name!r}", hint=hint)
            merged[name] = parsed(known[name], raw)
    return kind(**merged)


def _preset(name: str | None, presets: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    if name is not None and name not in presets:
        raise UsageError(f"unknown preset {name!r}", hint=f"{did_you_mean(name, presets)}allowed: {listed(presets)}")
    return presets[name] if name else {}


def _read_yaml(path: str | Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    import yaml

    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise InputNotFoundError(f"no such file: {path}", hint="--config takes a YAML file of options") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"cannot read {path} as YAML", hint=str(error).replace("\n", " ")) from None
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds no options", hint="write one option per line, as 'epochs: 200'")
    return {str(name): value for name, value in content.items() if value is not None}
