"""What all cells of a benchmark read: once per process, however many cells it runs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache

from mmvae_cli.data.annotations import find_column
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.formats import Source, parse_source
from mmvae_cli.data.labels import against_rest, warn_of_look_alikes
from mmvae_cli.data_options import DataOptions
from mmvae_cli.errors import UsageError
from mmvae_cli.pipeline.load import load

ONE_CLASS = "one class"  # column that holds a label reduced to one class against all others


@dataclass(frozen=True)
class Input:
    """Files and what is taken from them; hashable, and small enough to be sent to another process.

    Attributes
    ----------
    inputs, obs
        As on the command line.
    label, label_class
        Label of the study, and the class that it is reduced to; or None.
    transposed
        Modalities whose table has features in rows.
    digest
        SHA-256 of the files' bytes and of how they are turned: changed files are another input.
    """

    inputs: tuple[str, ...]
    obs: str | None
    modalities: tuple[str, ...]
    layers: tuple[tuple[str, str], ...]
    label: str | None
    label_class: str | None
    transposed: tuple[str, ...]
    digest: str


def input_of(inputs: Sequence[str], obs: str | None, options: DataOptions, label_class: str | None) -> Input:
    """Return what the options take from some files."""
    if label_class is not None and options.label is None:
        raise UsageError("--label-class needs a label", hint="name its column with --label")
    layers = tuple(sorted(options.layer.items()))
    turned = options.transpose
    digest = _digest(parse_source(inputs, obs, turned))
    return Input(tuple(inputs), obs, options.modalities, layers, options.label, label_class, turned, digest)


def _digest(source: Source) -> str:
    digest = hashlib.sha256()
    for file in source.paths():
        with suppress(OSError), open(file, "rb") as content:  # who reads it says what is wrong
            digest.update(hashlib.file_digest(content, "sha256").digest())
    digest.update("".join(f"\0{name}" for name in sorted(source.transposed)).encode())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def read_input(given: Input) -> Dataset:
    """Read the data; a label that is reduced to one class is the column ``ONE_CLASS``.

    Raises
    ------
    MmvaeError
        If nothing could be trained on them, or there is no such label or class.
    """
    source = parse_source(given.inputs, given.obs, given.transposed)
    dataset = load(source, DataOptions(modalities=given.modalities, layer=dict(given.layers)))
    if given.label is None:
        return dataset
    column = find_column(dataset, given.label, "label")
    if given.label_class is None:
        warn_of_look_alikes(column, f"label {given.label!r}")
        return dataset
    reduced = against_rest(column, given.label_class, given.label)
    return replace(dataset, obs=dataset.obs.assign(**{ONE_CLASS: reduced}))
