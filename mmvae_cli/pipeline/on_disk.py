"""Whether the values of a command stay on disk: as asked for, else where they would not fit into memory."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from mudata import MuData

from mmvae_cli.data.elements import bytes_in_memory
from mmvae_cli.data.formats import Source
from mmvae_cli.errors import UsageError
from mmvae_cli.training.memory import free_memory

log = logging.getLogger("mmvae_cli")

COPIES = 2.5  # of the values that a command holds at most


def stays_on_disk(
    asked: bool | None, source: Source | MuData, modalities: Sequence[str] | None, layers: Mapping[str, str] | None
) -> bool:
    """Decide whether values are read in blocks.

    Parameters
    ----------
    asked
        ``--on-disk`` or ``--no-on-disk``; None decides by the free memory.
    modalities, layers
        As in ``formats.read``.

    Raises
    ------
    UsageError
        If it is asked for, and the data are no MuData file.
    """
    file = source.mudata_file if isinstance(source, Source) else None
    if file is None:
        if asked:
            raise UsageError("--on-disk reads an .h5mu file or .zarr folder", hint="write the data into one of these")
        return False
    if asked is not None:
        return asked
    needed, free = COPIES * bytes_in_memory(file, modalities, layers), free_memory()
    if free is None or needed <= free:
        return False
    log.info(
        "values stay on disk (--on-disk): in memory they would take about %.1f GB, %.1f GB are free "
        "(--no-on-disk reads them nevertheless)",
        needed / 1e9, free / 1e9,
    )  # fmt: skip
    return True
