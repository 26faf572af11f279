"""Memory that this process takes, and how much more it may take, in bytes. Only Linux tells; None elsewhere."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")  # of the machine's own files


def taken_memory() -> int | None:
    """Memory of this process that is in RAM now."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int((ROOT / "proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return None


def free_memory() -> int | None:
    """Memory this process may still take: what the machine has free, or less where a control group limits it.

    Batch systems and containers limit memory by control groups; a process beyond that is killed.
    """
    return min((free for free in (_free_on_the_machine(), *_free_in_groups()) if free is not None), default=None)


def _free_on_the_machine() -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (ROOT / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _free_in_groups() -> Iterator[int]:
    """What each control group of this process leaves, from its own one up to the root."""
    with contextlib.suppress(OSError):
        for line in (ROOT / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                yield from _left(ROOT / "sys/fs/cgroup", path, "memory.max", "memory.current", "inactive_file")
            elif "memory" in controllers.split(","):
                names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
                yield from _left(ROOT / "sys/fs/cgroup/memory", path, *names)


def _left(top: Path, path: str, limit: str, usage: str, cache: str) -> Iterator[int]:
    """Limit less usage of a group and of those above it; files that are cached can be given up."""
    own = top / path.lstrip("/")
    for folder in (own, *own.parents):
        with contextlib.suppress(OSError, ValueError):  # no limit is written as "max", the root group has no files
            used, most = int((folder / usage).read_text()), int((folder / limit).read_text())
            numbers = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            yield max(0, most - used + int(numbers.get(cache, 0)))
        if folder == top:
            return
