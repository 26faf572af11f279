"""Read the input of a command and refuse what no model could be trained on."""

from __future__ import annotations

from mudata import MuData

from mmvae_cli.config import DataOptions
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.formats import Source, modality_names, read
from mmvae_cli.data.validate import require_overlap, require_several, validate
from mmvae_cli.pipeline.prepare import per_modality


def load(source: Source | MuData, options: DataOptions) -> Dataset:
    """Read the modalities asked for, in the order asked for.

    Raises
    ------
    DataError
        If they cannot be used together.
    """
    asked = list(options.modalities) or None
    layers = per_modality(options.layer, asked or modality_names(source), "--layer")
    chosen = {name: str(layer) for name, layer in layers.items() if layer is not None}
    dataset = read(source, asked, chosen)
    require_several(dataset)
    validate(dataset)
    require_overlap(dataset)
    return dataset
