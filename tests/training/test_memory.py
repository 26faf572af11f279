from __future__ import annotations

from pathlib import Path

import pytest

from mmvae_cli.training import memory


def written(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


MACHINE = {"proc/meminfo": "MemTotal:  9000 kB\nMemAvailable:    4000 kB\n"}
JOB = "sys/fs/cgroup/slurm/job"
LIMITED = {
    "proc/self/cgroup": "0::/slurm/job/step\n",
    f"{JOB}/memory.max": "1000000\n",
    f"{JOB}/memory.current": "700000\n",
    f"{JOB}/memory.stat": "anon 1\ninactive_file 200000\n",
    f"{JOB}/step/memory.max": "max\n",
    f"{JOB}/step/memory.current": "5\n",
}
OLDER = {
    "proc/self/cgroup": "4:cpu,memory:/job\n1:name=systemd:/\n",
    "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "50000",
    "sys/fs/cgroup/memory/job/memory.usage_in_bytes": "60000",
    "sys/fs/cgroup/memory/job/memory.stat": "total_inactive_file 1000",
}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (MACHINE, 4000 * 1024),
        ({**MACHINE, **LIMITED}, 500_000),
        ({**MACHINE, **OLDER}, 0),
        ({**MACHINE, "proc/self/cgroup": "0::/\n"}, 4000 * 1024),
        (LIMITED, 500_000),
        ({}, None),
    ],
)
def test_free_memory_is_what_machine_and_control_groups_leave(
    files: dict[str, str], expected: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, files)
    monkeypatch.setattr(memory, "ROOT", tmp_path)
    assert memory.free_memory() == expected


def test_memory_that_is_taken_grows_with_what_is_held() -> None:
    before = memory.taken_memory()
    held = bytearray(b"x" * 50_000_000)
    after = memory.taken_memory()
    assert before is not None
    assert after is not None
    assert 0.5 * len(held) < after - before < 1.5 * len(held)
