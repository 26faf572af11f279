"""Read the input of a command and refuse what no model could be trained on."""

from __future__ import annotations

import logging

import numpy as np
from mudata import MuData

from mmvae_cli.data.copies import warn_of_copies
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.formats import Source, modality_names, read
from mmvae_cli.data.names import like
from mmvae_cli.data.on_disk import blocks
from mmvae_cli.data.validate import require_overlap, require_several, validate
from mmvae_cli.data_options import DataOptions
from mmvae_cli.errors import counted
from mmvae_cli.pipeline.per_modality import per_modality

log = logging.getLogger("mmvae_cli")


def load(source: Source | MuData, options: DataOptions, *, lazily: bool = False) -> Dataset:
    """Read the modalities asked for, in the order asked for; values stay on disk where ``lazily`` is set.

    Raises
    ------
    DataError
        If they cannot be used together.
    """
    asked = list(options.modalities) or None
    layers = per_modality(options.layer, asked or modality_names(source), "--layer")
    chosen = {name: str(layer) for name, layer in layers.items() if layer is not None}
    dataset = read(source, asked, chosen, lazily=lazily)
    require_several(dataset)
    validate(dataset, masked=options.missing_values == "mask")
    _report_missing_entries(dataset)
    require_overlap(dataset)
    _warn_of_like_names(dataset)
    warn_of_copies(dataset)
    return dataset


def _report_missing_entries(dataset: Dataset) -> None:
    """Say how many entries are missing: they are masked, and never taken for values."""
    for name, modality in dataset.modalities.items():
        dense = (block for block in blocks(modality.values) if isinstance(block, np.ndarray))
        if n_missing := sum(int(np.isnan(block).sum()) for block in dense):
            log.info(
                "modality %r: %s of %s entries are missing; no likelihood scores them, and encoders see the training "
                "mean there (--missing-values error refuses them)",
                name, f"{n_missing:,}", f"{modality.values.shape[0] * modality.n_features:,}",
            )  # fmt: skip


def _warn_of_like_names(dataset: Dataset) -> None:
    """Two names of one sample would look like missing modalities."""
    found = like(dataset.obs.index.astype(str).tolist())
    if found:
        log.warning(
            "%s differ by case or blanks only, such as %s and %s; they are taken as different samples",
            counted(len(found), "sample name"), *found[:2],
        )  # fmt: skip
