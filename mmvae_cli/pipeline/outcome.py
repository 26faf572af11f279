"""What a command gives: a summary for people and programs, and the table of what to write into the data."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from mmvae_cli._version import __version__
from mmvae_cli.data.aligned import Aligned
from mmvae_cli.data.elements import RECORD_MARK
from mmvae_cli.data.updates import REMOVE

LIBRARIES = ("torch", "anndata", "mudata", "numpy")


@dataclass(frozen=True)
class Outcome:
    """Result of a command.

    Attributes
    ----------
    summary
        JSON-able: what was found or done.
    updates
        Path in the .h5mu file → value, rows in the order of the file; empty where nothing is written.
    """

    summary: dict[str, Any]
    updates: Mapping[str, object] = field(default_factory=dict)


def versions() -> dict[str, str]:
    """Versions that a result may depend on."""
    return {"mmvae": __version__, "python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def as_json(value: object) -> str:
    """Compact JSON; fails on nan, which JSON does not have."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def earlier_record(aligned: Aligned, key: str) -> dict[str, Any]:
    """Return what stands in ``uns[key]`` from an earlier command; empty where nothing does."""
    found = aligned.dataset.uns.get(key, {})
    return dict(found) if isinstance(found, Mapping) else {}


def written_paths(record: Mapping[str, Any]) -> dict[str, str]:
    """Path of everything that was written under a key → command that wrote it."""
    found: dict[str, str] = json.loads(str(record.get("written", "{}")))
    return found


def with_record(
    updates: Mapping[str, object],
    aligned: Aligned,
    key: str,
    entries: Mapping[str, object],
    *,
    replaces: Sequence[str] = (),
) -> dict[str, object]:
    """Add to the updates what ``uns[key]`` shall hold: the entries, and the names of all that was written.

    Parameters
    ----------
    updates
        What the command writes beside the record.
    entries
        Scalars, arrays, JSON strings, by name under ``uns[key]``.
    replaces
        Commands whose earlier results are void after this one: removed wherever they stand.
    """
    earlier = earlier_record(aligned, key)
    written = written_paths(earlier)
    void = [path for path, command in written.items() if command in replaces and path not in updates]
    void += [path for path, value in updates.items() if value is REMOVE]
    kept = {path: command for path, command in written.items() if path not in void}
    command = str(entries["command"])
    paths = [*updates, *(f"uns/{key}/{name}" for name in entries if name != "command")]
    kept |= {path: command for path in paths if path not in void}
    record = {f"uns/{key}/{name}": value for name, value in entries.items() if name != "command"}
    record |= {f"uns/{key}/{RECORD_MARK}": __version__, f"uns/{key}/written": as_json(kept)}
    return {**dict.fromkeys(void, REMOVE), **updates, **record}
