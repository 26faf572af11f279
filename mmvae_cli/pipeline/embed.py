"""``mmvae embed``: latent embeddings of every sample, also of new ones."""

from __future__ import annotations

import logging

import numpy as np
from mudata import MuData

from mmvae_cli.config import EmbedConfig
from mmvae_cli.data.covariates import AVERAGE
from mmvae_cli.data.formats import Source
from mmvae_cli.errors import counted
from mmvae_cli.pipeline.apply import Applied, match
from mmvae_cli.pipeline.one_model import with_model_record
from mmvae_cli.pipeline.outcome import Outcome
from mmvae_cli.pipeline.reuse import open_data
from mmvae_cli.training.run import Run, load_run

log = logging.getLogger("mmvae_cli")


def embed(source: Source | MuData | None, config: EmbedConfig, *, command_line: str = "") -> Outcome:
    """Embed every sample of the run's data, or of new data."""
    run = load_run(config.run)
    dataset = open_data(run, source, config.on_disk)
    # encoders that are not told covariates do not care for them
    unseen = config.unseen_covariate if run.spec.condition_encoders else AVERAGE
    applied = match(run, dataset, config.min_features, unseen_covariate=unseen).replicate(run.replicate)
    latents = applied.embed(np.arange(len(applied.aligned.names)))
    key = run.record["key"]
    without = int((~applied.observed.any(1)).sum())
    if without:
        log.warning("%s without a value in the model's modalities: the embedding is NaN", counted(without, "sample"))
    summary = {
        "command": "embed",
        "run": config.run,
        "samples": len(latents),
        "without_modality": without,
        "latents": latent_names(run),
        "missing_features": {name: len(names) for name, names in applied.missing.items()},
        "replicate": run.replicate,
    }
    updates = embedding_updates(applied, latents, key)
    entries = {"command": "embed", "embed_command_line": command_line}
    written = with_model_record(updates, run, config.run, applied.aligned, entries, replaces=("embed",))
    return Outcome(summary, written)


def block_order(run: Run) -> list[tuple[str, slice]]:
    """Blocks in the order in which they are written: private ones in the order of the file, then the shared one."""
    layout, names = run.layout(run.replicate), [modality.name for modality in run.spec.modalities]
    blocks = [(name, layout.private_block(names.index(name))) for name in run.record["modality_order"]]
    return [*blocks, ("shared", layout.shared_block)]


def latent_names(run: Run) -> list[str]:
    """Names of the columns of the joint embedding."""
    return [f"{name}_{index + 1}" for name, block in block_order(run) for index in range(block.stop - block.start)]


def embedding_updates(applied: Applied, latents: np.ndarray, key: str) -> dict[str, object]:
    """Return what an embedding (n_samples, n_latents), in the internal order, writes into the data."""
    run, aligned = applied.run, applied.aligned
    written = np.concatenate([latents[:, block] for _, block in block_order(run)], axis=1)
    updates: dict[str, object] = {
        f"obsm/X_{key}": aligned.to_file(written),
        f"obsm/X_{key}_shared": aligned.to_file(latents[:, run.layout(run.replicate).shared_block]),
        f"uns/{key}/latents": np.array(latent_names(run), dtype=object),
    }
    for name, block in block_order(run)[:-1]:
        if name in aligned.modalities:
            updates[f"mod/{name}/obsm/X_{key}_private"] = aligned.to_own(name, latents[:, block])
    return updates
