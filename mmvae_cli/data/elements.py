"""Single elements out of .h5mu, .h5ad and .zarr: what is not asked for is not read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from anndata.io import read_elem

from mmvae_cli.data.choose import check_layers, choose_layer, choose_modalities, no_values, require_plain_name
from mmvae_cli.data.convert import as_annotations, as_matrix, check_shape
from mmvae_cli.data.dataset import Dataset, Modality, Results
from mmvae_cli.data.members import split_member
from mmvae_cli.data.on_disk import on_disk
from mmvae_cli.data.stores import check_stored, is_array, is_group, is_zarr, opened, place_of
from mmvae_cli.data.validate import require_known_names
from mmvae_cli.errors import DataError, pick

RECORD_MARK = "mmvae_version"  # a group of uns that holds it was written by this tool


def modality_names(path: Path) -> list[str]:
    """Names of the modalities of an .h5mu file or .zarr folder, in its order."""
    with opened(path) as file:
        return _names(_modalities(file, path))


def read_mudata(
    path: Path, modalities: Sequence[str] | None, layers: Mapping[str, str] | None, *, lazily: bool = False
) -> Dataset:
    """Read the modalities asked for from an .h5mu file or .zarr folder.

    Parameters
    ----------
    path
        The file.
    modalities
        Names, in the order they shall have; None for all.
    layers
        The layer to read instead of ``X``, by modality.
    lazily
        Leave the values on disk, see ``data.on_disk``.

    Raises
    ------
    InputNotFoundError
        If there is no such file.
    DataError
        If it is no MuData, is damaged, or lacks what was asked for.
    """
    with opened(path) as file:
        groups = _modalities(file, path)
        names = _names(groups)
        chosen = choose_modalities(modalities, names)
        layer_of = check_layers(layers, names)
        annotations = {name: _annotations(groups[name], "obs") for name in names}
        dataset = Dataset(
            {
                name: _modality(groups[name], name, layer_of.get(name), annotations[name], path if lazily else None)
                for name in chosen
            },
            _annotations(file, "obs"),
            annotations,
            _own_records(file),
            path,
        )
    require_known_names(dataset)
    return dataset


def bytes_in_memory(path: Path, modalities: Sequence[str] | None, layers: Mapping[str, str] | None) -> float:
    """Bytes that the values of a MuData would take, by what it says of their sizes; parameters as ``read_mudata``."""
    found = 0.0
    with opened(path) as file:
        groups = _modalities(file, path)
        for name in choose_modalities(modalities, _names(groups)):
            layer = (layers or {}).get(name)
            element = groups[name].get("X" if layer is None else f"layers/{layer}")
            if is_array(element):
                found += 4.0 * float(np.prod(element.shape))
            elif element is not None and "data" in element:
                found += 8.0 * element["data"].shape[0]
    return found


def read_anndata(path: Path, name: str, layer: str | None) -> Modality:
    """Read an .h5ad file as the modality ``name``."""
    with opened(path) as file:
        return _modality(_anndata(file, path), name, layer, _annotations(file, "obs"))


def anndata_annotations(path: Path, name: str) -> pd.DataFrame:
    """The ``obs`` of an .h5ad file."""
    with opened(path) as file:
        return _annotations(_anndata(file, path), "obs")


def read_member(path: Path, name: str, layer: str | None) -> Modality:
    """Read one modality of a MuData, addressed as ``file.h5mu/itsname``, as the modality ``name``.

    Without ``itsname`` the path is that of an AnnData in a .zarr folder.
    """
    path, inner = split_member(path)
    with opened(path) as file:
        group = _member(file, path, inner)
        return _modality(group, name, layer, _annotations(group, "obs"))


def member_annotations(path: Path, name: str) -> pd.DataFrame:
    """The ``obs`` of what ``read_member`` reads."""
    path, inner = split_member(path)
    with opened(path) as file:
        return _annotations(_member(file, path, inner), "obs")


def read_results(path: Path, key: str) -> Results:
    """Read what commands wrote of the features under a key; no values."""
    with opened(path) as file:
        groups = _modalities(file, path)
        names = _names(groups)
        return Results(
            dict(cast("Mapping[str, object]", _own_records(file).get(key, {}))),
            {name: _annotations(groups[name], "var") for name in names},
            *(
                {
                    name: np.asarray(read_elem(groups[name]["varm"][kind]))
                    for name in names
                    if kind in groups[name].get("varm", {})
                }
                for kind in (f"{key}_loadings", f"{key}_variance")
            ),
        )


def _modalities(file: Any, path: Path) -> Any:
    """The group of the modalities, once the file is known to be MuData of the right kind."""
    if is_group(file.get("mod")):
        axis = int(file.attrs.get("axis", 0))
        if axis != 0:
            raise DataError(
                f"the modalities of {path} share features (axis={axis})",
                hint="mmvae needs modalities that share samples: a MuData object with axis=0",
            )
        return file["mod"]
    if "X" in file or file.attrs.get("encoding-type") == "anndata":
        new_name = path.name if is_zarr(path) else path.with_suffix(".h5ad").name
        renamed = "" if is_zarr(path) else "rename it to .h5ad and "
        raise DataError(
            f"{path} is an AnnData file, which holds one modality", hint=f"{renamed}name its modality: rna={new_name}"
        )
    raise DataError(f"{path} is {_kind(path)} but not MuData: it has no group 'mod'", hint="write it with MuData.write")


def _anndata(file: Any, path: Path) -> Any:
    if is_group(file.get("mod")):
        give = f"give {path}/NAME" if is_zarr(path) else f"rename it to {path.with_suffix('.h5mu').name}"
        raise DataError(f"{path} is a MuData file with several modalities", hint=f"{give}, or give it alone")
    if "obs" not in file or "var" not in file:
        raise DataError(
            f"{path} is {_kind(path)} but not AnnData: it has no obs and var", hint="write it with AnnData.write"
        )
    return file


def _kind(path: Path) -> str:
    return "zarr" if is_zarr(path) else "HDF5"


def _names(groups: Any) -> list[str]:
    """Modalities in the order mudata restores; groups it does not list come last."""
    order = [str(name) for name in groups.attrs.get("mod-order", []) if name in groups]
    for name in order:
        require_plain_name(name)
    return list(dict.fromkeys([*order, *sorted(groups)]))  # a folder has no order


def _member(file: Any, path: Path, name: str) -> Any:
    if not name and is_zarr(path):
        return _anndata(file, path)
    groups = _modalities(file, path)
    return groups[pick(name, _names(groups), "modality")]


def _modality(group: Any, name: str, layer: str | None, obs: pd.DataFrame, path: Path | None = None) -> Modality:
    """One modality; its values stay on disk where a path is given."""
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
    if is_array(element):
        check_shape(element.shape, shape, where)  # before a wrong size fills the memory
    check_stored(element, where)
    if path is not None:
        return Modality(name, on_disk(path, element, shape, where), obs, var, layer)
    return Modality(name, as_matrix(read_elem(element), shape, where), obs, var, layer)


def _annotations(group: Any, key: str) -> pd.DataFrame:
    frame = read_elem(group[key]) if key in group else None
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"{group.name!r} of {place_of(group)} has no table {key!r}",
            hint="write the file again with a recent anndata and mudata",
        )
    return as_annotations(frame)


def _own_records(file: Any) -> dict[str, object]:
    """What this tool wrote into ``uns``; nothing else of it is read."""
    uns = file.get("uns", {})
    elements = {key: uns[key] for key in uns}
    return {
        key: read_elem(element)
        for key, element in elements.items()
        if is_group(element) and (RECORD_MARK in element or RECORD_MARK in element.attrs)
    }
