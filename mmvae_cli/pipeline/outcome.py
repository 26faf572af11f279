"""What a command gives: a summary for people and programs, and the table of what to write into the data."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmvae_cli._version import __version__
from mmvae_cli.data.aligned import Aligned
from mmvae_cli.data.atomic import write_file
from mmvae_cli.data.elements import RECORD_MARK
from mmvae_cli.data.updates import REMOVE, Layout, checked

MODEL = "model_hash"  # under ``uns[key]``: ``training.identity.model_hash`` of the model that the results are of


@dataclass(frozen=True)
class Outcome:
    """Result of a command.

    Attributes
    ----------
    summary
        JSON-able: what was found or done.
    updates
        Path in the .h5mu file → value, rows in the order of the file; empty where nothing is written.
    pages
        Files beside the data → their text.
    """

    summary: dict[str, Any]
    updates: Mapping[str, object] = field(default_factory=dict)
    pages: Mapping[Path, str] = field(default_factory=dict)

    def write_pages(self) -> None:
        """Write the files beside the data, each whole or not at all."""
        for path, text in self.pages.items():
            write_file(path, text.encode())


def as_json(value: object) -> str:
    """Compact JSON; fails on nan, which JSON does not have."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def earlier_record(aligned: Aligned, key: str) -> dict[str, Any]:
    """Return what stands in ``uns[key]`` from an earlier command; empty where nothing does."""
    found = aligned.dataset.uns.get(key, {})
    return dict(found) if isinstance(found, Mapping) else {}


def written_paths(record: Mapping[str, Any]) -> dict[str, str]:
    """Path of everything that was written under a key → command that wrote it; empty where that is not known."""
    try:
        found = json.loads(str(record.get("written", "{}")))
    except ValueError:
        return {}
    return {str(path): str(command) for path, command in found.items()} if isinstance(found, dict) else {}


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
    command = str(entries["command"])
    record = {f"uns/{key}/{name}": value for name, value in entries.items() if name != "command"}
    new = {**updates, **record}
    written = written_paths(earlier_record(aligned, key))
    void = [path for path, writer in written.items() if writer in replaces and path not in new]
    void += [path for path, value in new.items() if value is REMOVE]
    left = {path: writer for path, writer in {**written, **dict.fromkeys(new, command)}.items() if path not in void}
    gone = [path for path in void if _can_be_removed(path, key, aligned.dataset.annotations)]
    mark = {f"uns/{key}/{RECORD_MARK}": __version__, f"uns/{key}/written": as_json(left)}
    return {**dict.fromkeys(gone, REMOVE), **new, **mark}


def _can_be_removed(path: str, key: str, modalities: Collection[str]) -> bool:
    """Whether a path of the record, which anybody may have edited, is one of ours and its modality is still there."""
    try:
        (update,) = checked({path: REMOVE}, Layout(tuple(modalities), defaultdict(lambda: (0, None))))
    except ValueError:
        return False
    first, *deeper = update.keys
    return first == key and bool(deeper) if update.slot == "uns" else key in first
