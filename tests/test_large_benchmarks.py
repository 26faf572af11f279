"""The benchmarks of values on disk and of the page of many cells run in small; their timings are not judged here."""

from __future__ import annotations

import contextlib
import resource
import shlex
from pathlib import Path
from types import ModuleType

import pytest

from tests.cli.commands import done
from tests.scripts import load_script


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with every process in this one."""
    script = load_script("benchmarks/on_disk.py")

    def here(words: list[str], folder: Path) -> tuple[float, resource.struct_rusage]:
        with contextlib.chdir(folder):
            done(shlex.join(words))
        return 1.0, resource.getrusage(resource.RUSAGE_SELF)

    monkeypatch.setattr(script, "in_a_process", here)
    return script


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_values_on_disk_are_measured_beside_values_in_memory(
    on_disk: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = "--samples 120 --features 12,20 --training 60 --in-memory 80 --batch-size 32"
    on_disk.main([*small.split(), "--folder", str(tmp_path)])
    header, _, *rows = (cells(line) for line in capsys.readouterr().out.splitlines()[-5:])
    assert [row[0] for row in rows] == [
        "120 × (12 + 20), on disk",
        "80 × (12 + 20), on disk",
        "80 × (12 + 20), in memory",
    ]
    assert all(len(row) == len(header) for row in rows)
    assert all(float(number) > 0 for row in rows for number in row[3:])
    assert list(tmp_path.iterdir()) == []


def test_every_step_to_the_page_of_many_cells_is_measured_and_the_page_can_be_kept(
    on_disk: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del on_disk  # is imported by the next
    script = load_script("benchmarks/report.py", "report_benchmark")
    script.main([*"--samples 120 --features 12,20 --training 60 --keep".split(), str(tmp_path / "page.html")])
    header, _, *rows = (cells(line) for line in capsys.readouterr().out.splitlines()[-6:])
    assert [row[0] for row in rows] == ["`train`", "`evaluate`", "`evaluate --html`", "`report`"]
    assert header[-1] == "page, MB"
    assert rows[-1][-1] == f"{(tmp_path / 'page.html').stat().st_size / 1e6:.1f}"


def test_a_process_that_fails_ends_the_benchmark(tmp_path: Path) -> None:
    script = load_script("benchmarks/on_disk.py")
    seconds, usage = script.in_a_process(["--version"], tmp_path)
    assert seconds > 0
    assert usage.ru_maxrss > 0
    with pytest.raises(SystemExit, match="ended with 2"):
        script.in_a_process(["nothing"], tmp_path)
