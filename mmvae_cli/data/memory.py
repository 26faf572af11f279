"""A MuData object in memory, read without changing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import h5py
import numpy as np
from anndata.abc import CSCDataset, CSRDataset

from mmvae_cli.data.choose import check_layers, choose_layer, choose_modalities, no_values
from mmvae_cli.data.convert import as_annotations, as_matrix
from mmvae_cli.data.dataset import Dataset, Modality, Results
from mmvae_cli.data.elements import RECORD_MARK
from mmvae_cli.data.validate import require_known_names
from mmvae_cli.errors import DataError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData


def read_memory(mdata: MuData, modalities: Sequence[str] | None, layers: Mapping[str, str] | None) -> Dataset:
    """Read a MuData object; matrices that are float32 already are shared, not copied.

    Raises
    ------
    DataError
        If its modalities share features instead of samples, or it lacks what was asked for.
    """
    if mdata.axis != 0:
        raise DataError(
            f"the modalities share features (axis={mdata.axis})",
            hint="mmvae needs modalities that share samples: a MuData object with axis=0",
        )
    names = list(mdata.mod)
    chosen = choose_modalities(modalities, names)
    layer_of = check_layers(layers, names)
    dataset = Dataset(
        {name: _modality(mdata.mod[name], name, layer_of.get(name)) for name in chosen},
        as_annotations(mdata.obs),
        {name: as_annotations(mdata.mod[name].obs) for name in names},
        _own_records(mdata),
    )
    require_known_names(dataset)
    return dataset


def results_of(mdata: MuData, key: str) -> Results:
    """What commands wrote of the features under a key into an object in memory."""
    return Results(
        _own_records(mdata).get(key, {}),
        {name: as_annotations(adata.var) for name, adata in mdata.mod.items()},
        *(
            {name: np.asarray(adata.varm[kind]) for name, adata in mdata.mod.items() if kind in adata.varm}
            for kind in (f"{key}_loadings", f"{key}_variance")
        ),
    )


def _own_records(mdata: MuData) -> dict[str, dict[str, object]]:
    return {key: dict(value) for key, value in mdata.uns.items() if isinstance(value, Mapping) and RECORD_MARK in value}


def _modality(adata: AnnData, name: str, layer: str | None) -> Modality:
    layers = [key for key in adata.layers if key is not None]  # None stands for X since anndata 0.13
    if layer is not None:
        place, values = f"layer {layer!r}", adata.layers[choose_layer(name, layer, layers)]
    else:
        place, values = "X", adata.X
    if values is None:
        raise no_values(name, layers)
    if isinstance(values, h5py.Dataset):  # an object backed by its file
        values = values[...]
    elif isinstance(values, CSRDataset | CSCDataset):
        values = values.to_memory()
    matrix = as_matrix(values, adata.shape, f"{place} of modality {name!r}")
    return Modality(name, matrix, as_annotations(adata.obs), as_annotations(adata.var), layer)
