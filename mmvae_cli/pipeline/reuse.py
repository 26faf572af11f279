"""Find the data of a run again, for commands that follow ``train``."""

from __future__ import annotations

from pathlib import Path

from mudata import MuData

from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.formats import Source, modality_names, parse_source, read
from mmvae_cli.data.validate import validate
from mmvae_cli.errors import InputNotFoundError
from mmvae_cli.pipeline.on_disk import stays_on_disk
from mmvae_cli.training.run import Run


def source_of(run: Run) -> Source:
    """Return the file a run was trained on, or the one its results went to.

    Raises
    ------
    InputNotFoundError
        If it is not there any more, or the run was trained on an object in memory.
    """
    path = run.record["data"]["path"]
    if path is None:
        raise InputNotFoundError(
            "the run was trained on data in memory and knows no file", hint="give the data as an argument"
        )
    if not Path(path).exists():
        raise InputNotFoundError(f"the data of the run are not there any more: {path}", hint="give their new place")
    return parse_source([path])


def open_data(run: Run, source: Source | MuData | None, on_disk: bool | None = False) -> Dataset:
    """Read those modalities of the run that are in the given source (default: the run's own data).

    ``on_disk`` as ``asked`` in ``on_disk.stays_on_disk``.
    """
    source = source if source is not None else source_of(run)
    known = {record.name: record for record in run.modalities}
    there = [name for name in modality_names(source) if name in known]
    layers = {name: str(known[name].layer) for name in there if known[name].layer is not None}
    lazily = stays_on_disk(on_disk, source, there or None, layers)
    dataset = read(source, there or None, layers, lazily=lazily)
    validate(dataset)
    return dataset
