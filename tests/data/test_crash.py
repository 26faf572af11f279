"""Whatever fails, and whenever the process is killed: the data are as they were, or complete.

``MMVAE_KILLS`` sets how often a writing process is killed (default 6).
"""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import anndata.io
import mudata
import pytest

from mmvae_cli.data import writeback
from mmvae_cli.data.writeback import write_file, write_in_place, write_mudata, write_to
from mmvae_cli.errors import CannotWriteError
from tests.conftest import REPOSITORY
from tests.data.small_mudata import N_ALL, every_update, leftovers, small_mudata

pytestmark = pytest.mark.filterwarnings("ignore:From 0.4 .update:FutureWarning")


def updates() -> dict[str, object]:
    """Return a value for each kind of place."""
    places = ["obsm/X_mmvae", "obs/mmvae_split", "uns/mmvae/auc", "mod/rna/layers/mmvae_from_atac"]
    return {place: every_update()[place] for place in places}


WRITERS: dict[str, Callable[[Path], None]] = {
    "in place": lambda path: write_in_place(path, updates()),
    "copy": lambda path: write_to(path, path.with_name("copy.h5mu"), updates()),
    "whole": lambda path: write_mudata(small_mudata(), path),
    "bytes": lambda path: write_file(path, b"new"),
}
CALLS = {  # where each system call, or call of anndata, that a failure may come from is looked up
    "write": (os, "write"),
    "truncate": (os, "ftruncate"),
    "copy": (os, "copy_file_range"),
    "open": (os, "open"),
    "fsync": (os, "fsync"),
    "replace": (os, "replace"),
    "element": (anndata.io, "write_elem"),
}
STEPS = {(writer, "write", number): 7 for writer in WRITERS for number in (errno.ENOSPC, errno.EIO)}
STEPS |= {("in place", "write", errno.ENOSPC): 1, ("whole", "write", errno.EIO): 29}  # of hundreds, to be quick
MUST_CALL = {"fsync": 2, "replace": 1}
FOLDER_SYNC = 2  # the second fsync comes after the file is in its place


class FailingAt:
    """A function that fails once, at its n-th call (from 1)."""

    def __init__(self, real: Callable[..., object], n: int, number: int) -> None:
        self.real, self.n, self.number, self.calls = real, n, number, 0

    def __call__(self, *arguments: object, **options: object) -> object:
        self.calls += 1
        if self.calls == self.n:
            raise OSError(self.number, os.strerror(self.number))
        return self.real(*arguments, **options)


@pytest.mark.skipif(not hasattr(os, "copy_file_range"), reason="needs Linux")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("writer", WRITERS)
def test_each_failing_call_leaves_the_data_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str, call: str, number: int
) -> None:
    path = tmp_path / "data.h5mu"
    mudata.write_h5mu(path, small_mudata())
    before = path.read_bytes()
    module, name = CALLS[call]
    for n in range(1, 1000, STEPS.get((writer, call, number), 1)):
        failing = FailingAt(getattr(module, name), n, number)
        with monkeypatch.context() as patch:
            patch.setattr(module, name, failing)
            try:
                WRITERS[writer](path)
            except CannotWriteError as error:
                message = error.args[0]
            else:
                assert failing.calls < n, "the failure was not noticed"
                assert failing.calls == MUST_CALL.get(call, failing.calls)
                return
        assert os.strerror(number) in message
        is_in_place = "was written" in message
        assert is_in_place == (call == "fsync" and n == FOLDER_SYNC) or call == "open"
        assert not leftovers(tmp_path)
        if is_in_place:
            path.write_bytes(before)
        assert path.read_bytes() == before
        assert is_in_place or sorted(os.listdir(tmp_path)) == ["data.h5mu"]
        path.with_name("copy.h5mu").unlink(missing_ok=True)
    pytest.fail("the writer never came to an end")


LIMITED = """
import resource, sys
import numpy as np
from pathlib import Path
from mmvae_cli.data.writeback import write_in_place, write_to
from mmvae_cli.errors import MmvaeError

path, limit, n_columns = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
codes = []
for write in (lambda u: write_in_place(path, u), lambda u: write_to(path, path.with_name("copy.h5mu"), u)):
    try:
        write({"obsm/X_mmvae": np.random.rand(7, n_columns), "uns/mmvae/note": "x" * 3000})
    except MmvaeError as error:
        codes.append((error.exit_code, "File too large" in str(error)))
assert codes == [(74, True), (74, True)], codes
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
@pytest.mark.parametrize(("room", "n_columns"), [(-20_000, 10), (2_000, 10), (6_000, 10), (2_000, 100_000)])
def test_a_full_disk_is_said_and_does_not_end_in_a_crash(tmp_path: Path, room: int, n_columns: int) -> None:
    path = tmp_path / "data.h5mu"
    mudata.write_h5mu(path, small_mudata())
    before = path.read_bytes()
    limit = len(before) + room
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), str(limit), str(n_columns)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")  # h5py alone dies of a segmentation fault here
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["data.h5mu"]


ENDLESS = """
import sys
import numpy as np
from pathlib import Path
from mmvae_cli.data.writeback import write_in_place

path, start, n_all = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
for n in range(start, start + 1_000_000):
    if n == start + 1:
        print("ready", flush=True)
    write_in_place(path, {
        "obsm/X_mmvae": np.full((n_all, 30), float(n)),
        "obs/mmvae_split": [f"split{n}"] * n_all,
        "uns/mmvae/n": n,
        f"uns/mmvae/note{n % 50}": "x" * 5000,
    })
"""


def kill_while_writing(code: str, arguments: list[str], delay: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_process_leaves_the_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "data.h5mu"
    mudata.write_h5mu(path, small_mudata())
    original = small_mudata()
    random_delay = random.Random(time.time_ns())
    for kill in range(int(os.environ.get("MMVAE_KILLS", "6"))):
        delay = random_delay.uniform(0, 0.15)
        kill_while_writing(ENDLESS, [str(path), str(kill * 1_000_000), str(N_ALL)], delay)
        found = mudata.read_h5mu(path)
        n = int(found.uns["mmvae"]["n"])
        assert n >= kill * 1_000_000
        assert (found.obsm["X_mmvae"] == n).all()  # all of one write, nothing of another
        assert (found.obs["mmvae_split"] == f"split{n}").all()
        for name, modality in original.mod.items():
            assert (found.mod[name].X != modality.X).sum() == 0
            assert found.mod[name].obs_names.equals(modality.obs_names)
        assert len(leftovers(tmp_path)) <= 1
    write_in_place(path, {"uns/mmvae/n": 0})
    assert not leftovers(tmp_path)


KILLED_AT = """
import os, signal, sys
from mmvae_cli.data.folders import fresh_folder

path, call, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
real = getattr(os, call)
def deadly(*arguments, **options):
    global n
    n -= 1
    if n == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **options)
setattr(os, call, deadly)
with fresh_folder(path, force=True) as folder:
    (folder / "run.json").write_text("2")
    (folder / "model").write_text("2")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize(
    ("call", "n", "left"),
    [
        ("mkdir", 1, "1"),
        ("fsync", 2, "1"),
        ("rename", 1, "1"),
        ("rename", 2, "1"),  # between the two moves
        ("fsync", 4, "2"),  # after them
        ("unlink", 1, "2"),  # while the old one is deleted
        ("unlink", 2, "2"),
    ],
)
def test_a_killed_process_leaves_the_old_run_or_the_new_one(tmp_path: Path, call: str, n: int, left: str) -> None:
    path = tmp_path / "run"
    with writeback.fresh_folder(path, force=False) as folder:
        (folder / "run.json").write_text("1")
        (folder / "model").write_text("1")
    killed = subprocess.run([sys.executable, "-c", KILLED_AT, str(path), call, str(n)], cwd=REPOSITORY, check=False)
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(writeback.CannotCreateError, match="exists"), writeback.fresh_folder(path, force=False):
        pass
    assert {file.name: file.read_text() for file in path.iterdir()} == {"run.json": left, "model": left}
    assert os.listdir(tmp_path) == ["run"]
