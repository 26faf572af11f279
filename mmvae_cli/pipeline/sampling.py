"""What is fitted on values that stay on disk and cannot be fitted block by block, is fitted on some of the samples."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from mmvae_cli.data.aligned import Aligned
from mmvae_cli.data.dataset import Dataset, Modality
from mmvae_cli.data.on_disk import OnDisk
from mmvae_cli.data.random import keyed_generator
from mmvae_cli.errors import counted_of
from mmvae_cli.pipeline.prepared import Prepared
from mmvae_cli.pipeline.streamed import on_disk_modalities
from mmvae_cli.pipeline.study import Study
from mmvae_cli.training.run import Run

log = logging.getLogger("mmvae_cli")

MOST_SAMPLES = 20_000
MOST_VALUES = 100_000_000  # of all modalities together: screening holds some copies of them
FEWEST_SAMPLES = 1000


def fitting_sample(study: Study, what: str | None = None) -> Study:
    """Return a study in memory: the same where it is, else some training samples of it, drawn at random.

    They are the same ones whatever the seed of the training.

    Parameters
    ----------
    study
        With one split, where values are on disk.
    what
        What is fitted on them, for the log; None to log nothing.
    """
    if not on_disk_modalities(study.aligned):
        return study
    train = np.flatnonzero(study.part("train"))
    most = most_samples(study.aligned.modalities.values())
    chosen = np.zeros(len(study.aligned.names), dtype=bool)
    chosen[keyed_generator(0, "fitting sample").permutation(train)[:most]] = True
    if what is not None and len(train) > most:
        log.info(
            "%s: on %s, drawn at random, as the values are on disk",
            what,
            counted_of(most, len(train), "training sample"),
        )
    return replace(study, aligned=_only(study.aligned, chosen), splits=np.where(chosen, study.splits, ""))


def in_memory(prepared: Prepared, what: str) -> Prepared:
    """As ``fitting_sample``, of what was prepared."""
    return replace(prepared, study=fitting_sample(prepared.study, what))


def evaluation_sample(dataset: Dataset, run: Run) -> Dataset:
    """The same data where they are in memory; else some held-out and some training samples, whose values are then.

    The others stay in ``obs``, and lack all modalities.
    """
    if not any(isinstance(modality.values, OnDisk) for modality in dataset.modalities.values()):
        return dataset
    most = most_samples(dataset.modalities.values()) // 2
    chosen: list[str] = []
    for part in ("test", "validation", "train"):
        names = run.part(run.replicate, part)
        if len(names) > most:
            log.info(
                "evaluation: on %s, drawn at random, as values are on disk",
                counted_of(most, len(names), f"{part} sample"),
            )
        chosen.extend(keyed_generator(0, "evaluation sample", part).permutation(names)[:most])
    modalities = {}
    for name, modality in dataset.modalities.items():
        rows = np.flatnonzero(modality.obs.index.isin(chosen))
        modalities[name] = replace(modality, values=modality.values[rows], obs=modality.obs.iloc[rows])
    return replace(dataset, modalities=modalities)


def most_samples(modalities: Iterable[Modality]) -> int:
    """How many samples are taken into memory together."""
    n_features = sum(modality.n_features for modality in modalities)
    return max(FEWEST_SAMPLES, min(MOST_SAMPLES, MOST_VALUES // max(n_features, 1)))


def _only(aligned: Aligned, chosen: np.ndarray) -> Aligned:
    """Aligned values of which only those of some samples (n_samples,) are there, in memory."""
    modalities, rows = {}, {}
    for name, modality in aligned.modalities.items():
        own = np.sort(aligned.own_rows(name, chosen))
        modalities[name] = replace(modality, values=modality.values[own], obs=modality.obs.iloc[own])
        has = chosen & (aligned.rows[name] >= 0)
        rows[name] = np.where(has, np.searchsorted(own, aligned.rows[name]), -1)
    return replace(aligned, modalities=modalities, rows=rows)
