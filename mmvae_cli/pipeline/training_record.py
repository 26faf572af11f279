"""What a training run says about itself: the summary, and the records of label and data that are saved with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mudata import MuData

from mmvae_cli.config import TrainConfig
from mmvae_cli.data.formats import Source
from mmvae_cli.model.objectives import OBJECTIVES
from mmvae_cli.model.vae import MultimodalVAE
from mmvae_cli.pipeline.outcome import as_json
from mmvae_cli.pipeline.prepared import Prepared
from mmvae_cli.pipeline.study import Study
from mmvae_cli.training.fit import EpochReport, FitResult
from mmvae_cli.training.run import Run


def seeds(config: TrainConfig) -> list[int]:
    """Seed of each replicate."""
    return [config.seed + replicate for replicate in range(config.replicates)]


def label_record(study: Study) -> dict[str, Any] | None:
    """Name, kind and classes of the label."""
    label = study.label
    return None if label is None else {"name": label.name, "kind": label.kind, "classes": list(label.classes)}


def covariate_records(study: Study) -> list[dict[str, Any]]:
    """Name, kind and categories of each covariate."""
    design = () if study.covariates is None else study.covariates.design
    return [{"name": one.name, "kind": one.kind, "categories": list(one.categories)} for one in design]


def data_record(source: Source | MuData, data_path: Path | None) -> dict[str, Any]:
    """Where the data came from and where later commands find them."""
    inputs: list[str] = []
    if isinstance(source, Source):
        files = (source.mudata_file, *source.files.values(), source.obs)
        inputs = [str(file.resolve()) for file in files if file is not None]
    return {"path": None if data_path is None else str(data_path), "inputs": inputs}


def summary(
    prepared: Prepared,
    config: TrainConfig,
    model: MultimodalVAE,
    shared_sizes: Sequence[int],
    result: FitResult,
    chosen: int,
) -> dict[str, Any]:
    """What was trained on what, and how it went; ``shared_sizes`` are the shared latents of each replicate."""
    study = prepared.study
    sizes = {part: int((study.splits[0] == part).sum()) for part in ("train", "validation", "test")}
    modalities = {name: _modality_summary(prepared, model, name, chosen) for name in study.aligned.file_order}
    n_shared = [one["n_shared_features"] for one in modalities.values()]
    return {
        "command": "train",
        "model": config.model,
        "title": ("sup-" if config.supervised else "") + OBJECTIVES[config.model].title,
        "supervised": config.supervised,
        "run": str(config.run),
        "samples": {**sizes, "unused": int((study.splits[0] == "").sum()), "all": len(study.aligned.names)},
        "split": study.split_origin,
        "label": label_record(study),
        "covariates": covariate_records(study),
        "modalities": modalities,
        "n_shared_features": None if None in n_shared else sum(n_shared),  # of the replicate that is written
        "shared_latents": shared_sizes[chosen],
        "replicate": chosen,
        "replicates": [
            {"seed": seed, "score": _finite(score), "best_epoch": epoch, "shared_latents": size}
            for seed, score, epoch, size in zip(
                seeds(config), result.score, result.best_epoch, shared_sizes, strict=True
            )
        ],
        "epochs": result.history[-1].epoch,
        "seconds": round(result.seconds, 2),
        "device": result.device,
        "threads": result.threads,
    }


def training_entries(
    run: Run, history: Sequence[EpochReport], config: TrainConfig, command_line: str
) -> dict[str, object]:
    """What ``uns`` says of a training."""
    return {
        "command": "train",
        "model": config.model,
        "parameters": as_json(config.as_dict()),
        "versions": as_json(run.record["versions"]),
        "command_line": command_line,
        "input_hash": run.record["data"]["hash"],
        "run": str(Path(config.run).resolve()),
        "seed": config.seed,
        "replicate": run.replicate,
        "training": as_json(run.record["summary"]),
        **{f"history/{name}": values for name, values in history_record(history, run.n_replicates).items()},
    }


def history_record(history: Sequence[EpochReport], n_replicates: int) -> dict[str, np.ndarray]:
    """Curves of a training, (n_replicates, n_epochs) float32; nan after the last epoch of a replicate.

    ``loss`` per training sample in nats; ``validation_score`` and ``validation_r2`` where samples are held out for it.
    """
    fields = {"loss": "loss", "validation_score": "validation", "validation_r2": "r2"}
    curves = {name: np.full((n_replicates, len(history)), np.nan, dtype=np.float32) for name in fields}
    for place, report in enumerate(history):
        for name, field in fields.items():
            for replicate, value in zip(report.replicates, getattr(report, field), strict=False):
                curves[name][replicate, place] = value
    return {name: values for name, values in curves.items() if np.isfinite(values).any()}


def _modality_summary(prepared: Prepared, model: MultimodalVAE, name: str, chosen: int) -> dict[str, Any]:
    aligned, place = prepared.study.aligned, model.names.index(name)
    record = next(record for record in prepared.records if record.name == name)
    roles = record.role_shared
    return {
        "samples": int((aligned.rows[name] >= 0).sum()),
        "features": record.columns.shape[1],
        "of": aligned.modalities[name].n_features,
        "left_out": len(prepared.left_out[name]),
        "likelihood": record.likelihood,
        "transform": record.transform,
        "private_latents": model.spec.modalities[place].n_private,
        "n_shared_features": None if roles is None else int(record.view(roles, chosen).sum()),
        "joint_weight": float(model.trust[place, chosen]),
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
