"""Where a command on files writes its results, and that this is possible before work starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmvae_cli.data.assemble import whole_mudata
from mmvae_cli.data.atomic import check_place
from mmvae_cli.data.delimited import plain_suffix
from mmvae_cli.data.formats import MUDATA, Source
from mmvae_cli.data.stores import is_zarr
from mmvae_cli.data.writeback import (
    FileState,
    apply,
    check_in_place,
    file_state,
    write_in_place,
    write_mudata,
    write_to,
)
from mmvae_cli.data.zarr_folders import check_zarr_place
from mmvae_cli.errors import CannotCreateError, UsageError, listed
from mmvae_cli.pipeline.outcome import Outcome

PAGES = (".html", ".htm")


@dataclass(frozen=True)
class Destination:
    """Where results go.

    Attributes
    ----------
    source
        What was read.
    path
        The file to write; the same as the source's for results in place.
    state
        The source's file when the command started; None for tables.
    """

    source: Source
    path: Path
    state: FileState | None

    def write(self, outcome: Outcome) -> None:
        """Write the results; the file is whole, or as it was."""
        data = self.source.mudata_file
        if data is None:
            mdata = whole_mudata(self.source)
            apply(mdata, outcome.updates)
            write_mudata(mdata, self.path)
        elif self.path.exists() and self.path.samefile(data):
            write_in_place(data, outcome.updates, state=self.state)
        else:
            write_to(data, self.path, outcome.updates)


def destination(source: Source, output: str | None, default: Path | None, *, force: bool) -> Destination:
    """Find where results go, and refuse now what could not be written later.

    Raises
    ------
    CannotCreateError
        If the place is read-only, a link, or holds another file and ``force`` is not given.
    UsageError
        If there is no place.
    """
    data = source.mudata_file
    path = Path(output) if output is not None else data or default
    if path is None:
        raise UsageError("where to write is not said", hint="tables are not written into: name a file with -o out.h5mu")
    kinds = MUDATA if data is None else (plain_suffix(data),)
    if plain_suffix(path) not in kinds:
        raise UsageError(
            f"-o {path}: results go into {listed(kinds)} here", hint="predict also writes .csv, .tsv and .h5ad"
        )
    if data is not None and path.exists() and path.samefile(data):
        check_in_place(data)
    elif output is not None:
        check_new(path, force=force)
    return Destination(source, path, None if data is None else file_state(data))


def check_new(path: Path, *, force: bool, flag: str = "-o") -> None:
    """Refuse a place that cannot take a new file, or that has one without leave to replace it; ``flag`` names it."""
    check_zarr_place(path) if is_zarr(path) else check_place(path)
    if path.exists() and not force:
        raise CannotCreateError(f"{path} exists", hint=f"name another file with {flag}, or replace it with --force")


def check_page(path: str, flag: str, *, force: bool) -> None:
    """Refuse a place for a page that is none; checked before the work starts.

    Raises
    ------
    UsageError
        If the file is not called ``.html``.
    CannotCreateError
        As ``check_new``.
    """
    if Path(path).suffix.lower() not in PAGES:
        raise UsageError(f"{flag} {path}: a page is an .html file", hint=f"name one: {flag} report.html")
    check_new(Path(path), force=force, flag=flag)
