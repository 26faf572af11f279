"""``mmvae train``: read, prepare, fit all replicates, save the run, embed every sample."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mudata import MuData

from mmvae_cli.config import TrainConfig, resolved
from mmvae_cli.data.aligned import input_hash
from mmvae_cli.data.covariates import n_columns
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.folders import fresh_folder, require_free
from mmvae_cli.data.formats import Source
from mmvae_cli.errors import UsageError
from mmvae_cli.model.objectives import OBJECTIVES
from mmvae_cli.model.spec import LabelSpec, ModalitySpec, ModelSpec
from mmvae_cli.model.vae import MultimodalVAE
from mmvae_cli.pipeline.apply import match
from mmvae_cli.pipeline.embed import embedding_updates
from mmvae_cli.pipeline.intervals import WIDTHS, interval_widths
from mmvae_cli.pipeline.latent_sizes import latent_sizes
from mmvae_cli.pipeline.load import load
from mmvae_cli.pipeline.loadings import arrange, loading_updates
from mmvae_cli.pipeline.memory import require_memory
from mmvae_cli.pipeline.not_finite import named
from mmvae_cli.pipeline.on_disk import stays_on_disk
from mmvae_cli.pipeline.one_model import OF_A_MODEL
from mmvae_cli.pipeline.outcome import MODEL, Outcome, with_record
from mmvae_cli.pipeline.per_modality import per_modality
from mmvae_cli.pipeline.prepared import Prepared, with_roles
from mmvae_cli.pipeline.recipe import recipe_of
from mmvae_cli.pipeline.replicates import select_replicate
from mmvae_cli.pipeline.sampling import in_memory
from mmvae_cli.pipeline.screen import OnScreening, find_roles, role_updates
from mmvae_cli.pipeline.select import RANKED_FOR, selection_label, selection_updates
from mmvae_cli.pipeline.shared_sizes import shared_sizes
from mmvae_cli.pipeline.start import start_at_means
from mmvae_cli.pipeline.streamed import training_data
from mmvae_cli.pipeline.study import Study, warn_of_few_held_out
from mmvae_cli.pipeline.tracking import OnEpoch, tracked
from mmvae_cli.pipeline.training_input import training_input
from mmvae_cli.pipeline.training_record import data_record, label_record, seeds, summary, training_entries
from mmvae_cli.pipeline.unlike_training import sample_marks
from mmvae_cli.training.diagnose import NonFiniteLossError
from mmvae_cli.training.fit import EpochReport, FitResult, fit
from mmvae_cli.training.hardware import at_most_threads, choose_device
from mmvae_cli.training.identity import model_hash
from mmvae_cli.training.run import Run, roles_of, save_run
from mmvae_cli.training.source import Data, padded_rows
from mmvae_cli.versions import versions

log = logging.getLogger("mmvae_cli")


@dataclass(frozen=True)
class Fitted:
    """A trained run in memory: nothing is written yet.

    Attributes
    ----------
    prepared
        The study, and what was made of it on training samples.
    """

    run: Run
    history: Sequence[EpochReport]
    prepared: Prepared


def fit_run(
    dataset: Dataset,
    config: TrainConfig,
    *,
    data: dict[str, Any] | None = None,
    command_line: str = "",
    on_epoch: OnEpoch | None = None,
    on_screening: OnScreening | None = None,
) -> Fitted:
    """Prepare a data set and train all replicates on it; writes nothing.

    Parameters
    ----------
    data
        Where the data came from, for the run's record.
    """
    config = resolved(config)
    if config.supervised and config.label is None:
        raise UsageError("--supervised needs a label", hint="name its column with --label")
    if config.condition_encoders and not config.covariate:
        raise UsageError("--condition-encoders needs a covariate", hint="name its column with --covariate")
    latent_sizes(config.latent, list(dataset.modalities))  # refused before anything is computed, as is:
    per_modality(config.modality_weight, list(dataset.modalities), "--modality-weight")
    study, prepared = training_input(dataset, config)
    warn_of_few_held_out(study.splits)
    device = choose_device(config.device)
    require_memory(prepared, config, device)
    some = in_memory(prepared, "screening and number of shared latents")
    if OBJECTIVES[config.model].shared_path if config.screen is None else config.screen:
        screenings, read = find_roles(
            some.depth_free, some.entering(), config.key, config, config.seed, on_screening, some.nuisance
        )
        prepared, some = (with_roles(each, screenings, roles_read=read) for each in (prepared, some))
    sizes = shared_sizes(some, config)
    del some  # its values
    model = MultimodalVAE(_spec(prepared, config, sizes), seeds(config), roles_of(prepared.records), sizes).to(device)
    start_at_means(model, prepared.records)
    result = _fit(model, training_data(prepared, config, device), prepared, config, on_epoch)
    chosen = select_replicate(result.score, best=config.splits == "same")
    origin = {**(data or {"path": None, "inputs": []}), "hash": input_hash(study.aligned, study.columns)}
    run = _run(prepared, config, model.cpu(), sizes, result, chosen, origin, command_line)
    return Fitted(run, result.history, prepared)


def train(
    source: Source | MuData,
    config: TrainConfig,
    *,
    force: bool = False,
    data_path: Path | None = None,
    command_line: str = "",
    on_epoch: OnEpoch | None = None,
    on_screening: OnScreening | None = None,
) -> Outcome:
    """Train a model and embed every sample; the run folder is finished before anything is returned.

    Parameters
    ----------
    data_path
        The file that will hold data and results, for later commands; None for an object in memory.
    """
    require_free(config.run, force=force)
    with at_most_threads(config.threads), tracked(config, on_epoch) as (report, finish):
        return finish(_train(source, config, force, data_path, command_line, report, on_screening))


def _train(
    source: Source | MuData,
    config: TrainConfig,
    force: bool,
    data_path: Path | None,
    command_line: str,
    on_epoch: OnEpoch | None,
    on_screening: OnScreening | None,
) -> Outcome:
    lazily = stays_on_disk(config.on_disk, source, config.modalities or None, config.layer)
    if lazily and config.replicates > 1 and config.splits == "own":
        raise UsageError("--splits own is for values in memory", hint="with --on-disk all replicates have one split")
    dataset = load(source, config, lazily=lazily)
    origin = data_record(source, data_path)
    fitted = fit_run(
        dataset, config, data=origin, command_line=command_line, on_epoch=on_epoch, on_screening=on_screening
    )
    prepared, chosen = fitted.prepared, fitted.run.replicate
    matched = match(fitted.run, dataset, own=True)
    for replicate in range(fitted.run.n_replicates):
        arrange(matched, replicate)
    run = replace(fitted.run, record={**fitted.run.record, WIDTHS: interval_widths(matched)})
    with fresh_folder(config.run, force=force) as folder:
        save_run(run, fitted.history, folder)
        model = model_hash(folder)
    applied = matched.replicate(chosen)
    updates = {
        **embedding_updates(applied, applied.embed(np.arange(len(applied.aligned.names))), config.key),
        **loading_updates(applied, config.key),
        **selection_updates(prepared, config.key, chosen),
        **({} if prepared.roles_read else role_updates(prepared.screenings or [], config.key, chosen)),
    }
    entries = {**training_entries(run, fitted.history, config, command_line), MODEL: model}
    ranked_for = selection_label(prepared.study, config)
    if prepared.selections and ranked_for is not None:
        entries[RANKED_FOR] = ranked_for
    return Outcome(
        run.record["summary"], with_record(updates, applied.aligned, config.key, entries, replaces=OF_A_MODEL)
    )


def _run(
    prepared: Prepared,
    config: TrainConfig,
    model: MultimodalVAE,
    sizes: list[int],
    result: FitResult,
    chosen: int,
    data: dict[str, Any],
    command_line: str,
) -> Run:
    """Everything that is saved."""
    study = prepared.study
    record = {
        "config": config.as_dict(),
        "key": config.key,
        "modality_order": study.aligned.file_order,
        "label": label_record(study),
        "data": data,
        "versions": versions(),
        "command_line": command_line,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "n_shared": sizes,
        "summary": summary(prepared, config, model, sizes, result, chosen),
    }
    splits = _all_splits(study, config)
    design = () if study.covariates is None else study.covariates.design
    records = tuple(replace(one, marks=sample_marks(study.aligned, one)) for one in prepared.records)
    return Run(model.spec, model, records, study.aligned.names, splits, chosen, record, design)


def _all_splits(study: Study, config: TrainConfig) -> np.ndarray:
    return study.splits if len(study.splits) == config.replicates else np.repeat(study.splits, config.replicates, 0)


def _spec(prepared: Prepared, config: TrainConfig, sizes: list[int]) -> ModelSpec:
    private, _ = latent_sizes(config.latent, prepared.study.aligned.file_order)
    label, covariates = prepared.study.label, prepared.study.covariates
    label_spec = None
    if config.supervised and label is not None:
        likelihood = {0: "gaussian", 2: "bernoulli"}.get(len(label.classes), "categorical")
        label_spec = LabelSpec(likelihood, len(label.classes))
    return ModelSpec(
        tuple(
            ModalitySpec(record.name, record.columns.shape[1], private[record.name], record.likelihood)
            for record in prepared.records
        ),
        max(sizes),
        OBJECTIVES[config.model].posterior,
        joint=config.joint,
        label=label_spec,
        shared_path=OBJECTIVES[config.model].shared_path,
        n_covariates=0 if covariates is None else n_columns(covariates.design),
        condition_encoders=config.condition_encoders,
    )


def _rows(data: Data, chosen: np.ndarray) -> list[int]:
    """Numbers of the samples that are chosen (n_samples,), in the order in which they are read fastest."""
    rows = torch.from_numpy(np.flatnonzero(chosen))
    return rows[data.reading_order(rows)].tolist()


def _fit(
    model: MultimodalVAE, data: Data, prepared: Prepared, config: TrainConfig, on_epoch: OnEpoch | None
) -> FitResult:
    study = prepared.study
    device = next(model.parameters()).device
    splits = _all_splits(study, config)
    rows = {part: [_rows(data, split == part) for split in splits] for part in ("train", "validation")}
    validation = padded_rows(rows["validation"], device) if all(rows["validation"]) else None
    recipe = recipe_of(prepared, config, len(rows["train"][0]), device)
    if validation is None and recipe.patience:
        log.info("no validation samples: training runs to the last epoch")
        recipe = replace(recipe, patience=0)
    elif validation is not None and not (study.aligned.observed.sum(1)[splits[0] == "validation"] > 1).any():
        log.warning("no validation sample has two modalities: the training loss decides which weights are kept")
    focus = tuple(
        None
        if record.shared_set is None or not record.shared_set.any()
        else torch.from_numpy(record.shared_set).to(device)
        for record in prepared.records
    )
    try:
        return fit(
            model,
            OBJECTIVES[config.model],
            data,
            padded_rows(rows["train"], device),
            validation,
            recipe,
            seeds(config),
            focus=focus,
            on_epoch=on_epoch,
        )
    except NonFiniteLossError as error:
        raise named(error, prepared.records) from None
