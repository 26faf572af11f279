"""Where the data are, and how they are read whatever their format; `readers` holds the table of formats."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from mmvae_cli.data import elements, tables, tenx
from mmvae_cli.data.choose import check_layers, choose_modalities
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.delimited import plain_suffix
from mmvae_cli.data.folders import recover
from mmvae_cli.data.members import is_matrix_folder, split_member
from mmvae_cli.data.names import warn_of_names
from mmvae_cli.data.orientation import require_orientation
from mmvae_cli.data.readers import READERS, TABLES, TENX, Reader, reader_of
from mmvae_cli.data.stores import ZARR, ZARR_MARKS, is_zarr, zarr_files
from mmvae_cli.errors import DataError, InputNotFoundError, UsageError, counted_of, listed

if TYPE_CHECKING:
    from mudata import MuData

log = logging.getLogger("mmvae_cli")

EXAMPLE = (
    "give one file.h5mu, .zarr or 10x .h5, or name=file for each modality: rna=rna.csv methylation=methylation.h5ad"
)


MUDATA = (".h5mu", ZARR)


@dataclass(frozen=True)
class Source:
    """The files the data are read from.

    Attributes
    ----------
    mudata_file
        An .h5mu file or .zarr folder with all modalities; None where each has its own file.
    files
        The file of each modality, by its name, in the order given; empty for a MuData file.
    obs
        A table of labels; None if there is none.
    transposed
        Modalities whose file is a table with features in rows.
    """

    mudata_file: Path | None
    files: Mapping[str, Path] = field(default_factory=dict)
    obs: Path | None = None
    transposed: tuple[str, ...] = ()

    def reader(self, name: str) -> Reader:
        """What reads a modality that has its own file."""
        reader = reader_of(self.files[name])
        reader = reader.transposed if reader is not None and name in self.transposed else reader
        assert reader is not None  # parse_source refuses the others
        return reader

    def paths(self) -> list[Path]:
        """Every file that is read, also those in a folder."""
        given = [split_member(path)[0] for path in self.files.values()]
        files = [file for file in (self.mudata_file, *given, self.obs) if file is not None]
        return list(dict.fromkeys(part for file in files for part in _parts(file)))

    def tables(self) -> dict[str, bool]:
        """Modalities that are tables, and whether each has its samples in columns."""
        turnable = [name for name, path in self.files.items() if (reader := reader_of(path)) and reader.transposed]
        return {name: name in self.transposed for name in turnable}


def parse_source(inputs: Sequence[str | Path], obs: str | Path | None = None, transpose: Sequence[str] = ()) -> Source:
    """Find out what the arguments of a command name, without reading values.

    Parameters
    ----------
    inputs
        One ``file.h5mu``, ``data.zarr``, 10x ``file.h5`` or folder with a ``matrix.mtx``; or for each modality
        ``name=file``, where file is a table (.csv, .tsv, .txt, .tab, with .gz or without; .parquet), an AnnData (.h5ad
        or .zarr), a 10x file or folder, or ``file.h5mu/itsname``.
    obs
        A table of labels, the names of the samples in its first column.
    transpose
        Modalities whose file is a table with features in rows.

    Raises
    ------
    UsageError
        If the arguments are neither, or of an unknown format.
    InputNotFoundError
        If a file is not there.
    """
    if not inputs:
        raise UsageError("no input", hint=EXAMPLE)
    labels = None if obs is None else _checked(Path(obs).expanduser(), TABLES)
    named = [_split(str(text)) for text in inputs]
    bare = [path for name, path in named if name is None]
    source = _whole(bare[0], len(named)) if bare else Source(None, _named_files(named))
    _check_transposed(transpose, source)
    return replace(source, obs=labels, transposed=tuple(transpose))


def modality_names(source: Source | MuData) -> list[str]:
    """Names of the modalities of a source; no values are read."""
    if not isinstance(source, Source):
        return list(source.mod)
    return list(source.files) if source.mudata_file is None else elements.modality_names(source.mudata_file)


def read(
    source: Source | MuData,
    modalities: Sequence[str] | None = None,
    layers: Mapping[str, str] | None = None,
    *,
    lazily: bool = False,
) -> Dataset:
    """Read the modalities asked for, and the annotations of the samples.

    Parameters
    ----------
    source
        Files, or an object in memory, which stays as it is.
    modalities
        Names, in the order they shall have; None for all.
    layers
        The layer to read instead of ``X``, by modality.
    lazily
        Leave the values on disk; a MuData file only.

    Returns
    -------
    The data as they are: `validate` says whether they can be used.

    Raises
    ------
    InputNotFoundError
        If a file is not there.
    DataError
        If a file is damaged or of another kind than its name says, or lacks what was asked for.
    """
    if not isinstance(source, Source):
        from mmvae_cli.data.memory import read_memory

        dataset = read_memory(source, modalities, layers)
    elif source.mudata_file is not None:
        dataset = elements.read_mudata(source.mudata_file, modalities, layers, lazily=lazily)
    else:
        dataset = _read_files(source, modalities, layers)
    warn_of_names(dataset)
    if not isinstance(source, Source):
        return dataset
    labels = None if source.obs is None else tables.read_annotations(source.obs)
    require_orientation(dataset, source.tables(), labels)
    return dataset if labels is None else _with_labels(dataset, labels, str(source.obs))


def _parts(file: Path) -> list[Path]:
    """A file, or the files that a folder is read from."""
    if is_zarr(file):
        return zarr_files(file)
    return tenx.matrix_files(file) if reader_of(file) is TENX else [file]


def _split(text: str) -> tuple[str | None, Path]:
    """``name=file`` as name and file; a file alone has the name None."""
    name, equals, path = text.partition("=")
    if "/" in name and not os.path.exists(text) and path and Path(path).expanduser().exists():
        raise UsageError(
            f"the name of a modality can't have a / in it: {text!r}", hint=f"write {name.replace('/', '_')}={path}"
        )
    if not equals or "/" in name or os.path.isfile(text):  # an = in the path of a file
        return None, Path(text).expanduser()
    if not name.strip() or not path.strip():
        raise UsageError(f"malformed input {text!r}", hint=EXAMPLE)
    return name, Path(path).expanduser()


def _whole(path: Path, n_inputs: int) -> Source:
    """One file or folder with all modalities."""
    file, member = split_member(path)
    several = reader_of(file) is TENX
    if not several and plain_suffix(path) in READERS and plain_suffix(path) not in MUDATA:
        raise UsageError(f"{path} holds one modality and does not say which", hint=f"name it: write rna={path}")
    if n_inputs > 1:
        raise UsageError(f"{path} is given without a name, beside other input", hint=EXAMPLE)
    if member:
        raise UsageError(f"{path} addresses one modality", hint=f"name it, and another one: write rna={path}")
    if several:
        _checked(path, READERS)
        return Source(None, tenx.modality_paths(path))
    return Source(_checked(path, {suffix: READERS[suffix] for suffix in MUDATA}))


def _check_transposed(names: Sequence[str], source: Source) -> None:
    allowed = source.tables()
    for name in names:
        if name not in allowed:
            found = source.files.get(name, source.mudata_file)
            raise UsageError(
                f"--transpose {name}: {'nothing of that name is given' if found is None else f'{found} is no table'}",
                hint=f"only tables given as name=table.csv can be turned (here: {listed(allowed) or 'none'}); "
                "turn an AnnData in Python: adata.T",
            )


def _named_files(named: Sequence[tuple[str | None, Path]]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for name, path in named:
        if name in files:
            raise UsageError(f"modality {name!r} is given twice", hint="give every modality a name of its own")
        file, member = split_member(path)
        _checked(file, READERS)
        if plain_suffix(file) == ".h5mu" and not member:
            raise UsageError(
                f"{path} holds several modalities", hint=f"say which: {name}={path}/{name}, or give the file alone"
            )
        files[str(name)] = path
    return files


def _checked(path: Path, readers: Mapping[str, Reader]) -> Path:
    """The path, if a file is there and of a known format."""
    if readers is READERS and is_matrix_folder(path):
        return path
    if plain_suffix(path) in readers or not path.is_file():
        _require_file(path)
        return path
    raise UsageError(
        f"{path} is of an unknown format ({plain_suffix(path) or 'no suffix'})", hint=f"known: {listed(readers)}"
    )


def _require_file(path: Path) -> None:
    try:
        if is_zarr(path):
            recover(path.absolute(), ZARR_MARKS)
        if path.is_file() or (is_zarr(path) and path.is_dir()):
            return
        nearby = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file() or is_zarr(entry))
        is_folder = path.is_dir()
    except OSError as error:
        raise InputNotFoundError(f"no such file: {path}", hint=f"{error.strerror or error}: {path.parent}") from error
    if is_folder:
        hint = "a run folder is named with --run" if (path / "run.json").is_file() else "give a file in it"
        raise InputNotFoundError(f"{path} is a folder, not a file", hint=hint)
    readable = [name for name in nearby if plain_suffix(Path(name)) in READERS]
    near = difflib.get_close_matches(path.name, readable, n=1, cutoff=0.5)
    hint = f"did you mean {str(path.parent / near[0])!r}? " if near else ""
    raise InputNotFoundError(
        f"no such file: {path}", hint=f"{hint}in that folder: {listed(readable, 6) or 'nothing that can be read'}"
    )


def _read_files(source: Source, asked: Sequence[str] | None, layers: Mapping[str, str] | None) -> Dataset:
    """One file per modality; the samples of the whole are all samples, in order of first appearance."""
    files = source.files
    chosen = choose_modalities(asked, list(files))
    layer_of = check_layers(layers, list(files))
    modalities = {name: source.reader(name).modality(files[name], name, layer_of.get(name)) for name in chosen}
    annotations = {
        name: modalities[name].obs if name in modalities else source.reader(name).annotations(path, name)
        for name, path in files.items()
    }
    samples = dict.fromkeys(sample for obs in annotations.values() for sample in obs.index)
    return Dataset(modalities, pd.DataFrame(index=pd.Index(list(samples), dtype=object)), annotations)


def _with_labels(dataset: Dataset, labels: pd.DataFrame, path: str) -> Dataset:
    """The data with the columns of a table of labels; they replace columns of the same name."""
    known = labels.index.isin(dataset.obs.index)
    if not known.any():
        raise DataError(
            f"{path} names no sample of the data: it has {listed(map(str, labels.index[:3]))}, the data have "
            f"{listed(map(str, dataset.obs.index[:3]))}",
            hint="its first column must hold the names of the samples as the modalities have them",
        )
    if not known.all():
        log.warning("%s: in no modality, and ignored: %s", path, counted_of((~known).sum(), len(labels), "sample"))
    replaced = [column for column in labels if column in dataset.obs]
    if replaced:
        log.warning("columns of the data replaced by those of %s: %s", path, listed(map(str, replaced)))
    obs = dataset.obs.drop(columns=replaced).join(labels)
    return replace(dataset, obs=obs[list(dict.fromkeys([*dataset.obs, *labels]))])
