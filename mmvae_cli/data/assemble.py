"""MuData objects from separate modalities: simulated ones, and those of input that was no .h5mu file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mmvae_cli.data import tables
from mmvae_cli.data.delimited import plain_suffix
from mmvae_cli.data.formats import Source
from mmvae_cli.data.members import split_member
from mmvae_cli.data.quiet import quiet_mudata
from mmvae_cli.data.stores import is_zarr

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData


def assemble(modalities: Mapping[str, AnnData]) -> MuData:
    """Make a MuData whose global tables hold no copies of the modalities' columns; it says nothing about names.

    Its samples are all samples in order of first appearance.
    """
    import mudata

    with quiet_mudata():
        return mudata.MuData(dict(modalities))


def whole_mudata(source: Source) -> MuData:
    """Read everything that the files of a source hold, also what no command reads: results are written into it.

    Returns
    -------
    Modalities in the order of the source, samples in the order in which ``read`` gives them; the labels of a
    separate table are in ``obs``.
    """
    mdata = assemble({name: _whole_modality(source, name) for name in source.files})
    if source.obs is not None:
        mdata.obs = mdata.obs.join(tables.read_annotations(source.obs))
    return mdata


def _whole_modality(source: Source, name: str) -> AnnData:
    import anndata

    path = source.files[name]
    file, member = split_member(path)
    if plain_suffix(file) == ".h5mu":
        import mudata

        return mudata.read_h5ad(file, member)
    if is_zarr(file):
        return anndata.io.read_zarr(file / "mod" / member if member else file)
    if plain_suffix(file) == ".h5ad":
        return anndata.io.read_h5ad(path)
    modality = source.reader(name).modality(path, name, None)
    return anndata.AnnData(modality.values, obs=modality.obs, var=modality.var)
