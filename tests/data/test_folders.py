from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from mmvae_cli.data.atomic import beside
from mmvae_cli.data.folders import ASIDE, STALE_FOLDER, TEMPORARY, fresh_folder, require_free
from mmvae_cli.errors import CannotCreateError, CannotWriteError
from tests.data.small_mudata import leftovers
from tests.data.test_atomic import gone_process


def make_run(path: Path, content: str, *, force: bool = False) -> None:
    with fresh_folder(path, force=force) as folder:
        (folder / "run.json").write_text(content)
        (folder / "deeper").mkdir()
        (folder / "deeper" / "history.csv").write_text(content)


def content_of(path: Path) -> list[str]:
    return [(path / "run.json").read_text(), (path / "deeper" / "history.csv").read_text()]


def test_the_folder_appears_whole_at_the_end(tmp_path: Path) -> None:
    with fresh_folder(tmp_path / "run", force=False) as folder:
        (folder / "run.json").write_text("1")
        assert not (tmp_path / "run").exists()
    assert (tmp_path / "run" / "run.json").read_text() == "1"
    assert not leftovers(tmp_path)


def test_an_old_run_is_replaced_only_with_force(tmp_path: Path) -> None:
    make_run(tmp_path / "run", "1")
    (tmp_path / "run" / "model.safetensors").touch()
    with pytest.raises(CannotCreateError, match="exists") as caught:
        make_run(tmp_path / "run", "2")
    assert "--force" in caught.value.hint
    assert content_of(tmp_path / "run") == ["1", "1"]
    make_run(tmp_path / "run", "2", force=True)
    assert content_of(tmp_path / "run") == ["2", "2"]
    assert not (tmp_path / "run" / "model.safetensors").exists()
    assert not leftovers(tmp_path)


def test_force_deletes_nothing_that_is_no_run_folder(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1").touch()
    (tmp_path / "file").touch()
    make_run(tmp_path / "run", "1")
    (tmp_path / "link").symlink_to(tmp_path / "run")
    for name, found in {"thesis": "no run.json", "file": "not a folder", "link": "not a folder"}.items():
        with pytest.raises(CannotCreateError, match=found):
            make_run(tmp_path / name, "2", force=True)
    assert (tmp_path / "thesis" / "chapter1").exists()
    assert (tmp_path / "file").is_file()
    assert content_of(tmp_path / "link") == ["1", "1"]


def test_force_does_not_delete_the_folder_one_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path / "run", "1")
    monkeypatch.chdir(tmp_path / "run" / "deeper")
    with pytest.raises(CannotCreateError, match="the folder you are in"):
        make_run(Path(".."), "2", force=True)
    assert content_of(tmp_path / "run") == ["1", "1"]


def test_a_place_that_cannot_hold_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    for path in (tmp_path / "no" / "run", tmp_path / "closed" / "run"):
        with pytest.raises(CannotCreateError):
            make_run(path, "1")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("bug")])
def test_other_exceptions_pass_and_leave_what_was_there(tmp_path: Path, error: BaseException) -> None:
    def fail() -> None:
        with fresh_folder(tmp_path / "run", force=True) as folder:
            (folder / "run.json").touch()
            raise error

    make_run(tmp_path / "run", "1")
    with pytest.raises(type(error)):
        fail()
    assert content_of(tmp_path / "run") == ["1", "1"]
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("function", ["rename", "fsync", "mkdir"])
@pytest.mark.parametrize("n_good", range(5))
def test_each_failing_call_leaves_the_old_run_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, n_good: int
) -> None:
    make_run(tmp_path / "run", "1")
    real, calls = getattr(os, function), []

    def failing(*arguments: object, **options: object) -> object:
        calls.append(arguments)
        if len(calls) == n_good + 1:
            raise OSError(errno.ENOSPC, "full")
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, function, failing)
        try:
            make_run(tmp_path / "run", "2", force=True)
        except CannotWriteError as error:
            is_new = "was written" in error.args[0]  # only the last sync failed
        else:
            assert len(calls) <= n_good
            is_new = True
    assert content_of(tmp_path / "run") == (["2", "2"] if is_new else ["1", "1"])
    if len(calls) > n_good and not is_new:
        assert not leftovers(tmp_path)
    make_run(tmp_path / "run", "3", force=True)
    assert content_of(tmp_path / "run") == ["3", "3"]


def test_another_run_that_finished_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(CannotCreateError, match="exists"), fresh_folder(tmp_path / "run", force=False):
        make_run(tmp_path / "run", "1")
    assert content_of(tmp_path / "run") == ["1", "1"]
    assert not leftovers(tmp_path)


def test_an_interrupted_swap_is_undone_by_the_next_call(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_run(tmp_path / "run", "1")
    os.rename(tmp_path / "run", beside(tmp_path / "run", ASIDE))
    with pytest.raises(CannotCreateError, match="exists"):
        make_run(tmp_path / "run", "2")
    assert content_of(tmp_path / "run") == ["1", "1"]
    assert "restored" in caplog.text
    assert not leftovers(tmp_path)


def test_a_half_deleted_run_is_not_restored(tmp_path: Path) -> None:
    beside(tmp_path / "run", ASIDE).mkdir()
    make_run(tmp_path / "run", "1")
    assert content_of(tmp_path / "run") == ["1", "1"]


def test_folders_of_gone_processes_are_removed_and_those_of_running_ones_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", gone_process)
        dead = [beside(tmp_path / "run", ending) for ending in (ASIDE, TEMPORARY)]
    running = [beside(tmp_path / "run", ending) for ending in (ASIDE, TEMPORARY)]
    for path in (*dead, *running):
        path.mkdir()
    make_run(tmp_path / "run", "1")
    assert leftovers(tmp_path) == sorted(path.name for path in running)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 2 * STALE_FOLDER)
    make_run(tmp_path / "run", "2", force=True)
    assert not leftovers(tmp_path)


def place(tmp_path: Path, kind: str) -> Path:
    """Make what may stand where a run folder shall go."""
    path = tmp_path / "run"
    if kind == "run":
        make_run(path, "1")
    elif kind == "link":
        make_run(tmp_path / "other", "1")
        path.symlink_to(tmp_path / "other")
    elif kind == "broken link":
        path.symlink_to(tmp_path / "none")
    elif kind == "folder":
        path.mkdir()
    elif kind == "file":
        path.touch()
    elif kind == "no parent":
        path = tmp_path / "none" / "run"
    elif kind == "closed parent":
        (tmp_path / "closed").mkdir(mode=0o555)
        path = tmp_path / "closed" / "run"
    return path


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    "kind", ["nothing", "run", "link", "broken link", "folder", "file", "no parent", "closed parent"]
)
def test_what_would_be_refused_later_is_refused_before_the_work(tmp_path: Path, kind: str, force: bool) -> None:
    path = place(tmp_path, kind)
    before = sorted(tmp_path.rglob("*"))
    answers: list[str] = []
    for attempt in (lambda: require_free(path, force=force), lambda: make_run(path, "2", force=force)):
        try:
            attempt()
        except CannotCreateError as error:
            answers.append(str(error))
        else:
            answers.append("free")
        if len(answers) == 1:
            assert sorted(tmp_path.rglob("*")) == before
    assert answers[0] == answers[1]
    assert (answers[0] == "free") == (kind == "nothing" or (kind == "run" and force))


def test_asking_whether_a_place_is_free_restores_a_run_that_was_being_replaced(tmp_path: Path) -> None:
    make_run(tmp_path / "run", "1")
    aside = beside(tmp_path / "run", ASIDE)
    (tmp_path / "run").rename(aside)
    with pytest.raises(CannotCreateError, match="exists"):
        require_free(tmp_path / "run", force=False)
    assert content_of(tmp_path / "run") == ["1", "1"]
    require_free(str(tmp_path / "run"), force=True)
    assert content_of(tmp_path / "run") == ["1", "1"]


def test_a_run_folder_one_is_in_is_not_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path / "run", "1")
    monkeypatch.chdir(tmp_path / "run" / "deeper")
    with pytest.raises(CannotCreateError, match="the folder you are in"):
        require_free("..", force=True)
