"""How many shared latents each replicate gets: as asked for, else by what its training samples show."""

from __future__ import annotations

import logging

import numpy as np

from mmvae_cli.config import TrainConfig
from mmvae_cli.evaluation.shared_rank import shared_rank
from mmvae_cli.model.objectives import OBJECTIVES
from mmvae_cli.pipeline.latent_sizes import DEFAULT_SIZE, SHARED, asks_for_shared, latent_sizes, warn_of_many
from mmvae_cli.pipeline.prepared import Prepared
from mmvae_cli.pipeline.study import Study
from mmvae_cli.training.run import ModalityRecord

log = logging.getLogger("mmvae_cli")

MOST_SHARED = 32


def shared_sizes(prepared: Prepared, config: TrainConfig) -> list[int]:
    """Shared latents of each replicate; 0 where screening finds no shared signal: no factors are invented.

    By evidence there are as many as linear components are needed, see ``evaluation.shared_rank``, from 4 to 32: a
    curved factor takes more room than a straight one while it is learned, and what is not needed costs little.
    """
    private, asked = latent_sizes(config.latent, prepared.study.aligned.file_order)
    by_evidence = OBJECTIVES[config.model].shared_path and not asks_for_shared(config.latent)
    n_training = int((prepared.study.splits == "train").sum(1).min())
    warn_of_many(private if by_evidence else {**private, SHARED: asked}, n_training)
    study = prepared.depth_free if by_evidence else prepared.study
    n_different = max(len(prepared.study.splits), *(len(_roles(record)) for record in prepared.records))
    sizes = []
    for replicate in range(n_different):
        if not any(record.view(_roles(record), replicate).any() for record in prepared.records):
            sizes.append(0)
        elif by_evidence:
            sizes.append(int(np.clip(_evidence(prepared, study, replicate), DEFAULT_SIZE, MOST_SHARED)))
        else:
            sizes.append(asked)
    if by_evidence and any(sizes):
        several = "" if len(set(sizes)) == 1 else f" (from {min(sizes)} to {max(sizes)} in the replicates)"
        log.info("%d shared latents%s, by evidence; --latent shared=N sets their number", sizes[0], several)
    return sizes if len(sizes) == config.replicates else sizes * config.replicates


def _roles(record: ModalityRecord) -> np.ndarray:
    """(1 or replicates, n_features) True for the features that shared latents may see."""
    return np.ones(record.columns.shape, dtype=bool) if record.role_shared is None else record.role_shared


def _evidence(prepared: Prepared, study: Study, replicate: int) -> int:
    """Rank of the prediction of modalities from each other, in the training samples of a replicate."""
    train = study.part("train", replicate if len(study.splits) > 1 else 0)
    seen, values, observed = study.seen_by(replicate).aligned, {}, {}
    for record in prepared.records:
        shared = record.view(_roles(record), replicate)
        places = prepared.places(record)[record.view(record.columns, replicate)[shared]]
        values[record.name] = seen.taken(record.name, places, train)
        observed[record.name] = study.aligned.rows[record.name][train] >= 0
    told = None if study.covariates is None else study.covariates.plain()[train]  # what it explains needs no latents
    return shared_rank(values, observed, told)
