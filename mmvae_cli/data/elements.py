"""Single elements out of .h5mu and .h5ad files: what is not asked for is not read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import pandas as pd
from anndata.io import read_elem

from mmvae_cli.data.choose import check_layers, choose_layer, choose_modalities, no_values
from mmvae_cli.data.convert import as_annotations, as_matrix, check_shape
from mmvae_cli.data.dataset import Dataset, Modality
from mmvae_cli.data.members import split_member
from mmvae_cli.data.validate import require_known_names
from mmvae_cli.errors import DataError, InputNotFoundError, MmvaeError, pick

RECORD_MARK = "mmvae_version"  # a group of uns that holds it was written by this tool
KNOWN_FAILURES = {  # part of the message of h5py: what was found, what to do
    "truncated file": ("is truncated: its end is missing", "copy, download or write it again"),
    "signature not found": ("is not an HDF5 file", "give an .h5mu or .h5ad file, or name=table.csv per modality"),
    "unable to lock": ("is locked by another program", "close the program that has it open for writing"),
}


def modality_names(path: Path) -> list[str]:
    """Names of the modalities of an .h5mu file, in its order."""
    with opened(path) as file:
        return _names(_modalities(file, path))


def read_mudata(path: Path, modalities: Sequence[str] | None, layers: Mapping[str, str] | None) -> Dataset:
    """Read the modalities asked for from an .h5mu file.

    Parameters
    ----------
    path
        The file.
    modalities
        Names, in the order they shall have; None for all.
    layers
        The layer to read instead of ``X``, by modality.

    Raises
    ------
    InputNotFoundError
        If there is no such file.
    DataError
        If it is no .h5mu file, is damaged, or lacks what was asked for.
    """
    with opened(path) as file:
        groups = _modalities(file, path)
        names = _names(groups)
        chosen = choose_modalities(modalities, names)
        layer_of = check_layers(layers, names)
        annotations = {name: _annotations(groups[name], "obs") for name in names}
        dataset = Dataset(
            {name: _modality(groups[name], name, layer_of.get(name), annotations[name]) for name in chosen},
            _annotations(file, "obs"),
            annotations,
            _own_records(file),
            path,
        )
    require_known_names(dataset)
    return dataset


def read_anndata(path: Path, name: str, layer: str | None) -> Modality:
    """Read an .h5ad file as the modality ``name``."""
    with opened(path) as file:
        return _modality(_anndata(file, path), name, layer, _annotations(file, "obs"))


def anndata_annotations(path: Path, name: str) -> pd.DataFrame:
    """The ``obs`` of an .h5ad file."""
    with opened(path) as file:
        return _annotations(_anndata(file, path), "obs")


def read_member(path: Path, name: str, layer: str | None) -> Modality:
    """Read one modality of an .h5mu file, addressed as ``file.h5mu/itsname``, as the modality ``name``."""
    path, inner = split_member(path)
    with opened(path) as file:
        group = _member(file, path, inner)
        return _modality(group, name, layer, _annotations(group, "obs"))


def member_annotations(path: Path, name: str) -> pd.DataFrame:
    """The ``obs`` of one modality of an .h5mu file, addressed as ``file.h5mu/itsname``."""
    path, inner = split_member(path)
    with opened(path) as file:
        return _annotations(_member(file, path, inner), "obs")


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a file; whatever h5py and anndata raise on a damaged one becomes one error."""
    try:
        # network file systems often cannot lock, and reading needs no lock
        with h5py.File(path, "r", locking="best-effort") as file:
            yield file
    except MmvaeError:
        raise
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputNotFoundError(f"no such file: {path}", hint="check the path") from error
    except PermissionError as error:
        raise InputNotFoundError(f"no permission to read {path}", hint="ask its owner, or copy it") from error
    except Exception as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> DataError:
    """What is said of a file that a library could not read."""
    text = " ".join(str(error).split())[:160] or type(error).__name__
    for part, (found, hint) in KNOWN_FAILURES.items():
        if part in text:
            return DataError(f"{path} {found}", hint=hint)
    return DataError(f"{path} cannot be read: {text}", hint="the file may be damaged: copy, download or write it again")


def _modalities(file: h5py.File, path: Path) -> h5py.Group:
    """The group of the modalities, once the file is known to be MuData of the right kind."""
    if isinstance(file.get("mod"), h5py.Group):
        axis = int(file.attrs.get("axis", 0))
        if axis != 0:
            raise DataError(
                f"the modalities of {path} share features (axis={axis})",
                hint="mmvae needs modalities that share samples: a MuData object with axis=0",
            )
        return file["mod"]
    if "X" in file or file.attrs.get("encoding-type") == "anndata":
        raise DataError(
            f"{path} is an AnnData file, which holds one modality",
            hint=f"rename it to .h5ad and name its modality: rna={path.with_suffix('.h5ad').name}",
        )
    raise DataError(f"{path} is HDF5 but not MuData: it has no group 'mod'", hint="write it with MuData.write")


def _anndata(file: h5py.File, path: Path) -> h5py.File:
    if isinstance(file.get("mod"), h5py.Group):
        raise DataError(
            f"{path} is a MuData file with several modalities",
            hint=f"rename it to {path.with_suffix('.h5mu').name} and give it alone",
        )
    if "obs" not in file or "var" not in file:
        raise DataError(f"{path} is HDF5 but not AnnData: it has no obs and var", hint="write it with AnnData.write")
    return file


def _names(groups: h5py.Group) -> list[str]:
    """Modalities in the order mudata restores; groups it does not list come last."""
    order = [str(name) for name in groups.attrs.get("mod-order", []) if name in groups]
    return list(dict.fromkeys([*order, *groups]))


def _member(file: h5py.File, path: Path, name: str) -> h5py.Group:
    groups = _modalities(file, path)
    return groups[pick(name, _names(groups), "modality")]


def _modality(group: h5py.Group, name: str, layer: str | None, obs: pd.DataFrame) -> Modality:
    layers = list(group.get("layers", {}))
    if layer is not None:
        place, element = f"layer {layer!r}", group["layers"][choose_layer(name, layer, layers)]
    else:
        place, element = "X", group.get("X")
    if element is None or element.attrs.get("encoding-type") == "null":
        raise no_values(name, layers)
    var = _annotations(group, "var")
    shape = (len(obs), len(var))
    where = f"{place} of modality {name!r}"
    if isinstance(element, h5py.Dataset):
        check_shape(element.shape, shape, where)  # before a wrong size fills the memory
    return Modality(name, as_matrix(read_elem(element), shape, where), obs, var, layer)


def _annotations(group: h5py.Group, key: str) -> pd.DataFrame:
    frame = read_elem(group[key]) if key in group else None
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"{group.name!r} of {group.file.filename} has no table {key!r}",
            hint="write the file again with a recent anndata and mudata",
        )
    return as_annotations(frame)


def _own_records(file: h5py.File) -> dict[str, object]:
    """What this tool wrote into ``uns``; nothing else of it is read."""
    uns = file.get("uns", {})
    return {
        key: read_elem(element)
        for key, element in uns.items()
        if isinstance(element, h5py.Group) and (RECORD_MARK in element or RECORD_MARK in element.attrs)
    }
