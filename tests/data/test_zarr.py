"""MuData in zarr folders, of both versions of the format: read, written into, and never half written."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import anndata
import anndata.io
import mudata
import numpy as np
import pytest
import zarr

from mmvae_cli.data import folders, writeback, zarr_folders
from mmvae_cli.data.atomic import beside
from mmvae_cli.data.folders import ASIDE
from mmvae_cli.data.formats import Source, modality_names, parse_source, read
from mmvae_cli.data.updates import REMOVE
from mmvae_cli.data.writeback import apply, file_state, write_in_place, write_mudata, write_to
from mmvae_cli.errors import CannotCreateError, CannotWriteError, DataError, InputNotFoundError, UsageError
from tests.data.small_mudata import N_ALL, every_update, leftovers, small_mudata
from tests.data.test_writeback import assert_same, elements, own_columns

pytestmark = [
    pytest.mark.filterwarnings("ignore:From 0.4 .update:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part"),
    pytest.mark.filterwarnings("ignore:zarr v3 autosharding"),
    pytest.mark.filterwarnings("ignore:Writing zarr v2 data"),
]

SMALL = {"obsm/X_mmvae": np.ones((N_ALL, 2))}


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: a zarr folder is some 200 files."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of each version of the format, the second one with a list of its elements."""
    folder = tmp_path_factory.mktemp("written")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        for version in (2, 3):
            with anndata.settings.override(zarr_write_format=version):
                write_mudata(small_mudata(), folder / f"{version}.zarr")
    zarr.consolidate_metadata(zarr.open_group(folder / "3.zarr").store)
    return {"2": folder / "2.zarr", "3 consolidated": folder / "3.zarr"}


@pytest.fixture(params=["2", "3 consolidated"])
def path(request: pytest.FixtureRequest, tmp_path: Path, written: dict[str, Path]) -> Path:
    return Path(shutil.copytree(written[request.param], tmp_path / "data.zarr"))


def content(folder: Path) -> dict[str, bytes]:
    return {str(part.relative_to(folder)): part.read_bytes() for part in sorted(folder.rglob("*")) if part.is_file()}


def test_both_versions_of_the_format_are_read_as_the_object_is(path: Path) -> None:
    found, expected = read(Source(path)), read(small_mudata())
    assert list(found.modalities) == list(expected.modalities) == modality_names(Source(path))
    assert found.obs.index.equals(expected.obs.index)
    for name, modality in expected.modalities.items():
        assert type(found.modalities[name].values) is type(modality.values)
        assert (found.modalities[name].values != modality.values).sum() == 0
        np.testing.assert_array_equal(found.rows(name), expected.rows(name))


def test_folder_and_object_give_the_same_result(path: Path) -> None:
    write_in_place(path, every_update())
    found, expected = mudata.read_zarr(path), small_mudata()
    apply(expected, every_update())
    assert found.obs_names.equals(expected.obs_names)
    assert_same(own_columns(found), own_columns(expected), "obs")
    for name, modality in expected.mod.items():
        assert_same(found.mod[name].obs, modality.obs, f"{name} obs")
        assert_same(found.mod[name].var, modality.var, f"{name} var")
        for slot in ("obsm", "varm", "layers"):
            assert_same(elements(found.mod[name], slot), elements(modality, slot), f"{name} {slot}")
    np.testing.assert_array_equal(found.obsm["X_mmvae"], expected.obsm["X_mmvae"])
    assert found.uns["mmvae"]["metrics"] == '{"auc": 0.9}'
    assert found.uns["mmvae"]["features_rna"].tolist() == ["rna0", "rna1"]
    assert not leftovers(path.parent)


def test_everything_else_in_the_folder_stays_as_it_was(path: Path) -> None:
    before, state = content(path), file_state(path)
    write_in_place(path, every_update(), state=state)
    after = content(path)
    may_change = {name for name in before if name.rpartition("/")[2] in zarr_folders.DESCRIPTIONS}
    assert {name: after[name] for name in set(before) - may_change} == {
        name: before[name] for name in set(before) - may_change
    }
    assert file_state(path) != state
    assert all(os.stat(path / name).st_nlink == 1 for name in after)
    write_in_place(path, dict.fromkeys(every_update(), REMOVE))
    removed = content(path)
    empty = {"uns/mmvae", "mod/protein/uns/mmvae"}  # dicts that hold nothing now
    assert {name for name in removed if name.rpartition("/")[0] not in empty} == set(before)
    assert list(own_columns(mudata.read_zarr(path))) == ["diagnosis", "age"]


def test_a_new_folder_shares_nothing_with_the_old_one(path: Path, tmp_path: Path) -> None:
    before = content(path)
    write_to(path, tmp_path / "new.zarr", SMALL)
    write_to(path, tmp_path / "new.zarr", SMALL)  # replaced
    assert mudata.read_zarr(tmp_path / "new.zarr").obsm["X_mmvae"].shape == (N_ALL, 2)
    for name in content(tmp_path / "new.zarr"):
        (tmp_path / "new.zarr" / name).write_bytes(b"broken")
    assert content(path) == before
    write_to(path, tmp_path / "." / path.name, SMALL)  # itself
    assert "X_mmvae" in mudata.read_zarr(path).obsm
    (tmp_path / "thesis.zarr").mkdir()
    with pytest.raises(CannotCreateError, match="not a zarr folder"):
        write_to(path, tmp_path / "thesis.zarr", SMALL)


class FailingAt:
    """A function that fails once, at its n-th call (from 1)."""

    def __init__(self, real: object, n: int, number: int) -> None:
        self.real, self.n, self.number, self.calls = real, n, number, 0

    def __call__(self, *arguments: object, **options: object) -> object:
        self.calls += 1
        if self.calls == self.n:
            raise OSError(self.number, os.strerror(self.number))
        return self.real(*arguments, **options)


@pytest.mark.parametrize(
    ("module", "name", "step"),
    [(os, "fsync", 60), (os, "rename", 1), (anndata.io, "write_elem", 1)],
)
@pytest.mark.parametrize("path", ["2"], indirect=True)
def test_each_failing_call_leaves_the_data_unchanged(
    path: Path, monkeypatch: pytest.MonkeyPatch, module: object, name: str, step: int
) -> None:
    before, updates = content(path), {key: every_update()[key] for key in ("obsm/X_mmvae", "obs/mmvae_split")}
    for n in range(1, 1000, step):
        failing = FailingAt(getattr(module, name), n, errno.ENOSPC)
        with monkeypatch.context() as patch:
            patch.setattr(module, name, lambda *a, failing=failing, **k: failing(*a, **k))
            try:
                write_in_place(path, updates)
            except CannotWriteError as error:
                message = error.args[0]
            else:
                assert failing.calls < n, "the failure was not noticed"
                return
        if "was written" in message:  # the last sync, of the folder it is in
            return
        assert os.strerror(errno.ENOSPC) in message
        assert content(path) == before
        assert not leftovers(path.parent)
    pytest.fail("the writer never came to an end")


@pytest.mark.parametrize("path", ["2"], indirect=True)
def test_without_links_the_files_are_copied(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", FailingAt(os.link, 1, errno.EPERM))
    write_in_place(path, SMALL)
    assert "X_mmvae" in mudata.read_zarr(path).obsm


@pytest.mark.parametrize("path", ["3 consolidated"], indirect=True)
def test_a_folder_whose_replacement_was_killed_between_the_two_moves_is_restored(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = content(path)
    path.rename(beside(path, ASIDE))
    assert parse_source([str(path)]).mudata_file == path
    assert "was restored" in caplog.text
    assert content(path) == before

    def killed(temporary: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(folders, "_swap", killed)
    with pytest.raises(KeyboardInterrupt):
        write_in_place(path, SMALL)
    assert content(path) == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("path", ["3 consolidated"], indirect=True)
def test_a_folder_that_changed_since_it_was_read_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = file_state(path)
    zarr.open_group(path)["mod/rna/X"][0, 0] = 7
    with pytest.raises(CannotCreateError, match="changed since it was read"):
        write_in_place(path, SMALL, state=state)
    real = writeback.copy_zarr

    def slow_copy(source: Path, target: Path, *, linked: bool) -> None:
        real(source, target, linked=linked)
        zarr.open_group(source)["mod/rna/X"][0, 0] = 8

    monkeypatch.setattr(writeback, "copy_zarr", slow_copy)
    for write in (lambda: write_in_place(path, SMALL), lambda: write_to(path, path.parent / "o.zarr", SMALL)):
        with pytest.raises(CannotCreateError, match="changed since it was read"):
            write()
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("path", ["2"], indirect=True)
def test_links_and_read_only_folders_are_refused_with_the_way_out(path: Path) -> None:
    (path.parent / "link.zarr").symlink_to(path)
    with pytest.raises(CannotCreateError, match="symbolic link"):
        write_in_place(path.parent / "link.zarr", SMALL)
    path.chmod(0o555)
    try:
        with pytest.raises(CannotCreateError, match="read-only"):
            write_in_place(path, SMALL)
    finally:
        path.chmod(0o755)


def break_json(folder: Path) -> None:
    next(iter([*folder.glob(".zgroup"), *folder.glob("zarr.json")])).write_text("{broken")


def lose_indices(folder: Path) -> None:
    for chunk in (folder / "mod" / "atac" / "X" / "indices").rglob("*"):
        if chunk.is_file() and chunk.name not in zarr_folders.DESCRIPTIONS:
            chunk.unlink()


def break_chunk(folder: Path) -> None:
    for chunk in (folder / "mod" / "rna" / "X").rglob("*"):
        if chunk.is_file() and chunk.name not in zarr_folders.DESCRIPTIONS:
            chunk.write_bytes(b"no chunk")


def lose_modalities(folder: Path) -> None:
    (folder / "mod").rename(folder / "lost")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (break_json, "cannot be read"),
        (lose_indices, "chunks of its indices are missing"),
        (break_chunk, "cannot be read"),
        (lose_modalities, "not MuData"),
    ],
)
@pytest.mark.parametrize("path", ["2", "3 consolidated"], indirect=True)
def test_a_damaged_folder_is_one_clear_error(path: Path, damage: object, said: str) -> None:
    damage(path)
    with pytest.raises(DataError, match=said) as caught:
        read(Source(path))
    assert caught.value.hint


@pytest.mark.filterwarnings("ignore:Object at .* is not recognized as a component of a Zarr hierarchy")
def test_what_is_no_zarr_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(DataError, match="is not a zarr folder"):
        read(parse_source([str(tmp_path / "empty.zarr")]))
    with pytest.raises(InputNotFoundError, match="no such file"):
        parse_source([str(tmp_path / "emty.zarr")])
    (tmp_path / "file.zarr").write_text("text")
    with pytest.raises((DataError, InputNotFoundError), match=r"file\.zarr"):
        read(parse_source([str(tmp_path / "file.zarr")]))


@pytest.mark.parametrize("path", ["2", "3 consolidated"], indirect=True)
def test_members_and_anndata_folders_are_modalities(path: Path, tmp_path: Path) -> None:
    small_mudata().mod["rna"].write_zarr(tmp_path / "one.zarr")
    dataset = read(parse_source([f"first={path}/atac", f"second={tmp_path / 'one.zarr'}/"]))
    np.testing.assert_array_equal(dataset.modalities["second"].values, small_mudata().mod["rna"].X)
    assert dataset.modalities["first"].values.nnz == small_mudata().mod["atac"].X.nnz
    with pytest.raises(DataError, match="unknown modality 'atacc'\ndid you mean 'atac'"):
        read(parse_source([f"b={path}/atacc"]))
    with pytest.raises(DataError, match="several modalities"):
        read(parse_source([f"b={path}"]))
    with pytest.raises(DataError, match=r"name its modality: rna=one\.zarr"):
        read(parse_source([str(tmp_path / "one.zarr")]))
    with pytest.raises(UsageError, match="addresses one modality"):
        parse_source([f"{path}/rna"])


@pytest.mark.parametrize("path", ["2"], indirect=True)
def test_the_files_of_a_folder_are_the_input(path: Path) -> None:
    assert {str(part.relative_to(path)) for part in parse_source([str(path)]).paths()} == set(content(path))
